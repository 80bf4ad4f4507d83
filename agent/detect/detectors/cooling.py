"""A group of sensors that warms together without load."""

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.kernels import surroundings
from agent.detect.table import ADVICE, WARNING, Row

NAME = "cooling"


def explain(case: Case) -> AlarmEvent:
    """Explain a whole group that heats without load."""
    around = case.banks.around
    slope, temp = around.group[case.c, surroundings.COOLING], around.median[case.c]
    text = (
        f"All sensors of {case.place or 'the unit'} heat together, {slope:.2g} K/min beyond doubt, about "
        f"{temp:.1f} degC when raised, without a load that explains it (limit {case.row.limit:g} K/min). "
        f"Check the cooling of the room."
    )
    return case.event(slope, text)


DETECTOR = Detector(
    name=NAME,
    order=60,
    family="heat",
    rows=(
        Row(NAME, "temperature", WARNING, 0.1, "K/min", 120.0, 1800.0, 0.05, False),
        Row(NAME, "temperature", ADVICE, 0.02, "K/min", 300.0, 1800.0, 0.01, False),
    ),
    judged=(Judged("groups", At("around.group", surroundings.COOLING), At("around.median")),),
    explain=explain,
    sees="the median of a group warms for minutes to hours without load",
    cannot_see="what happens under load",
    response="Check fans, filters and the room's cooling.",
)
