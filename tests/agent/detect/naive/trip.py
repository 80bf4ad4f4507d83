"""The last resort, told plainly: a list of readings per sensor, a number per cell."""

import math
from collections.abc import Sequence
from itertools import pairwise


class Cells:
    """All cells, and how long ago a cell of each group of sensors had last lost a quarter of its voltage."""

    def __init__(self, group: Sequence[int], groups: int) -> None:
        self.group = group
        self.highest = [0.0] * len(group)
        self.dropped_s = [math.inf] * groups

    def take(self, dt_s: float, volts: Sequence[float], usable: Sequence[int]) -> None:
        self.dropped_s = [since_s + dt_s for since_s in self.dropped_s]
        for c, volt in enumerate(volts):
            measurable = -1.0 < volt < 5.5
            collapsed = volt <= 0.5 * self.highest[c]
            if not measurable or (not usable[c] and not collapsed):
                continue
            self.highest[c] = max(volt, self.highest[c] * math.exp(-dt_s / 800.0))
            if volt < 0.75 * self.highest[c]:
                self.dropped_s[self.group[c]] = 0.0


class Sensor:
    """One sensor: its last five readings at least a second apart, (s, degC), newest first."""

    def __init__(self) -> None:
        self.readings: list[tuple[float, float]] = []
        self.rising_s, self.steps = 0.0, 0
        self.highest = -math.inf  # before those readings

    def take(self, t_s: float, degc: float, hot_degc: float, dropped_s: float) -> float:
        """Return 1 where the rule holds, 0 where it does not, NaN for a reading that tells nothing."""
        dropped = dropped_s <= 60.0
        if not -40.0 < degc < (1200.0 if dropped else 200.0):
            return math.nan
        elapsed = t_s - self.readings[0][0] if self.readings else math.nan
        if not self.readings or elapsed >= 0.999 or elapsed < 0.0:
            self._step(t_s, degc, elapsed, dropped)
        beyond = degc >= 200.0
        if beyond and not self._believed(hot_degc):
            return 0.0
        if beyond and dropped and self.steps >= 1:
            return 1.0
        held = self.rising_s > 3.0 and self.steps >= 2 and degc - self.highest >= 3.0
        if not held and not self._rose(dropped):
            return 0.0
        return 1.0 if degc >= hot_degc or dropped else 0.0

    def _step(self, t_s: float, degc: float, elapsed: float, dropped: bool) -> None:
        if elapsed > 0.0 and degc - self.readings[0][1] >= 1.0 * elapsed:
            self.rising_s += elapsed
            self.steps += 1
        elif not (dropped and degc >= 200.0):
            self.rising_s, self.steps = 0.0, 0
        if len(self.readings) == 5:
            self._forget(max(elapsed, 0.0))
        self.readings = [(t_s, degc), *self.readings[:4]]

    def _forget(self, elapsed: float) -> None:
        leaving = min(self.readings[3][1], self.readings[4][1])
        if leaving >= self.highest:
            self.highest = leaving if leaving < 200.0 else self.highest
        else:
            self.highest = leaving + (self.highest - leaving) / (1.0 + elapsed / 21600.0)

    def _believed(self, hot_degc: float) -> bool:
        """No cell is at 200 degC: it was hot before it read that, or it reads more than one such number."""
        for _, before in self.readings[1:]:
            if before < 200.0:
                return before >= hot_degc
        return len(self.readings) == 5 and len({degc for _, degc in self.readings}) > 1

    def _rose(self, dropped: bool) -> bool:
        """At least 1 K/s from the first to the last of five readings, and not in one jump of a contact."""
        if len(self.readings) < 5:
            return False
        (end_s, last), (begin_s, first) = self.readings[0], self.readings[4]
        over_s, risen = end_s - begin_s, last - max(first, self.highest)
        if over_s <= 3.0 or risen < 1.0 * over_s:
            return False
        degcs = [degc for _, degc in self.readings]
        if any(degc < first + 0.3 * (last - first) for degc in degcs[:4]):
            return False
        steps = [later - before for later, before in pairwise(degcs)]
        if sum(step > 0.0 for step in steps) < 3:
            return False
        return dropped or risen - max(steps) >= 0.3 * over_s
