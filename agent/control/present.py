"""The present value at the place of an alarm, and its forecast.

An alarm's own figures are of when it was raised. These are of the last frame; where the place is not seen, of
when it was last seen, with that age, and no forecast is told as if it were of now.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from agent.control.status import Latest
from agent.detect.alarms.states import AlarmEvent, AlarmState
from agent.detect.duration import duration
from agent.detect.explanations.ahead import Ahead
from agent.quality import Quality
from agent.view import words
from agent.view.about import about


class Present(NamedTuple):
    """`now`: the value, or what keeps it from being known; `forecast`. "": there is none.

    `present`: the same in numbers. `value` and its `unit`; `age_s`: of that value; `seen`: whether it is of
    now; `ahead`: the numbers of its forecast from then on, {}: none. None where there is no such value.
    """

    now: str = ""
    forecast: str = ""
    present: dict[str, Any] | None = None


#: (unit, alarm) -> the present value at its place.
Look = Callable[[str, AlarmEvent], Present]


def unknown(_unit: str, _event: AlarmEvent) -> Present:
    """Return none: no unit is looked at."""
    return Present()


def present(
    event: AlarmEvent, latest: Latest | None, fresh_s: float, now_s: float, ahead: Ahead | None
) -> Present:
    """Return the present value at the place of an alarm. fresh_s: the age up to which a value is present.
    ahead: its forecast by the last frame.
    """
    if event.detector == "blind":
        if event.state == AlarmState.CLEARED_NEW:
            return Present()
        if latest is not None and _back(event, latest, now_s - fresh_s):
            part = (latest.frame.quality == Quality.NO_REPLY).any() and not event.quantity
            return Present("a part of its values comes" if part else "values come again")
        return Present(f"no usable value for {duration(max(now_s - event.since_s, 0.0))}")
    at = _at(event, latest) if latest else []
    if latest is None or not at:
        return Present()
    age_s = now_s - float(np.min(latest.last.at_s[at]))
    if not np.isfinite(age_s):
        return Present()
    unit = latest.layout.units[at[0]]
    median = float(np.median(latest.last.value[at]))
    figure = f"{median:.{words.decimals(unit)}f} {unit}"
    seen = age_s <= fresh_s
    ahead = None if event.state == AlarmState.CLEARED_NEW else ahead
    numbers = {
        "value": median,
        "unit": unit,
        "age_s": round(max(age_s, 0.0), 3),
        "seen": seen,
        "ahead": ahead.numbers() if ahead else {},
    }
    if not seen:
        return Present(f"not known, {figure} when last read {duration(age_s)} ago", "", numbers)
    return Present(figure, ahead.text if ahead else "", numbers)


def _back(event: AlarmEvent, latest: Latest, since_s: float) -> bool:
    """Whether the point or the whole unit that an alarm calls blind was read since then. Not of a group: a
    part of it may have been read all the time.
    """
    whole = not event.quantity
    at = slice(None) if whole else _at(event, latest)
    return bool(np.any(latest.last.at_s[at] >= since_s))


def _at(event: AlarmEvent, latest: Latest) -> list[int]:
    """Return the values that an alarm is about: the one at its place, or the temperatures of its group."""
    layout = latest.layout
    return about(event.location, event.quantity, layout.places, layout.quantities, layout.units)
