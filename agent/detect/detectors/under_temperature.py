"""A temperature under its limit: lithium is plated, and water freezes."""

from dataclasses import replace

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Codes, Floats
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels.arrays import Array, Group
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.inputs import Inputs
from agent.detect.limits import below
from agent.detect.table import ADVICE, CRITICAL, WARNING, Row

NAME = "under-temperature"

COLD = Group(None, under_temperature=Array(("sensors",), first=np.nan))


@compiled
def judge_under_temperature(temps: Inputs, measured: Codes, under_temperature: Floats) -> None:
    """Score each sensor: the negative of its temperature, where the gate lets a measurement pass."""
    for c in range(temps.at.size):
        under_temperature[c] = -temps.value[c] if measured[temps.at[c]] else np.nan


COLDER = Sentence(
    "under-temperature",
    "{who} was at {temperature_degc:.1f} degC when raised, below {limit_degc:g} degC, {whose}.",
)


def explain(case: Case) -> AlarmEvent:
    """Explain a temperature under its limit."""
    temp, limit = case.banks.temps.value[case.c], 0.0 - case.row.limit
    text = said(COLDER, who=case.who, temperature_degc=temp, limit_degc=limit, whose=case.whose_limit)
    return replace(case.event(temp, text, expected=limit), limit=limit)


DETECTOR = Detector(
    name=NAME,
    says=(COLDER,),
    order=55,
    rows=(
        Row(NAME, "temperature", CRITICAL, np.inf, "degC", 10.0, 600.0, 3.0, True, 3),
        Row(NAME, "temperature", WARNING, np.inf, "degC", 30.0, 600.0, 3.0, False, 3),
        Row(NAME, "temperature", ADVICE, np.inf, "degC", 60.0, 600.0, 3.0, False, 3),
    ),
    judged=(
        Judged(
            "temps",
            At("detectors.under_temperature"),
            At("detectors.under_temperature"),
            limits=lambda channels, limits: below(limits, channels.temps.index),
        ),
    ),
    arrays=COLD,
    kernel=judge_under_temperature,
    explain=explain,
    sees="a temperature below the operating, recommended and safety limit of the site or the profile",
    cannot_see="anything where nobody gives such a limit",
    response="Do not charge a lithium battery that is so cold; heat the room.",
)
