"""What was last seen of a unit, value by value, and what has become of its figures in the last hour.

In memory only: for people who look. What was read long ago keeps its own time here, never a younger one.
"""

import math
from array import array
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SLOPE_S, SLOPE_STEP_S = 300.0, 60.0  # a change per minute is told over five minutes
TREND_S, TREND_STEP_S = 3600.0, 30.0


class LastGood:
    """The last good value of each of n points, and when it was read; times are CLOCK_BOOTTIME, s."""

    def __init__(self, n: int) -> None:
        self.value = np.full(n, np.nan)
        self.at_s = np.full(n, -np.inf)
        self._past: deque[tuple[float, NDArray[np.float64]]] = deque(maxlen=int(SLOPE_S / SLOPE_STEP_S) + 1)

    def take(self, t_s: float, si: NDArray[np.float64]) -> None:
        """Take a frame: `si` (n,) float64, NaN where there is no good value."""
        good = np.isfinite(si)
        self.value[good] = si[good]
        self.at_s[good] = t_s
        if not self._past or t_s - self._past[-1][0] >= SLOPE_STEP_S:
            self._past.append((t_s, si.copy()))

    def per_minute(self, now_s: float) -> NDArray[np.float64]:
        """Return the change of each value per minute over the last five; NaN where it is not known."""
        for t_s, past in self._past:
            if SLOPE_S - SLOPE_STEP_S <= now_s - t_s <= SLOPE_S + SLOPE_STEP_S:
                change: NDArray[np.float64] = (self.value - past) / np.maximum(self.at_s - t_s, 1.0) * 60.0
                change[now_s - self.at_s > SLOPE_STEP_S] = np.nan
                return change
        return np.full_like(self.value, np.nan)


class Trends:
    """The figures of each unit over the last hour, one each half minute; None where nothing was known.

    Kept as plain numbers: as objects, an hour of 64 units took 2 MB.
    """

    def __init__(self) -> None:
        self._length = int(TREND_S / TREND_STEP_S)
        self._taken = 0  # moments, no more than that
        self._figures: dict[tuple[str, str], array[float]] = {}
        self._reads: dict[str, tuple[array[int], array[int]]] = {}  # asked, and of them errors

    def take(self, units: Iterable[Mapping[str, Any]]) -> None:
        """Take a moment: `units` as in a view (see `agent.view.site`), one at a time."""
        self._taken = min(self._taken + 1, self._length)
        for unit in units:
            for figure in unit["figures"]:
                known = figure["sight"] == "live" and figure["value"] is not None
                line = self._line((unit["name"], figure["key"]))
                self._append(line, figure["value"] if known else math.nan)
            reads, errors = self._reads.setdefault(unit["name"], (array("q"), array("q")))
            self._append(reads, unit["link"]["reads"])
            self._append(errors, unit["link"]["errors"])

    def of(self, unit: str, figure: str) -> list[float | None]:
        """Return a figure's line, oldest first."""
        return [None if math.isnan(x) else x for x in self._figures.get((unit, figure), ())]

    def answered(self, unit: str, reads: int, errors: int) -> float | None:
        """Return the share of a unit's reads that were answered in the last hour, 0 to 1; None of none."""
        before_reads, before_errors = next(zip(*self._reads.get(unit, ()), strict=True), (0, 0))
        asked = reads - before_reads
        return None if asked <= 0 else 1.0 - (errors - before_errors) / asked

    def _append(self, line: "array[Any]", x: float) -> None:
        line.append(x)
        del line[: -self._length]

    def _line(self, key: tuple[str, str]) -> "array[float]":
        if key not in self._figures:
            gone = [math.nan] * (self._taken - 1)  # a unit that came later has no past
            self._figures[key] = array("d", gone)
        return self._figures[key]
