"""A sensor that heats faster than its siblings."""

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.explanations.heat import as_finely, heating_at, risen, slope_event
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels import heating
from agent.detect.table import ADVICE, CRITICAL, WARNING, Row

NAME = "thermal-slope"


SLOPE = Sentence(
    "thermal-slope",
    "{who} heats {against_k_per_s*60:.2g} K/min faster than its siblings ({own_k_per_s*60:.2g} against "
    "{siblings_k_per_s*60:.{decimals}f} K/min), {temperature_degc:.1f} degC when raised{risen}; "
    "{noise_times:.0f} times its noise, certain rise {certain_k_per_s*60:.2g} K/min (limit "
    "{limit_k_per_s*60:g}).",
)
AMONG = Sentence("#up-among-them", ", {rise_k:.1f} K up among them in about {rise_s:duration}")


def explain(case: Case) -> AlarmEvent:
    """Explain a sensor that heats faster than its siblings."""
    heat, temp = heating_at(case), case.banks.temps.value[case.c]
    siblings, decimals = as_finely(heat.own - heat.against, heat.own)
    text = said(
        SLOPE,
        who=case.who,
        against_k_per_s=heat.against / 60.0,
        own_k_per_s=heat.own / 60.0,
        siblings_k_per_s=siblings / 60.0,
        decimals=decimals,
        temperature_degc=temp,
        noise_times=heat.against / heat.noise,
        certain_k_per_s=heat.certain / 60.0,
        limit_k_per_s=case.row.limit / 60.0,
        **risen(heat, AMONG),
    )
    return slope_event(case, heat, text, beyond=heat.against / heat.noise)


DETECTOR = Detector(
    name=NAME,
    says=(SLOPE, AMONG),
    order=20,
    family="heat",
    rows=(
        # A short of 0.3 ohm in a 100 Ah cell heats 1.1 K/min and ends above 100 degC; one of 1 ohm 0.34 and
        # 47 degC; self-heating is first seen at 0.02 to 0.05 K/min in calorimeters.
        Row(NAME, "temperature", CRITICAL, 0.5, "K/min", 15.0, 600.0, 0.25, True),
        Row(NAME, "temperature", WARNING, 0.1, "K/min", 10.0, 900.0, 0.05, False),
        Row(NAME, "temperature", ADVICE, 0.003, "K/min", 0.0, 1800.0, 0.002, False),
    ),
    judged=(Judged("temps", At("heat.verdict", heating.AGAINST), At("temps.value")),),
    explain=explain,
    sees=(
        "a sensor that heats against the median of its siblings, at six scales from 6 s to 1.7 h, less what "
        "load and room explain"
    ),
    cannot_see="a place without a sensor; a whole rack that heats alike",
    response="Take load and charge off this string; do not open the cabinet; use a thermal camera.",
)
