"""Whether a sensor that jumps to a heat is believed, told plainly: one group of sensors, and its cells."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.detect.kernels.validity import HELD, IMPOSSIBLE, NOT_GOOD, RESTART, RESUMED

NAN = math.nan


def measured(raw: float, step: float, hot_degc: float, said: int) -> float:
    """Return a reading, NaN where it is none."""
    if raw < hot_degc:
        return raw
    codes = [215.0, 255.0, 471.0, 511.0]
    codes += [full * step - less for full in (32767.0, 65535.0) for less in (0.0, 40.0)]
    is_code = any(abs(raw - code) < 0.5 * step for code in codes)
    return NAN if said == NOT_GOOD or is_code or not raw < 1100.0 else raw


@dataclass
class Sensor:
    """A sensor: what it read before it jumped, how far the doubt has come, how it chatters."""

    before: float = NAN
    back_at: float = NAN
    doubted: str = "not"
    doubted_s: float = 0.0
    jumps: float = 0.0
    chatters_s: float = 0.0
    worst: float = NAN
    worst_age_s: float = 0.0
    usual: float = NAN
    x: float = NAN
    risen: float = NAN


@dataclass
class Reading:
    """What a frame says of a sensor, before it is judged. faulty: it is, by what it says alone."""

    raw: float
    value: float
    said: int
    median: float
    suspect: bool
    faulty: bool


@dataclass
class Verdict:
    """What is made of it."""

    sudden: bool
    unproven: bool
    faulty: bool
    heard: bool
    hot: float
    suspect: bool


@dataclass
class CellReading:
    """A cell that is where the sensors are: `age_s` since it was usable."""

    raw: float
    usable: bool
    median: float
    age_s: float


@dataclass
class Place:
    """The sensors of one group, and the cells there."""

    step: float
    sensors: list[Sensor]
    usual_v: list[float] = field(default_factory=list)

    def take(
        self, dt_s: float, hot_degc: float, readings: Sequence[Reading], cells: Sequence[CellReading]
    ) -> list[Verdict]:
        """Judge a frame."""
        for sensor, reading in zip(self.sensors, readings, strict=True):
            self._read(sensor, reading, dt_s, hot_degc)
        for sensor, reading in zip(self.sensors, readings, strict=True):
            _begin(sensor, reading, dt_s, hot_degc)
        verdicts = [self._judge(i, dt_s, readings, cells) for i in range(len(readings))]
        for sensor in self.sensors:
            if sensor.doubted == "not":
                sensor.usual = _towards(sensor.usual, sensor.x, dt_s)
        self.usual_v = [
            _towards(usual, cell.raw if cell.usable else NAN, dt_s)
            for usual, cell in zip(self.usual_v, cells, strict=True)
        ]
        return verdicts

    def _read(self, sensor: Sensor, reading: Reading, dt_s: float, hot_degc: float) -> None:
        sensor.x = measured(reading.raw, self.step, hot_degc, reading.said)
        sensor.risen = sensor.x - (sensor.usual if sensor.doubted == "not" else sensor.before)
        sensor.jumps *= math.exp(-dt_s / 7200.0)
        sensor.chatters_s = max(sensor.chatters_s - dt_s, 0.0)
        sensor.worst_age_s += dt_s
        if reading.said in (RESTART, RESUMED):
            sensor.jumps += 1.0
            if sensor.jumps >= 3.0 or sensor.chatters_s > 0.0:
                sensor.chatters_s = 86400.0
        known = sensor.x <= sensor.worst and sensor.worst_age_s <= 3600.0
        if not math.isnan(sensor.x) and not known:
            sensor.worst, sensor.worst_age_s = sensor.x, 0.0

    def _judge(
        self, i: int, dt_s: float, readings: Sequence[Reading], cells: Sequence[CellReading]
    ) -> Verdict:
        sensor, reading = self.sensors[i], readings[i]
        siblings = ""
        if sensor.doubted == "not":
            sensor.doubted_s = min(sensor.doubted_s + dt_s, 0.0)
        else:
            sensor.doubted_s += dt_s
            gone = math.isnan(sensor.x)
            siblings = self._siblings(i, readings) if not gone and sensor.doubted != "told" else ""
            witness = siblings == "rose"
            if not gone and sensor.doubted != "told":
                witness = witness or self._cell_fell(cells)
            cools = sensor.doubted == "witnessed" and witness and sensor.x - sensor.before >= 10.0
            if sensor.x < sensor.back_at and not cools:
                sensor.doubted, sensor.doubted_s = "not", -7200.0
                siblings = ""
            elif gone and sensor.doubted == "witnessed":
                sensor.doubted = "told"
            elif sensor.doubted == "witnessed":
                sensor.doubted = "told" if witness or sensor.doubted_s - dt_s <= 30.0 else "alone"
            elif sensor.doubted == "alone" and witness:
                sensor.doubted = "witnessed"
        believed = sensor.doubted in ("witnessed", "told")
        alone, chatters = sensor.doubted == "alone", sensor.chatters_s > 0.0
        suspect = reading.suspect and not believed
        enough_s = max(30.0, 3.0 * dt_s) if siblings == "alike" else 30.0
        hot = reading.value
        if believed:
            hot = sensor.x
        elif not math.isnan(hot) and (alone or chatters):
            hot = 0.0
        return Verdict(
            sudden=sensor.doubted == "told",
            unproven=alone
            and sensor.doubted_s > 0.0
            and sensor.doubted_s >= enough_s - 0.5 * dt_s
            and not chatters,
            faulty=chatters or (reading.faulty and sensor.doubted == "not"),
            heard=not math.isnan(sensor.x) or sensor.doubted == "told",
            hot=hot,
            suspect=suspect,
        )

    def _siblings(self, i: int, readings: Sequence[Reading]) -> str:
        known = [s for s in self.sensors if not math.isnan(s.x) and not math.isnan(s.risen)]
        if len(known) < 2:
            return ""
        enough = max(3.0, 3.0 * self.step)
        rises = [s.risen for s in known]
        times = [s.x / max(s.x - s.risen, 1.0) for s in known]
        offset = max(rises) - min(rises) <= max(2.0, 3.0 * self.step)
        factor = max(times) - min(times) <= 0.05 * max(times)
        number = max(s.x for s in known) - min(s.x for s in known) <= self.step
        none = all(
            reading.said == IMPOSSIBLE
            for s, reading in zip(self.sensors, readings, strict=True)
            if not math.isnan(s.x) and not math.isnan(s.risen)
        )
        if min(rises) >= enough and (offset or factor or number or none):
            return "alike"
        me = self.sensors[i]
        rose = any(
            s is not me and s.risen >= enough and reading.said != IMPOSSIBLE and s.x != me.x
            for s, reading in zip(self.sensors, readings, strict=True)
            if not math.isnan(s.x) and not math.isnan(s.risen)
        )
        return "rose" if rose else ""

    def _cell_fell(self, cells: Sequence[CellReading]) -> bool:
        read = [not math.isnan(cell.raw) for cell in cells]
        for cell, usual_v in zip(cells, self.usual_v, strict=True):
            if math.isnan(cell.raw):
                if 0.0 < cell.age_s <= 60.0 and 2 * sum(read) > len(cells):
                    return True
            elif cell.usable and len(cells) == 1:
                if cell.raw < 0.75 * usual_v:
                    return True
            elif cell.usable and usual_v - cell.raw >= 0.25 and cell.median - cell.raw >= 0.2:
                return True
        return False


def _begin(sensor: Sensor, reading: Reading, dt_s: float, hot_degc: float) -> None:
    if sensor.doubted != "not" or not sensor.x >= hot_degc:
        return
    jumped = reading.said in (HELD, RESTART, RESUMED, IMPOSSIBLE) or sensor.doubted_s < 0.0
    jumped = jumped or (reading.suspect and sensor.x - reading.median >= 10.0)
    first = math.isnan(sensor.usual)
    before = reading.median if first else sensor.usual
    if (jumped or first) and sensor.x - before >= 10.0:
        sensor.before, sensor.back_at = before, min(hot_degc, before + 0.5 * (sensor.x - before))
        sensor.doubted, sensor.doubted_s = "alone", -dt_s
        sensor.risen = sensor.x - before


def _towards(usual: float, x: float, dt_s: float) -> float:
    if math.isnan(usual) or math.isnan(x):
        return x if math.isnan(usual) else usual
    return x + (usual - x) * math.exp(-dt_s / 60.0)
