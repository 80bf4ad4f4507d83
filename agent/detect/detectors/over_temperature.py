"""A temperature over its limit."""

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.kernels import heating
from agent.detect.table import CRITICAL, WARNING, Row

NAME = "over-temperature"


def explain(case: Case) -> AlarmEvent:
    """Explain a temperature over its limit."""
    temp = case.banks.temps.value[case.c]
    text = f"{case.name()} was at {temp:.1f} degC when raised (limit {case.row.limit:g} degC)."
    return case.event(temp, text, expected=case.row.limit)


DETECTOR = Detector(
    name=NAME,
    order=50,
    family="heat",
    rows=(
        # Limits of lithium cells in general: most allow 60 degC on discharge; SEI decomposes from 80 degC.
        Row(NAME, "temperature", CRITICAL, 75.0, "degC", 10.0, 600.0, 5.0, True),
        Row(NAME, "temperature", WARNING, 60.0, "degC", 30.0, 600.0, 3.0, False),
    ),
    judged=(Judged("temps", At("heat.verdict", heating.HOT), At("temps.value")),),
    explain=explain,
    sees="60 and 75 degC",
    cannot_see="a sensor that jumped there alone (`unproven-heat` says so)",
    response="Reduce load and charge, check cooling; take the string off where it does not fall.",
)
