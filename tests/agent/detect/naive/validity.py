"""The gate, told plainly: one value of a frame, what was last believed of it, and what is doubted."""

import math

from agent.detect.kernels.validity import GOOD, HELD, IMPOSSIBLE, NOT_GOOD, RESTART, RESUMED


class Gated:
    """One value: possible between low and high; a jump may be `jump` and `per_s`, `most` at most."""

    def __init__(self, low: float, high: float, jump: float, per_s: float, most: float) -> None:
        self.low, self.high, self.jump, self.per_s, self.most = low, high, jump, per_s, most
        self.believed = self.doubted = (math.nan, math.nan)  # value, s
        self.direction = math.nan  # in which what is doubted goes on; 0: it stays
        self.agreeing = 0  # values with what is doubted

    def take(self, t_s: float, x: float, quality: int) -> tuple[float, int, bool]:
        """Return the value or NaN, the verdict on it, and whether it has moved."""
        if quality != 0:
            return math.nan, NOT_GOOD, False
        if not self.low < x < self.high:
            self.agreeing = 0
            return math.nan, IMPOSSIBLE, False
        moved = x != self.believed[0]
        verdict = self._verdict(t_s, x)
        if verdict == HELD:
            return math.nan, HELD, moved
        self.believed = x, t_s
        return x, verdict, moved

    def _verdict(self, t_s: float, x: float) -> int:
        last, last_s = self.believed
        since_s = self.doubted[1] if self.agreeing else last_s
        if math.isnan(last) or abs(x - last) <= self._allowed(t_s - since_s):
            self.agreeing = 0
            return GOOD
        if not self.agreeing and t_s - last_s > 300.0:
            return RESUMED
        self._doubt(t_s, x)
        if self.agreeing < 3:
            return HELD
        self.agreeing = 0
        return RESTART if self.direction == 0.0 else GOOD

    def _doubt(self, t_s: float, x: float) -> None:
        climbs = stays = False
        if self.agreeing:
            before, before_s = self.doubted
            climbs = (x - before) * self.direction > 0.5 * self.jump
            stays = abs(x - before) <= self._allowed(t_s - before_s)
        self.agreeing = self.agreeing + 1 if climbs or stays else 1
        away = 1.0 if x > self.believed[0] else -1.0
        self.direction = away if climbs or self.agreeing == 1 else 0.0
        self.doubted = x, t_s

    def _allowed(self, seconds: float) -> float:
        return min(self.jump + self.per_s * seconds, self.most)
