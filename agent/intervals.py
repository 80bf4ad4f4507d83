"""How often a unit's safety points were really read: the evidence for the ten-second rule. Pure.

Kept as counts in bins of equal ratio, so that hours add up to days without the single intervals.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from math import ceil, log

RATIO = 1.02  # one bin: a quantile is told to 2 %, never too low
LEAST_S = 0.001
PACE_GAIN = 0.2


def bin_of(interval_s: float) -> int:
    """Return the bin of an interval."""
    return max(0, ceil(log(max(interval_s, LEAST_S) / LEAST_S) / log(RATIO) - 1e-9))


def upper_s(number: int) -> float:
    """Return the longest interval that falls into a bin."""
    return LEAST_S * RATIO**number


@dataclass
class Tally:
    """Intervals of a stretch of time; `misses`: how many were longer than the deadline."""

    deadline_s: float
    bins: Counter[int] = field(default_factory=Counter)
    longest_s: float = 0.0
    misses: int = 0

    @property
    def count(self) -> int:
        """How many intervals there were."""
        return self.bins.total()

    def quantile(self, q: float) -> float | None:
        """Return the smallest bin's upper end below which a share `q` lies; None without intervals."""
        return self.quantiles(q)[0]

    def quantiles(self, *shares: float) -> list[float | None]:
        """Return several at the cost of one."""
        numbers = sorted(self.bins)
        seen = list(accumulate(self.bins[number] for number in numbers))
        if not seen:
            return [None] * len(shares)
        found = (numbers[bisect_left(seen, q * seen[-1])] for q in shares)
        return [min(upper_s(number), self.longest_s) for number in found]

    @classmethod
    def sum(cls, tallies: Iterable["Tally"], deadline_s: float) -> "Tally":
        """Return the tally of several stretches."""
        total = cls(deadline_s)
        for tally in tallies:
            total.bins += tally.bins
            total.longest_s = max(total.longest_s, tally.longest_s)
            total.misses += tally.misses
        return total


class Intervals:
    """The intervals of one unit: since they were last taken, and since the start."""

    def __init__(self, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self._tally, self._whole = Tally(deadline_s), Tally(deadline_s)
        self._since_s = self._began_s = 0.0
        self._last_s: float | None = None
        self._missed = False  # the interval that lasts was counted as a miss already
        self.pace_s = 0.0  # what intervals are like, the last few above all

    @property
    def misses(self) -> int:
        """How many were longer than the deadline, since the start."""
        return self._whole.misses

    def begin(self, now_s: float) -> None:
        """Count from now on: the first interval begins here, whether or not the unit ever answers."""
        if self._last_s is None:
            self._last_s = self._since_s = self._began_s = now_s

    def add(self, now_s: float) -> None:
        """All safety points were read."""
        if self._last_s is not None:
            interval_s = now_s - self._last_s
            number = bin_of(interval_s)
            for tally in (self._tally, self._whole):
                tally.bins[number] += 1
            self._note(interval_s)
            if interval_s <= self.deadline_s:
                self.pace_s += PACE_GAIN * (interval_s - self.pace_s)
        self._last_s, self._missed = now_s, False

    def _note(self, interval_s: float) -> None:
        """Take an interval that is over, or lasts."""
        missed = interval_s > self.deadline_s and not self._missed
        self._missed |= missed
        for tally in (self._tally, self._whole):
            tally.longest_s = max(tally.longest_s, interval_s)
            tally.misses += missed

    def take(self, now_s: float) -> tuple[float, Tally]:
        """Return since when, and what came; one that lasts, and is too long already, is a miss in it."""
        if self._last_s is not None:
            self._note(now_s - self._last_s)
        taken, self._tally = (self._since_s, self._tally), Tally(self.deadline_s)
        self._since_s = now_s
        return taken

    def so_far(self, now_s: float) -> tuple[float, Tally]:
        """Return since when this unit is polled, and all that came; as `take`, but nothing is taken."""
        if self._last_s is not None:
            self._note(now_s - self._last_s)
        return self._began_s, self._whole
