"""A lead battery that is warmer than its room."""

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.table import ADVICE, CRITICAL, Row

NAME = "vrla-over-room"


OVER_ROOM = Sentence(
    "vrla-over-room",
    "{who} was {over_room_k:.1f} K warmer than the room when raised, at {temperature_degc:.1f} degC (limit "
    "{limit_k:g} K); a floating lead battery stays within 3 K, and beyond 10 K thermal runaway is to be "
    "suspected.",
)


def explain(case: Case) -> AlarmEvent:
    """Explain a lead battery that is warmer than its room."""
    over_k, temp = case.banks.around.over_room[case.c], case.banks.temps.value[case.c]
    text = said(OVER_ROOM, who=case.who, over_room_k=over_k, temperature_degc=temp, limit_k=case.row.limit)
    return case.event(over_k, text)


DETECTOR = Detector(
    name=NAME,
    says=(OVER_ROOM,),
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
