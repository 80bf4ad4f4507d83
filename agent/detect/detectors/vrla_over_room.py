"""A lead battery that is warmer than its room."""

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.table import ADVICE, CRITICAL, Row

NAME = "vrla-over-room"


def explain(case: Case) -> AlarmEvent:
    """Explain a lead battery that is warmer than its room."""
    over_k, temp = case.banks.around.over_room[case.c], case.banks.temps.value[case.c]
    text = (
        f"{case.name()} was {over_k:.1f} K warmer than the room when raised, at {temp:.1f} degC "
        f"(limit {case.row.limit:g} K); a floating lead battery stays within 3 K, and beyond 10 K thermal "
        f"runaway is to be suspected."
    )
    return case.event(over_k, text)


DETECTOR = Detector(
    name=NAME,
    order=150,
    chemistry="VRLA",
    rows=(
        # Vendors of VRLA: 3 K over the room at most; over 10 K suspect thermal runaway.
        Row(NAME, "temperature", CRITICAL, 10.0, "K", 600.0, 3600.0, 2.0, True),
        Row(NAME, "temperature", ADVICE, 3.0, "K", 1800.0, 3600.0, 0.5, False),
    ),
    judged=(Judged("temps", At("around.over_room"), At("temps.value")),),
    explain=explain,
    sees=(
        "3 and 10 K over the room, or, where the room cools, over a block that follows it with a time "
        'constant of 3 h (`chemistry = "VRLA"`)'
    ),
    cannot_see="anything where the room is not measured",
    response="Reduce the float voltage or cut the string off; check its float current.",
)
