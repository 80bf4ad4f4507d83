"""Explanations of the detectors of cooling, room, load and float current. A channel of those of cooling
is a group of sensors; its place is the innermost that holds them all.
"""

import math
from dataclasses import replace

from agent.detect.alarms.states import AlarmEvent
from agent.detect.duration import duration
from agent.detect.explanations.case import Case
from agent.detect.kernels import conductance, load, surroundings


def cooling(case: Case) -> AlarmEvent:
    """Explain a whole group that heats without load."""
    around = case.banks.around
    slope, temp = around.group[case.c, surroundings.COOLING], around.median[case.c]
    text = (
        f"All sensors of {case.place or 'the unit'} heat together, {slope:.2g} K/min beyond doubt, about "
        f"{temp:.1f} degC when raised, without a load that explains it (limit {case.row.limit:g} K/min). "
        f"Check the cooling of the room."
    )
    return case.event(slope, text)


def cooling_lost(case: Case) -> AlarmEvent:
    """Explain a group that loses the heat of its load more slowly than it used to."""
    group = case.banks.around.conductance[case.c]
    times, now_per_s = group[conductance.TIMES], group[conductance.NOW]
    usual_per_s = math.exp(group[conductance.LN_BASE])
    now = f"in {duration(1.0 / now_per_s)}" if now_per_s > 0.1 * usual_per_s else "hardly at all"
    text = (
        f"{case.place or 'The unit'} lost two thirds of the heat of a load in {duration(1.0 / usual_per_s)}, "
        f"when raised {now}: cooled {times:.1f} times worse beyond doubt (limit {case.row.limit:g}). Check "
        f"fans, filters and whether air gets in and out."
    )
    return case.event(times, text, expected=1.0)


def cooling_degraded(case: Case) -> AlarmEvent:
    """Explain a group that grows ever warmer than its room."""
    group = case.banks.around.group[case.c]
    more_k, over_k = group[surroundings.DEGRADED], group[surroundings.FAST]
    text = (
        f"{case.place or 'The unit'} was {over_k:.1f} K warmer than its room when raised, {more_k:.1f} K "
        f"more than it used to be (limit {case.row.limit:g} K). Check filters and fans."
    )
    return case.event(more_k, text, expected=over_k - more_k)


def vrla_over_room(case: Case) -> AlarmEvent:
    """Explain a lead battery that is warmer than its room."""
    over_k, temp = case.banks.around.over_room[case.c], case.banks.temps.value[case.c]
    text = (
        f"{case.name()} was {over_k:.1f} K warmer than the room when raised, at {temp:.1f} degC "
        f"(limit {case.row.limit:g} K); a floating lead battery stays within 3 K, and beyond 10 K thermal "
        f"runaway is to be suspected."
    )
    return case.event(over_k, text)


def float_current(case: Case) -> AlarmEvent:
    """Explain a float current that grows."""
    circuit = case.banks.around.circuit[case.c]
    ratio, now_a = circuit[surroundings.FLOAT_RATIO], circuit[surroundings.FLOAT]
    text = (
        f"The float current of {case.place or 'the unit'} was {now_a:.3g} A when raised, "
        f"{ratio:.1f} times what it had been (limit {case.row.limit:g}): dry-out, a failing cell, or heat."
    )
    return case.event(ratio, text, expected=circuit[surroundings.FLOAT_BASELINE])


def overload(case: Case) -> AlarmEvent:
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
