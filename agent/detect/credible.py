"""For how long the values of a unit may stand still: learned from their noise. Pure.

Theory. A channel's noise shows as reversals: a step up after a step down, or down after up. Drift and load
make steps of one direction; such a step proves that the unit is alive, but it is no noise. With `rate`
reversals per frame, n frames stand still with the probability (1 - rate)^n. Standing still is not credible
where that is less than 1e-6 for the whole frame, or less than 1e-9 for one of hundreds of channels.

The rate is the lowest that the count of reversals allows (SIGMAS), in the quietest stretch of about a day: a
string at rest has less noise than one under load. Where more than WITHIN_S of standing still would be
credible, nothing can be proven, and the limit is infinite. Only voltages and temperatures are learned from: a
current is silent at rest, however noisy it was under load.

A register coarser than its sensor's noise does not step at an even rate: it trembles while the value is near
a rounding threshold, and stands still while the air of the room takes it to the next. So a limit is also at
least LONGEST_TIMES the longest stillness so far. The noise of a channel is learned only from steps of more
than one raw unit, which no threshold explains; where there are none, a stuck sensor cannot be told from a
quiet one.
"""

import math

import numpy as np

from agent.detect.channels import Floats
from agent.detect.kernels.stillness import FRAMES, LONGEST, REVERSALS

WITHIN_S = 300.0  # the longest limit: an alarm comes at most so long after the last fresh value
IMPROBABLE, IMPROBABLE_CHANNEL = 1e-6, 1e-9
STRETCH_S = 600.0  # in which reversals are counted
LEAST_STRETCHES = 3  # before a limit is believed
STRETCHES_OF_A_DAY = 144  # after so many noisier ones, the rate of a quiet stretch has 1/e of its weight
LONGEST_TIMES = 3.0
SIGMAS = 3.0  # a count k is at least k - SIGMAS * sqrt(k)


class CredibleStillness:
    """The limits of a unit's frame and of its n channels, in frames; infinite: nothing can be proven."""

    def __init__(self, n: int, period_s: float) -> None:
        self.limit, self.limits = math.inf, np.full(n, np.inf)
        self.rate, self.rates = np.zeros(()), np.zeros(n)  # reversals per frame, of the quietest stretch
        self.stretches = 0
        self.stretch_s, self.stretch_frames, self.stretch_reversals = 0.0, 0, 0
        self.stretch_faulty = False
        self._period_s = period_s

    def learn(self, dt_s: float, reversed: bool, counts: Floats, longest: int) -> None:
        """Learn from one frame; at the end of a stretch, from its counts, and let the next begin.

        reversed: whether any channel has, in this frame. counts (n, 6): see `kernels.stillness.follow`.
        longest: the most successive frames, ever, in which nothing moved.
        """
        self.stretch_s += dt_s
        self.stretch_frames += 1
        self.stretch_reversals += reversed
        if self.stretch_s < STRETCH_S:
            return
        if not self.stretch_faulty:  # a value that stands still by a fault has no noise
            self._end_stretch(counts, longest)
        counts[:, REVERSALS] = counts[:, FRAMES] = 0.0
        self.stretch_s, self.stretch_frames, self.stretch_reversals = 0.0, 0, 0
        self.stretch_faulty = False

    def _end_stretch(self, counts: Floats, longest: int) -> None:
        rate = _lowest_rate(self.stretch_reversals, self.stretch_frames)
        rates = _lowest_rate(counts[:, REVERSALS], counts[:, FRAMES])
        first = self.stretches == 0
        self.rate = rate if first else _quietest(self.rate, rate)
        self.rates = rates if first else _quietest(self.rates, rates)
        self.stretches += 1
        if self.stretches >= LEAST_STRETCHES:
            whole = np.maximum(credible_frames(self.rate, IMPROBABLE), LONGEST_TIMES * longest)
            self.limit = float(self._provable(whole))
            credible = credible_frames(self.rates, IMPROBABLE_CHANNEL)
            self.limits = self._provable(np.maximum(credible, LONGEST_TIMES * counts[:, LONGEST]))

    def _provable(self, frames: Floats) -> Floats:
        return np.where(frames * self._period_s <= WITHIN_S, frames, np.inf)


def credible_frames(rate: Floats | float, improbable: float) -> Floats:
    """Return how many frames may stand still at a rate of reversals per frame; infinite at a rate of 0."""
    rate = np.clip(np.asarray(rate, float), 0.0, 0.999)
    with np.errstate(divide="ignore"):
        frames: Floats = np.where(rate > 0.0, np.ceil(math.log(improbable) / np.log1p(-rate)), np.inf)
    return frames


def _lowest_rate(count: Floats | float, frames: Floats | float) -> Floats:
    count, frames = np.asarray(count, float), np.maximum(np.asarray(frames, float), 1.0)
    rate: Floats = np.maximum(count - SIGMAS * np.sqrt(count), 0.0) / frames
    return rate


def _quietest(before: Floats, now: Floats) -> Floats:
    """Return the lower of two rates at once; a higher one is approached slowly."""
    return np.where(now < before, now, before + (now - before) / STRETCHES_OF_A_DAY)
