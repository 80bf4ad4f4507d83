"""A float current that grows."""

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels import load, surroundings
from agent.detect.table import ADVICE, WARNING, Row

NAME = "vrla-float-current"


FLOATS = Sentence(
    "vrla-float-current",
    "The float current of {where} was {now_a:.3g} A when raised, {ratio_times:.1f} times what it had been "
    "(limit {limit_times:g}): dry-out, a failing cell, or heat.",
)


def explain(case: Case) -> AlarmEvent:
    """Explain a float current that grows."""
    circuit = case.banks.around.circuit[case.c]
    ratio, now_a = circuit[surroundings.FLOAT_RATIO], circuit[surroundings.FLOAT]
    text = said(FLOATS, where=case.where, now_a=now_a, ratio_times=ratio, limit_times=case.row.limit)
    return case.event(ratio, text, expected=circuit[surroundings.FLOAT_BASELINE])


DETECTOR = Detector(
    name=NAME,
    says=(FLOATS,),
    order=160,
    chemistry="VRLA",
    rows=(
        Row(NAME, "current", WARNING, 3.0, "times", 3600.0, 86400.0, 0.5, False),
        Row(NAME, "current", ADVICE, 2.0, "times", 3600.0, 86400.0, 0.3, False),
    ),
    judged=(Judged("circuits", At("around.circuit", surroundings.FLOAT_RATIO), At("load.state", load.NOW)),),
    explain=explain,
    sees='a float current that doubles (`chemistry = "VRLA"`)',
    cannot_see="whether a rise is a boost charge or a fault",
    response="Check float voltage and temperature compensation; look for a shorted cell.",
)
