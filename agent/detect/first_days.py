"""The first 90 days of a battery, in which most of its failures come: warnings of limits speak sooner. Pure.

What is wrong with a battery from its factory, its transport or its assembly shows early; a limit that is
passed for half as long as usual is worth a look then. Only limits that somebody gave are heard sooner: the
delays of what is learned are there against noise, which is no less in these days.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from agent.detect.table import WARNING, Row

DAYS = 90
REPORTS = (1, 7, 30, 90)  # the days at which a report is due
#: Detectors of a limit that somebody gave: no learning, no noise that a shorter delay would let through.
LIMITS = ("over-temperature", "overload", "under-temperature", "voltage-limit")
SHARE = 0.5  # of the delay
_DAY_S, MIDNIGHT = 86400.0, time(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FirstDays:
    """Those of a battery that was commissioned on a day, UTC."""

    commissioned: date

    @property
    def until(self) -> date:
        """The day on which they are over."""
        return self.commissioned + timedelta(days=DAYS)

    def begin_s(self) -> float:
        """Return when they begin, s of UTC."""
        return datetime(
            self.commissioned.year, self.commissioned.month, self.commissioned.day, tzinfo=UTC
        ).timestamp()

    def day(self, utc_s: float) -> int:
        """Return which day it is: 1 is that of commissioning, 0 and less are before it."""
        return int((utc_s - self.begin_s()) // _DAY_S) + 1

    def last(self, utc_s: float) -> bool:
        """Whether they still last. Before them, too: a battery is tested before it is commissioned, and a box
        whose clock was never set knows no better.
        """
        return self.day(utc_s) <= DAYS

    def report(self, utc_s: float) -> dict[str, Any] | None:
        """Return what the status says of them; None: they are over."""
        if not self.last(utc_s):
            return None
        return {
            "commissioned": self.commissioned.isoformat(),
            "day": self.day(utc_s),
            "days": DAYS,
            "until": self.until.isoformat(),
        }


def sooner(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Return an alarm table whose warnings of limits speak after half their delay."""
    return tuple(
        replace(row, on_delay_s=SHARE * row.on_delay_s)
        if row.severity == WARNING and row.detector in LIMITS
        else row
        for row in rows
    )
