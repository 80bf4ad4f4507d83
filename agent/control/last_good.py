"""The last good values of a unit, each with the time at which it was read. In memory only, for people who
look.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

SLOPE_S, SLOPE_STEP_S = 300.0, 60.0  # a change per minute is taken over five minutes


class LastGood:
    """The last good value of each of n points, and when it was read; times are CLOCK_BOOTTIME, s."""

    def __init__(self, n: int) -> None:
        self.value = np.full(n, np.nan)
        self.at_s = np.full(n, -np.inf)
        self._past: deque[tuple[float, NDArray[np.float64]]] = deque(maxlen=int(SLOPE_S / SLOPE_STEP_S) + 1)

    def take(self, t_s: float, si: NDArray[np.float64]) -> None:
        """Take a frame: `si` (n,) float64, NaN where there is no good value."""
        good = np.isfinite(si)
        np.copyto(self.value, si, where=good)
        np.copyto(self.at_s, t_s, where=good)
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
