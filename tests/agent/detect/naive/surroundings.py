"""What sensors share, told plainly: rooms, groups and circuits one by one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

HOUR_S, DAY_S = 3600.0, 86400.0
REST, CHARGE, DISCHARGE = range(3)


@dataclass
class Room:
    """The room as a rack (half an hour) and a block (three hours) follow it, and how long it is unseen."""

    rack: float
    block: float
    unseen_s: float

    def take(self, dt_s: float, degc: float) -> None:
        self.unseen_s += dt_s
        if math.isnan(degc):
            return
        self.rack = _followed(self.rack, degc, self.unseen_s / (0.5 * HOUR_S))
        self.block = _followed(self.block, degc, self.unseen_s / (3.0 * HOUR_S))
        self.unseen_s = 0.0


def _followed(before: float, now: float, times: float) -> float:
    return now if math.isnan(before) else now + (before - now) * math.exp(-times)


def middle(values: Sequence[float], medians: Sequence[float]) -> float:
    """Return the value that no later one is nearer than to its siblings' median, NaN for fewer than three."""
    known = [pair for pair in zip(values, medians, strict=True) if not math.isnan(pair[0] - pair[1])]
    if len(known) < 3:
        return math.nan
    best = known[0][0]
    for value, median in known[1:]:
        if abs(value - median) < abs(best - median):
            best = value
    return best


def cooling(certain: Sequence[float], tau_s: Sequence[float], loaded: bool) -> float:
    """Return how fast a group heats without load, K/min: what amounts to 3 K in two time constants."""
    if loaded:
        return 0.0
    known = [(slope, tau) for slope, tau in zip(certain, tau_s, strict=True) if not math.isnan(slope)]
    if not known:
        return math.nan
    return max([0.0, *(60.0 * slope for slope, tau in known if 2.0 * slope * tau >= 3.0)])


@dataclass
class Group:
    """How far a group is over its room: now, over a day, over a month, and the mean square about that."""

    over: float
    fast: float
    baseline: float
    square: float
    age: float
    degraded: float

    def take(self, dt_s: float, over: float) -> None:
        self.over = over
        if math.isnan(over):
            return
        if math.isnan(self.baseline):
            self.fast, self.baseline, self.square = over, over, 0.5**2
        self.age += dt_s
        self.fast += (over - self.fast) * dt_s / min(self.age, DAY_S)
        left = self.fast - self.baseline
        if left > 4.0 * math.sqrt(self.square) and self.age > 5.0 * DAY_S:
            self.degraded = left
            return
        self.degraded = 0.0
        self.square += (left**2 - self.square) * dt_s / (30.0 * DAY_S)
        self.baseline += (over - self.baseline) * dt_s / min(self.age, 30.0 * DAY_S)


@dataclass
class Circuit:
    """State and score of a circuit: see the kernel's columns."""

    float: float
    float_baseline: float
    float_age: float
    float_ratio: float
    floats: float

    def take(self, dt_s: "float", now_known: bool, amps: "float", regime: int) -> None:
        if not now_known:
            self.float_ratio = math.nan
            return
        self._follow_state(dt_s, amps, regime)
        if self.floats > 0.0 and amps > 0.0:
            self._follow_float(dt_s, amps)

    def _follow_state(self, dt_s: "float", amps: "float", regime: int) -> None:
        if regime == DISCHARGE:
            self.floats = -2.0 * DAY_S
        elif self.floats >= 0.0:
            self.floats = 1.0 if regime == REST else self.floats
        elif regime == REST and amps < 1.7 * self.float_baseline:
            self.floats = 1.0
        else:
            self.floats = min(0.0, self.floats + dt_s)

    def _follow_float(self, dt_s: "float", amps: "float") -> None:
        if math.isnan(self.float):
            self.float = self.float_baseline = amps
        self.float_age += dt_s
        self.float += (amps - self.float) * dt_s / min(self.float_age, HOUR_S)
        self.float_ratio = self.float / self.float_baseline if self.float_age > 6.0 * HOUR_S else 0.0
        if self.float_ratio < 1.7:
            memory_s = min(self.float_age, 14.0 * DAY_S)
            self.float_baseline += (amps - self.float_baseline) * dt_s / memory_s
