"""How long standing still is credible, told plainly: the frame or a channel, stretch after stretch."""

from math import inf, sqrt


def credible_frames(rate: float, improbable: float) -> float:
    """Return the fewest frames that stand still with less than this probability, at a rate below 1."""
    if rate <= 0:
        return inf
    frames, probability = 0, 1.0
    while probability > improbable:
        frames, probability = frames + 1, probability * (1 - rate)
    return frames


class Credible:
    """The limit of a frame, or of a channel."""

    def __init__(self, improbable: float, period_s: float) -> None:
        self.improbable, self.period_s = improbable, period_s
        self.rates: list[float] = []  # of each stretch that was heard whole: the lowest that it allows
        self.limit = inf

    def end_stretch(self, reversals: float, frames: float, longest: float) -> None:
        """End ten minutes in which no fault stood. longest: the most frames ever between two steps."""
        self.rates.append(max(reversals - 3 * sqrt(reversals), 0) / frames if frames else 0.0)
        if len(self.rates) >= 3:
            limit = max(credible_frames(self.rate, self.improbable), 3 * longest)
            self.limit = limit if limit * self.period_s <= 300 else inf

    @property
    def rate(self) -> float:
        """Reversals per frame of the quietest stretch; what is 144 stretches ago has 1/e of its weight."""
        quietest = self.rates[0]
        for rate in self.rates[1:]:
            quietest = rate if rate < quietest else quietest + (rate - quietest) / 144
        return quietest
