"""The forecast of an alarm as it is drawn behind the last value. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.view.language import tell

FRESH_S = 60.0  # a drawing that ends longer before the forecast begins shows another time


@dataclass(frozen=True, slots=True)
class Ahead:
    """From `value` at `t_s` on to `to` at `likely_s`, at the soonest and the latest. Times in UTC, s; degC.
    `said`: the same in words.
    """

    t_s: float
    value: float
    to: float
    likely_s: float
    soonest_s: float
    latest_s: float
    said: str

    @classmethod
    def of(cls, row: Mapping[str, Any], begin_s: float, end_s: float) -> "Ahead | None":
        """Return the forecast of an alarm, `row` as in a view, for a drawing between two times; None: it has
        none, or that is another time. One that may never come true is drawn as far as a drawing goes.
        """
        ahead = row.get("ahead")
        if not ahead or not begin_s < ahead["utc_s"] <= end_s + FRESH_S:
            return None
        t_s, in_s = ahead["utc_s"], ahead["in_s"]
        soonest_s, latest_s = ahead["soonest_s"], ahead["latest_s"]
        return cls(
            t_s,
            ahead["value"],
            ahead["to_degc"],
            t_s + in_s,
            t_s + (in_s if soonest_s is None else soonest_s),
            t_s + (1e3 * in_s if latest_s is None else latest_s),
            tell("Red, from now on: if it heats on so, {until}.", until=row["until"]),
        )

    def end_s(self, begin_s: float) -> float:
        """Return where a drawing from `begin_s` ends that shows it: it takes half of the width at most."""
        return min(self.latest_s, 2.0 * self.t_s - begin_s)


def first_of(rows: Iterable[Mapping[str, Any]], unit: str, begin_s: float, end_s: float) -> Ahead | None:
    """Return the forecast of the first alarm that has one for such a drawing, of values in `unit`."""
    found = (Ahead.of(row, begin_s, end_s) for row in rows if unit == "degC")
    return next(filter(None, found), None)
