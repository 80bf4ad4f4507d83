"""Sentences a technician can act on: what was seen, against what, since when, how far beyond noise."""

import math
from dataclasses import replace

from agent.detect import imbalance
from agent.detect.alarms import AlarmEvent
from agent.detect.channels import Bank, Floats, common_place
from agent.detect.heating import Seen
from agent.detect.rows import Row


def name_of(place: str, quantity: str) -> str:
    """Return how to call a channel at the start of a sentence."""
    what = {"voltage": "Cell", "temperature": "Sensor"}.get(quantity.rpartition("_")[2], "Channel")
    return f"{what} {place}" if place else f"{what} of the unit"


def duration(seconds: float) -> str:
    """Return a length of time in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def others(members: set[int]) -> str:
    """Return the end of a sentence that tells how many more show the same."""
    more = len(members) - 1
    return f" {more} more in the same place show it too." if more > 0 else ""


def _event(
    row: Row, bank: Bank, c: int, value: float, text: str, t_s: float, since_s: float, beyond: float
) -> AlarmEvent:
    return AlarmEvent(
        detector=row.detector,
        severity=row.severity,
        state="NEW",
        location=bank.places[c],
        quantity=bank.quantities[c],
        value=round(float(value), 4),
        limit=row.limit,
        unit=row.unit,
        text=text,
        t_s=t_s,
        since_s=float(since_s),
        beyond_noise=round(float(beyond), 1),
    )


def thermal_slope(
    row: Row, bank: Bank, c: int, members: set[int], seen: Seen, temp: Floats, t_s: float
) -> AlarmEvent:
    """Explain heating against siblings."""
    text = (
        f"{name_of(bank.places[c], 'temperature')} heats {seen.against:.2g} K/min faster than its siblings "
        f"({seen.own:.2g} against {seen.own - seen.against:.2g} K/min), now {temp[c]:.1f} degC, "
        f"{seen.rise_k:.1f} K up among them in about {duration(seen.for_s)}; "
        f"{seen.against / seen.noise:.0f} times its noise, {seen.certain:.2g} K/min beyond doubt "
        f"(limit {row.limit:g}).{others(members)}"
    )
    return _event(row, bank, c, seen.certain, text, t_s, t_s - seen.for_s, seen.against / seen.noise)


def thermal_rate(
    row: Row, bank: Bank, c: int, members: set[int], seen: Seen, temp: Floats, t_s: float
) -> AlarmEvent:
    """Explain heating of a sensor by itself."""
    text = (
        f"{name_of(bank.places[c], 'temperature')} heats {seen.own:.2g} K/min, now {temp[c]:.1f} degC, "
        f"{seen.rise_k:.1f} K up in about {duration(seen.for_s)}; "
        f"{seen.own / seen.noise:.0f} times its noise, {seen.certain:.2g} K/min beyond doubt "
        f"(limit {row.limit:g}).{others(members)}"
    )
    return _event(row, bank, c, seen.certain, text, t_s, t_s - seen.for_s, seen.own / seen.noise)


def cell_imbalance(
    row: Row, bank: Bank, c: int, members: set[int], seen: Floats, volts: Floats, t_s: float
) -> AlarmEvent:
    """Explain a cell that left its siblings. `seen` (4,): a row of `imbalance.judge_imbalance`."""
    deviation, usual = 1e3 * seen[imbalance.DEVIATION], 1e3 * seen[imbalance.EXPECTED]
    noise = 1e3 * seen[imbalance.NOISE]
    beyond = seen[imbalance.SCORE] / noise
    side = "below" if deviation < 0 else "above"
    text = (
        f"{name_of(bank.places[c], 'voltage')} is {abs(deviation):.0f} mV {side} the median of its siblings, "
        f"usually {usual:+.0f} mV; now {volts[c]:.3f} V; moved {seen[imbalance.SCORE]:.0f} mV, {beyond:.0f} "
        f"times noise and the present spread of the others (limit {row.limit:g} mV).{others(members)}"
    )
    return _event(row, bank, c, seen[imbalance.SCORE], text, t_s, t_s, beyond)


def last_resort(row: Row, bank: Bank, c: int, members: set[int], temp: Floats, t_s: float) -> AlarmEvent:
    """Explain the rule of GB 38031."""
    text = (
        f"{name_of(bank.places[c], 'temperature')} shows thermal runaway: {temp[c]:.1f} degC and "
        f"rising by at least 1 K/s for more than 3 s, hot or with a cell that lost a quarter of its voltage "
        f"(GB 38031).{others(members)}"
    )
    return _event(row, bank, c, temp[c], text, t_s, t_s, 0.0)


def blind(
    row: Row, bank: Bank, c: int, members: set[int], age_s: Floats, limit_s: float, t_s: float
) -> AlarmEvent:
    """Explain what cannot be seen."""
    place = common_place([bank.places[m] for m in members])
    what = (
        f"{len(members)} channels of {place or 'the unit'}"
        if len(members) > 1
        else name_of(place, bank.quantities[c])
    )
    text = (
        f"{what} gave no usable value for {duration(age_s[c])}: its state is not known, it may be anything. "
        f"Check cable, sensor and unit."
    )
    event = _event(row, bank, c, float(age_s[c]), text, t_s, t_s - float(age_s[c]), 0.0)
    return replace(event, location=place, limit=limit_s)


def finite(event: AlarmEvent) -> AlarmEvent:
    """Replace what is not a number in an event by 0: no alarm carries NaN."""
    return replace(
        event,
        value=_or_0(event.value),
        limit=_or_0(event.limit),
        since_s=_or_0(event.since_s),
        beyond_noise=_or_0(event.beyond_noise),
    )


def _or_0(x: float) -> float:
    return x if math.isfinite(x) else 0.0
