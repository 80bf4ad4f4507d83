"""What a bank takes from a frame, told plainly: one sensor after the other, and the groups of them."""

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from agent.detect.kernels.validity import GOOD, HELD, NOT_GOOD, RESTART, RESUMED

SEEN = {GOOD, HELD, RESTART, RESUMED}


class Passed(NamedTuple):
    """A value of a frame that has passed the gate."""

    si: float
    value: float
    verdict: int


def median_of_others(values: Sequence[float], group: Sequence[int], c: int) -> float:
    """Return the median of the good siblings of channel c, NaN without any."""
    others = [x for o, x in enumerate(values) if o != c and group[o] == group[c] and not math.isnan(x)]
    return median(others) if others else math.nan


class Sensor:
    """One sensor."""

    def __init__(self, step: float) -> None:
        self.step = step
        self.raw = self.value = self.median = self.away = math.nan
        self.usable = self.restart = 0
        self.age_s = math.inf
        self.suspect_s, self.before, self.latest = 0.0, math.nan, math.nan
        self.stands, self.stands_s, self.stood_at = math.nan, 0.0, math.nan
        self.blind = self.faulty = 0.0

    def take(self, dt_s: float, passed: Passed) -> None:
        """Take what the gate says of it."""
        good = not math.isnan(passed.value)
        none = passed.verdict == NOT_GOOD or passed.si == 4.095  # no measurement
        self.value, self.raw = passed.value, math.nan if none else passed.si
        self.usable = int(passed.verdict in SEEN)
        after_silence = good and self.age_s + dt_s > 300.0
        self.restart = 1 if passed.verdict in (RESTART, RESUMED) else 2 if after_silence else 0
        self.age_s = 0.0 if good else self.age_s + dt_s

    def judge(self, dt_s: float, verdict: int, held: bool = False) -> None:
        """Suspect it for a day after a step; tell whether it claims a heat meanwhile, or is stuck."""
        if math.isnan(self.value):
            return
        if verdict == RESTART:
            self.before = self.before if self.suspect_s > 0.0 else self.latest
            self.suspect_s = 86400.0
        self.latest = self.value
        if self.suspect_s > 0.0:
            self._doubt(dt_s)
        moved = self._siblings_moved(dt_s, held)
        stuck = self.stands_s >= 600.0 and moved >= 1.5 and moved >= 3.0 * self.step
        claims_heat = self.suspect_s > 0.0 and self.value >= 50.0
        self.faulty = float(stuck or claims_heat)

    def _doubt(self, dt_s: float) -> None:
        away = self.value - self.before
        rises_again = away < -self.step and self.suspect_s > 86100.0  # for five minutes
        came_back = -10.0 * self.step <= away <= 10.0 * self.step and not rises_again
        self.restart = 1 if rises_again or came_back else self.restart
        self.suspect_s = 0.0 if came_back else self.suspect_s - dt_s

    def _siblings_moved(self, dt_s: float, held: bool) -> float:
        if self.value == self.stands and dt_s <= 300.0:
            self.stands_s += dt_s * (not held)
            self.stood_at = self.median if math.isnan(self.stood_at) else self.stood_at
        else:
            self.stands, self.stands_s, self.stood_at = self.value, 0.0, self.median
        return abs(self.median - self.stood_at)


class Sensors:
    """All sensors of a bank; faults: they are judged themselves."""

    def __init__(self, group: Sequence[int], step: float, faults: bool) -> None:
        self.group, self.faults = group, faults
        self.sensors = [Sensor(step) for _ in group]

    def take(self, dt_s: float, blind_s: float, frame: Sequence[Passed], held: bool = False) -> None:
        """Take a frame of the bank's own values, in its order."""
        for sensor, passed in zip(self.sensors, frame, strict=True):
            sensor.take(dt_s, passed)
        values = [sensor.value for sensor in self.sensors]
        for c, sensor in enumerate(self.sensors):
            siblings = self._siblings(c)
            good = sum(not math.isnan(s.value) for s in siblings)
            recent = sum(s.age_s <= 300.0 for s in siblings)
            sensor.median = median_of_others(values, self.group, c) if good >= recent / 2 else math.nan
            sensor.away = sensor.raw - sensor.median
        if self.faults:
            for sensor, passed in zip(self.sensors, frame, strict=True):
                sensor.judge(dt_s, passed.verdict, held)
        for c, sensor in enumerate(self.sensors):
            sensor.blind = self._blind(sensor, self._siblings(c), blind_s)

    def _siblings(self, c: int) -> list[Sensor]:
        """Return all of the group, itself too."""
        return [sensor for sensor, g in zip(self.sensors, self.group, strict=True) if g == self.group[c]]

    def _blind(self, sensor: Sensor, siblings: Sequence[Sensor], blind_s: float) -> float:
        if math.isnan(blind_s):
            return math.nan
        ages_s = [s.age_s for s in siblings if s.age_s < math.inf]
        if sensor.age_s == math.inf or sensor.age_s < blind_s:
            return 0.0
        return 2.0 if sum(age_s >= blind_s for age_s in ages_s) > len(ages_s) / 2 else 1.0
