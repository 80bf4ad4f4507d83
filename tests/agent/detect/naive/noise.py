"""The white noise of one signal, told plainly."""

import math
from dataclasses import dataclass


@dataclass
class Noise:
    """The last sample, the mean absolute difference of neighbours, how many of those; and the output."""

    previous: float
    difference: float
    samples: float
    sd: float
    leap: float

    def take(self, dt_s: float, x: float, step: float) -> None:
        """Learn from a sample, NaN: none. Its distance from the last one counts 3 sigma at most."""
        self.leap = 0.0
        if math.isnan(x):
            return
        away = abs(x - self.previous)
        self.previous = x
        if math.isnan(away) or dt_s > 600.0:
            return
        usual = self.usual(step)
        if away > 2.0 * usual:
            self.leap = away
        elif away > usual:
            self.leap = away - usual
        self.samples = min(3600.0, self.samples + 1.0)
        share = 1.0 / self.samples
        self.difference = (1.0 - share) * self.difference + share * min(away, usual)
        gaussian, rounding = 0.25 * math.pi * self.difference**2, step**2 / 12.0
        self.sd = math.sqrt(max(gaussian, rounding))

    def usual(self, step: float) -> float:
        """Return how far neighbours are apart by noise, three sigma, and by rounding."""
        return 3.8 * self.difference + step


def rounding_left(step: float, sd: float) -> float:
    """Return the error of a mean that rounding leaves; `sd` is with the variance of rounding, q^2 / 12."""
    before_rounding = sd**2 - step**2 / 12.0
    return step / 2.0 * math.exp(-2.0 * math.pi**2 * before_rounding / step**2)
