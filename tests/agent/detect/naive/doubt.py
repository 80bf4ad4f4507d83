"""Whether a sensor that jumps to a heat is believed, told plainly: one group of sensors, and its cells."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from agent.detect.kernels.validity import HELD, IMPOSSIBLE, RESTART, RESUMED
from tests.agent.detect.naive import leaps

NAN = math.nan


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
    witness: tuple[str, int, float] = ("nobody", 0, NAN)
    hot: float = NAN
    read: list[float] = field(default_factory=lambda: [NAN])  # while it is doubted
    contact: leaps.Contact = field(default_factory=leaps.Contact)
    faulty_s: float | None = None
    unproven: bool = False  # of this doubt
    broke_s: float = 0.0


@dataclass
class Reading:
    """What a frame says of a sensor, before it is judged. raw: NaN where it is none. faulty: it is, by what
    it says alone. measured: it may be a witness.
    """

    number: int
    raw: float
    measured: bool
    value: float
    said: int
    median: float
    suspect: bool
    faulty: bool
    slopes: tuple[float, float] = (0.0, 0.0)


@dataclass
class Verdict:
    """What is made of it."""

    sudden: bool
    unproven: bool
    gone: bool
    faulty: bool
    heard: bool
    hot: float
    suspect: bool
    restarts: bool
    told: bool


@dataclass
class CellReading:
    """A cell that is where the sensors are: `age_s` since usable. odd: zeros, or one number with others."""

    number: int
    measured: bool
    raw: float
    usable: bool
    median: float
    age_s: float
    odd: bool


@dataclass
class Place:
    """The sensors of one group, and the cells there."""

    step: float
    sensors: list[Sensor]
    usual_v: list[float] = field(default_factory=list)
    usual_ohm: float = NAN

    def take(
        self,
        dt_s: float,
        hot_degc: float,
        readings: Sequence[Reading],
        cells: Sequence[CellReading],
        ohm: float = NAN,
        said_s: float = math.inf,
    ) -> list[Verdict]:
        """Judge a frame. ohm: the insulation, NaN where it is not measured; said_s: since its words."""
        self.hot_degc, self.ohm, self.said_s = hot_degc, ohm, said_s
        rose = max(3.0, 3.0 * self.step)
        heats = [
            max(reading.slopes) >= 0.1 or sensor.contact.last - sensor.usual >= rose
            for sensor, reading in zip(self.sensors, readings, strict=True)
        ]
        contacts = [sensor.contact for sensor in self.sensors]
        raws = [reading.raw for reading in readings]
        believed = [sensor.doubted in ("witnessed", "told") for sensor in self.sensors]
        self.leapt = leaps.take(contacts, dt_s, hot_degc, raws, heats, believed)
        for sensor, reading, leapt in zip(self.sensors, readings, self.leapt, strict=True):
            self._read(sensor, reading, dt_s, leapt)
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
        self.usual_ohm = _towards(self.usual_ohm, ohm, dt_s)
        return verdicts

    def _read(self, sensor: Sensor, reading: Reading, dt_s: float, leapt: str) -> None:
        sensor.x = reading.raw
        sensor.risen = sensor.x - (sensor.usual if sensor.doubted == "not" else sensor.before)
        sensor.jumps *= math.exp(-dt_s / 7200.0)
        sensor.chatters_s = max(sensor.chatters_s - dt_s, 0.0)
        sensor.worst_age_s += dt_s
        stood = sensor.doubted != "not" and sensor.doubted_s >= 2.0 * dt_s
        burns = sensor.usual >= self.hot_degc or stood
        jumped = reading.said in (RESTART, RESUMED) and not (burns and sensor.x >= self.hot_degc)
        sensor.jumps += jumped
        again = sensor.chatters_s > 0.0 and (jumped or leapt != "")
        if (jumped and sensor.jumps >= 3.0) or leapt == "chatters" or again:
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
                witness = witness or self._cell_fell(sensor, cells)
                witness = witness or (siblings != "alike" and self._unit_says(sensor))
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
        if alone and siblings != "alike" and self._is_steady(sensor):
            enough_s = 10.0
        hot = reading.value if reading.measured else NAN
        still = min(sensor.hot, sensor.x) >= self.hot_degc and math.isnan(reading.value)
        if believed or (sensor.doubted == "not" and still):
            hot = sensor.x
        elif not math.isnan(hot) and (alone or chatters):
            hot = 0.0
        sensor.hot = hot
        heats = any(
            other.x >= self.hot_degc or max(read.slopes) >= 0.1 or other.risen >= max(3.0, 3.0 * self.step)
            for other, read in zip(self.sensors, readings, strict=True)
        )
        faulty = reading.faulty and sensor.doubted == "not" and sensor.doubted_s >= 0.0 and not heats
        if not math.isnan(reading.value):
            stood_s = 0.0 if sensor.faulty_s is None else sensor.faulty_s + dt_s
            sensor.faulty_s = stood_s if faulty else None
        over = sensor.doubted_s > 0.0 and sensor.doubted_s >= enough_s - 0.5 * dt_s
        unproven, cut = alone and over and not chatters, False
        if alone and math.isnan(sensor.x):
            others = any(other.doubted == "not" for other in self.sensors) or len(self.sensors) == 1
            cut = unproven and not sensor.unproven and math.isnan(sensor.read[-1]) and others
            unproven = unproven and sensor.unproven
            sensor.read = [NAN]
        sensor.unproven = unproven
        if cut:
            sensor.broke_s = 86400.0
        elif not math.isnan(sensor.x):
            sensor.broke_s = max(0.0, sensor.broke_s - dt_s)
        if chatters or believed:
            sensor.broke_s = 0.0
        gone = sensor.broke_s > 0.0
        return Verdict(
            sudden=sensor.doubted == "told",
            unproven=unproven,
            gone=gone,
            faulty=chatters or (sensor.faulty_s is not None and sensor.faulty_s >= 60.0),
            restarts=chatters and self.leapt[i] != "",
            told=chatters or unproven or gone or sensor.doubted == "told",
            heard=not math.isnan(sensor.x) or sensor.doubted == "told" or cut,
            hot=hot,
            suspect=suspect,
        )

    def _siblings(self, i: int, readings: Sequence[Reading]) -> str:
        known = [s for s in self.sensors if not math.isnan(s.x) and not math.isnan(s.risen)]
        if not known:
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
        if len(known) > 1 and min(rises) >= enough and (offset or factor or number or none):
            return "alike"
        me = self.sensors[i]
        rose = [
            (s.x, -reading.number)
            for s, reading in zip(self.sensors, readings, strict=True)
            if s is not me
            and s.risen >= enough
            and reading.measured
            and (abs(s.x - me.x) > 0.05 * me.x if reading.said == IMPOSSIBLE else s.x != me.x)
        ]
        if rose:
            me.witness = "sensor", -max(rose)[1], max(rose)[0]
        return "rose" if rose else ""

    def _cell_fell(self, sensor: Sensor, cells: Sequence[CellReading]) -> bool:
        read = sum(cell.measured for cell in cells)
        fell: list[tuple[float, int]] = []
        for cell, usual_v in zip(cells, self.usual_v, strict=True):
            if cell.odd:
                continue
            if not cell.measured:
                if 0.0 < cell.age_s <= 60.0 and 2 * read > len(cells):
                    sensor.witness = "cell gone", cell.number, NAN
                    return True
            elif cell.usable and len(cells) == 1:
                if usual_v - cell.raw >= usual_v / 6.0:
                    fell.append((usual_v - cell.raw, -cell.number))
            elif cell.usable and usual_v - cell.raw >= 0.25 and cell.median - cell.raw >= 0.2:
                fell.append((max(usual_v - cell.raw, cell.median - cell.raw), -cell.number))
        if fell:
            sensor.witness = "cell fell", -max(fell)[1], max(fell)[0]
        return bool(fell)

    def _is_steady(self, sensor: Sensor) -> bool:
        if math.isnan(sensor.x):
            return False
        sensor.read.append(sensor.x)
        enough = max(1.0, 3.0 * self.step)
        read = [x for x in sensor.read if not math.isnan(x)]
        moves = [after - before for before, after in pairwise(read)][-2:]
        return len(moves) == 2 and (min(moves) >= enough or max(moves) <= -enough)

    def _unit_says(self, sensor: Sensor) -> bool:
        if 0.0 < self.ohm <= self.usual_ohm / 4.0:
            sensor.witness = "insulation", 0, self.ohm
            return True
        if self.said_s <= 60.0:
            sensor.witness = "unit", 0, self.said_s
            return True
        return False


def _begin(sensor: Sensor, reading: Reading, dt_s: float, hot_degc: float) -> None:
    if sensor.doubted != "not" and math.isnan(sensor.back_at) and not math.isnan(sensor.x):
        # it stood before a restart, and this is its first reading after it
        sensor.before = reading.median if math.isnan(sensor.usual) else sensor.usual
        below = sensor.before < sensor.x
        half_way = sensor.before + 0.5 * (sensor.x - sensor.before)
        sensor.back_at = min(hot_degc, half_way) if below else hot_degc
        sensor.risen = sensor.x - sensor.before
    if sensor.doubted != "not" or not sensor.x >= hot_degc or sensor.hot >= hot_degc:
        return
    jumped = reading.said in (HELD, RESTART, RESUMED, IMPOSSIBLE) or sensor.doubted_s < 0.0
    jumped = jumped or (reading.suspect and sensor.x - reading.median >= 10.0)
    first = math.isnan(sensor.usual)
    before = reading.median if first else sensor.usual
    if (jumped or first) and sensor.x - before >= 10.0:
        sensor.before, sensor.back_at = before, min(hot_degc, before + 0.5 * (sensor.x - before))
        sensor.doubted, sensor.doubted_s = "alone", -dt_s
        sensor.risen = sensor.x - before
        sensor.witness = "nobody", *sensor.witness[1:]
        sensor.read = [sensor.x]


def _towards(usual: float, x: float, dt_s: float) -> float:
    if math.isnan(usual) or math.isnan(x):
        return x if math.isnan(usual) else usual
    return x + (usual - x) * math.exp(-dt_s / 60.0)
