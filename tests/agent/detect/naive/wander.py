"""What a slope teaches about the slopes to reckon with, told plainly: one signal at one scale."""

import math
from dataclasses import dataclass

PRIOR = (0.01 / 60.0) ** 2  # (K/s)^2
PRIOR_WINDOWS = 20.0


@dataclass
class Wander:
    """Mean square of the slope, windows it is from, steepest fall, and what is possible because of them."""

    wander: float
    windows: float
    fall: float
    possible: float

    def take(self, tau_s: float, sigmas: float, slope: float, white: float, share: float) -> None:
        """Learn from a slope, K/s, after this share of a window; `white` is what white noise gives it."""
        if slope <= 0.0 or self.windows < PRIOR_WINDOWS:
            self._learn_square(tau_s, slope, white, share)
        a_week_share = share * tau_s / (7.0 * 86400.0)
        self.fall = max(-slope, self.fall - a_week_share * self.fall)
        known = self.wander + self.wander * 2.0 / math.sqrt(1.0 + self.windows)
        beyond_white = known - white**2
        if 2.0 * beyond_white > known:
            known = 2.0 * beyond_white
        if self.windows < PRIOR_WINDOWS:
            known += PRIOR * (1.0 - self.windows / PRIOR_WINDOWS)
        self.possible = max(sigmas * math.sqrt(known), 1.3 * self.fall)

    def _learn_square(self, tau_s: float, slope: float, white: float, share: float) -> None:
        three_sigma = 3.0 * math.sqrt(max(self.wander, white**2, PRIOR))
        half_a_day = 43200.0 / tau_s
        self.windows = min(self.windows + share, max(half_a_day, 30.0))
        weight = share / (1.0 + self.windows)
        self.wander = (1.0 - weight) * self.wander + weight * min(abs(slope), three_sigma) ** 2
