"""A group of sensors that warms together without load."""

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels import surroundings
from agent.detect.table import ADVICE, WARNING, Row

NAME = "cooling"


HEATS = Sentence(
    "cooling",
    "All sensors of {where} heat together, certain rise {slope_k_per_s*60:.2g} K/min, about "
    "{temperature_degc:.1f} degC when raised, without a load that explains it (limit {limit_k_per_s*60:g} "
    "K/min). Check the cooling of the room.",
)


def explain(case: Case) -> AlarmEvent:
    """Explain a whole group that heats without load."""
    around = case.banks.around
    slope, temp = around.group[case.c, surroundings.COOLING], around.median[case.c]
    text = said(
        HEATS,
        where=case.where,
        slope_k_per_s=slope / 60.0,
        temperature_degc=temp,
        limit_k_per_s=case.row.limit / 60.0,
    )
    return case.event(slope, text)


DETECTOR = Detector(
    name=NAME,
    says=(HEATS,),
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
