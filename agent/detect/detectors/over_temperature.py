"""A temperature over its limit, in three tiers."""

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels import heating
from agent.detect.limits import above
from agent.detect.table import ADVICE, CRITICAL, WARNING, Row

NAME = "over-temperature"


HOT = Sentence(
    "over-temperature",
    "{who} was at {temperature_degc:.1f} degC when raised (limit {limit_degc:g} degC, {whose}).",
)


def explain(case: Case) -> AlarmEvent:
    """Explain a temperature over its limit."""
    temp = case.banks.doubt.hot[case.c]  # also of a jump that is believed, which the gate holds back
    text = said(HOT, who=case.who, temperature_degc=temp, limit_degc=case.row.limit, whose=case.whose_limit)
    return case.event(temp, text, expected=case.row.limit)


DETECTOR = Detector(
    name=NAME,
    says=(HOT,),
    order=50,
    family="heat",
    rows=(
        # Limits of lithium cells in general: most allow 60 degC on discharge; SEI decomposes from 80 degC.
        Row(NAME, "temperature", CRITICAL, 75.0, "degC", 0.5, 600.0, 5.0, True, 2),
        Row(NAME, "temperature", WARNING, 60.0, "degC", 30.0, 600.0, 3.0, False),
        Row(NAME, "temperature", ADVICE, np.inf, "degC", 60.0, 600.0, 3.0, False),
    ),
    judged=(
        Judged(
            "temps",
            At("heat.verdict", heating.HOT),
            At("doubt.hot"),
            limits=lambda channels, limits: above(limits, channels.temps.index, 0.0),  # at it is over it
        ),
    ),
    explain=explain,
    sees=(
        "a temperature at the operating, recommended and safety limit of the site or the profile; 60 and "
        "75 degC where nobody gives one"
    ),
    cannot_see="a sensor that jumped there alone (`unproven-heat` says so)",
    response="Critical: take load and charge off this string, do not open it. Else reduce both.",
)
