"""A current, or a power, over what is allowed."""

import math
from dataclasses import replace

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.kernels import load, surroundings
from agent.detect.table import ADVICE, WARNING, Row

NAME = "overload"


def explain(case: Case) -> AlarmEvent:
    """Explain a current, or a power, over its limit: whichever is further over it."""
    circuit = case.banks.around.circuit[case.c]
    ratio = circuit[surroundings.OVERLOAD]
    amps, watts = case.banks.load.state[case.c, [load.SLOW, load.POWER]]
    _, _, most_charge_w, most_discharge_w = circuit[surroundings.LIMITS]
    by_power = not math.isnan(watts) and ratio == max(watts / most_charge_w, -watts / most_discharge_w)
    what, now = ("power", f"{watts / 1e3:.1f} kW") if by_power else ("current", f"{amps:.1f} A")
    place = case.place or "the unit"
    text = f"The {what} of {place} was {now} when raised, {100 * ratio:.0f} % of what is allowed."
    event = case.event(ratio, text, expected=1.0)
    return replace(event, quantity="power") if by_power else event


DETECTOR = Detector(
    name=NAME,
    order=120,
    rows=(
        Row(NAME, "current", WARNING, 1.2, "times", 5.0, 60.0, 0.1, False),
        Row(NAME, "current", ADVICE, 1.0, "times", 60.0, 60.0, 0.05, False),
    ),
    judged=(
        Judged(
            "circuits",
            At("around.circuit", surroundings.OVERLOAD),
            At("around.circuit", surroundings.OVERLOAD),
        ),
    ),
    explain=explain,
    sees=(
        "the current over `max_charge_a`, `max_discharge_a`, or over the profile's `[limits.current]` "
        "operating range where the site does not say; measured power over `[limits.power]`"
    ),
    cannot_see="any overload without those limits",
    response="Find what draws the current; check the limits in the configuration.",
)
