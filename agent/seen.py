"""What was last seen of a unit, value by value, and what has become of its figures in the last hour.

In memory only: for people who look. What was read long ago keeps its own time here, never a younger one.
"""

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
    """The figures of each unit over the last hour, one each half minute; None where nothing was known."""

    def __init__(self) -> None:
        self._at: deque[float] = deque(maxlen=int(TREND_S / TREND_STEP_S))
        self._figures: dict[tuple[str, str], deque[float | None]] = {}
        self._reads: dict[str, deque[tuple[int, int]]] = {}

    def take(self, t_s: float, units: Iterable[Mapping[str, Any]]) -> None:
        """Take a moment: `units` as in a view (see `agent.view.site`), one at a time."""
        self._at.append(t_s)
        for unit in units:
            for figure in unit["figures"]:
                line = self._line((unit["name"], figure["key"]))
                line.append(figure["value"] if figure["sight"] == "live" else None)
            counted = self._reads.setdefault(unit["name"], deque(maxlen=self._at.maxlen))
            counted.append((unit["link"]["reads"], unit["link"]["errors"]))

    def of(self, unit: str, figure: str) -> list[float | None]:
        """Return a figure's line, oldest first."""
        return list(self._figures.get((unit, figure), ()))

    def answered(self, unit: str, reads: int, errors: int) -> float | None:
        """Return the share of a unit's reads that were answered in the last hour, 0 to 1; None of none."""
        before_reads, before_errors = next(iter(self._reads.get(unit, ())), (0, 0))
        asked = reads - before_reads
        return None if asked <= 0 else 1.0 - (errors - before_errors) / asked

    def _line(self, key: tuple[str, str]) -> deque[float | None]:
        if key not in self._figures:
            gone = [None] * (len(self._at) - 1)  # a unit that came later has no past
            self._figures[key] = deque(gone, maxlen=self._at.maxlen)
        return self._figures[key]
