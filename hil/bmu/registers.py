"""The registers of a unit behind a plain profile: which exist, and what they hold."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.quality import Quality
from drivers.connect import ConnectError, connect
from drivers.decode import codec_table, encode
from drivers.layout import Layout
from drivers.plan import PlanError, Terrain
from drivers.profile.expansion import IdentityPoint, expand, reported, terrain
from drivers.profile.schema import Point, Profile
from drivers.registers import Area, Read, Reply
from drivers.values import Reading, Span, Value
from hil.bmu.binding import bind
from hil.modbus.table import RegisterTable
from hil.plant.source import OWN_ALARM, Arrangement, Channel, Floats, Source

Identity = Mapping[str, str | int | float]
Int64 = NDArray[np.int64]
#: In what steps a unit usually tells a quantity, in its unit, where a scale factor leaves it open.
_STEPS = {
    "cell_voltage": 0.001,
    "cell_temperature": 0.1,
    "module_voltage": 0.01,
    "voltage": 0.1,
    "current": 0.1,
}
_FLOATS = {Reading.FLOAT_32: (np.float32, np.int32), Reading.FLOAT_64: (np.float64, np.int64)}


class RegisterError(Exception):
    """A unit that cannot be served as the room says: what does not fit, and what to change."""


class RegisterMap(Protocol):
    """A unit's registers, kept up to date."""

    @property
    def tables(self) -> Mapping[int, RegisterTable]:
        """Register tables by offset to the unit id; most units have one, at 0."""
        ...

    def update(self, channels: Floats, t_s: float) -> None:
        """Put what the source read at `t_s` into the registers."""
        ...


class ProfileMap:
    """Serves a profile that lists its points.

    Every register that a point names exists, and those between them unless the profile says that gaps cannot
    be read. Expected identities are filled in, other texts hold `serial`; `identity` (point name -> value)
    overrides. The layout is found as an agent finds it, by `connect` against these very registers. What the
    source does not have holds the point's "not available" code; without one a temperature is as cold as its
    register can say, all else is 0.
    """

    def __init__(self, profile: Profile, source: Source, identity: Identity, serial: str) -> None:
        self.profile = profile
        self.tables: dict[int, RegisterTable] = {}
        self._define(identity, source.arrangement, serial)
        self.layout = converse(profile, self.tables)
        self._translator = Translator(self.layout.values, source)

    def update(self, channels: Floats, t_s: float) -> None:
        """Write every value that the source has; a heartbeat counts seconds."""
        self._translator.encoder.write(self._translator.raw(channels, np.asarray(t_s)), self.tables)

    def _define(self, identity: Identity, arrangement: Arrangement, serial: str) -> None:
        counts = [name for name, why in reported(self.profile).items() if why == "count"]
        said: dict[str, str | int | float] = {name: _counted(name, arrangement) for name in counts}
        full = expand(
            self.profile, {n: int(v) for n, v in {**said, **identity}.items() if isinstance(v, int)}
        )
        said |= {**_factors(self.profile, full.values), **identity}
        points = {item.point.name for item in full.identity}
        if unknown := set(identity) - points:
            names = ", ".join(sorted(points)) or "none"
            raise RegisterError(
                f"identity.{min(unknown)}: {self.profile.model} has no such point, only {names}"
            )
        spans = [v.span for v in full.values] + [item.value.span for item in full.identity]
        for unit_offset in sorted({s.unit_offset for s in spans}):
            table = self.tables[unit_offset] = RegisterTable(self.profile.address_step)
            for area in Area:
                here = [s for s in spans if s.area is area and s.unit_offset == unit_offset]
                for first, last in _existing(self.profile, here):
                    table.define(area, first, [0] * (last - first + 1))
        for item in full.identity:
            self._identify(item, said.get(item.point.name, _expected(item.point, serial)))

    def _identify(self, item: IdentityPoint, said: str | int | float) -> None:
        span, coding = item.value.span, item.value.coding
        if item.text:
            data = str(said).encode("ascii", "replace")[: 2 * span.count].ljust(2 * span.count, b"\0")
            words = np.frombuffer(data, ">u2" if coding.big_bytes else "<u2").astype(np.uint16)
            addresses = np.arange(span.first, span.first + span.count)
            self.tables[span.unit_offset].write(span.area, addresses, words)
        else:
            encoder = Encoder([item.value])
            encoder.write(encoder.raw(np.array([float(said or 0)])), self.tables)


class Translator:
    """What a source reads -> the raw values of a unit's registers."""

    def __init__(self, values: Sequence[Value], source: Source) -> None:
        self.encoder = Encoder(values)
        self._binding = bind(source, [Channel(v.place, v.quantity) for v in values])
        self._resting = np.array([_resting(v) for v in values], np.int64)
        self._beats = np.array([i for i, v in enumerate(values) if v.quantity == "heartbeat"], np.intp)
        own = [i for i, channel in enumerate(source.channels) if channel == OWN_ALARM]
        self._own = own[0] if own else None
        self._hot = next(((i, bit) for i, v in enumerate(values) if (bit := _hot_bit(v)) is not None), None)

    def raw(self, channels: Floats, t_s: Floats) -> Int64:
        """Raw values (..., n) of what was read (..., channels) at times (...); a heartbeat counts seconds."""
        si = self._binding.values(channels)
        known = np.isfinite(si)
        raw = np.where(known, self.encoder.raw(np.where(known, si, 0.0)), self._resting)
        raw[..., self._beats] = (t_s.astype(np.int64) % 256)[..., None]
        if self._own is not None and self._hot is not None:
            where, bit = self._hot
            raw[..., where] = np.where(channels[..., self._own] > 0, 1 << bit, self._resting[where])
        return raw


def converse(profile: Profile, tables: Mapping[int, RegisterTable]) -> Layout:
    """The layout that an agent would find at these registers. RegisterError when it would refuse them."""
    conversation = connect(profile)
    try:
        read = next(conversation)
        while True:
            read = conversation.send(ask(tables, read))
    except StopIteration as end:
        layout: Layout = end.value
        return layout
    except (ConnectError, PlanError) as error:
        raise RegisterError(f"{profile.model} cannot be served: {error}") from error


def ask(tables: Mapping[int, RegisterTable], read: Read) -> Reply:
    """What the unit behind `tables` answers."""
    table = tables.get(read.unit_offset)
    words = table.read(read.area, read.address, read.count) if table else None
    return Reply((), Quality.REFUSED, 2) if words is None else Reply(words.tolist())


class Encoder:
    """SI values -> raw values -> registers, by the drivers' own codec table."""

    def __init__(self, values: Sequence[Value]) -> None:
        self._codec, _ = codec_table(values, [0] * len(values))
        self._scale = np.array([v.scale for v in values])
        self._offset = np.array([v.offset for v in values])
        self._raw_offset = np.array([v.raw_offset for v in values])
        self._low, self._high = np.array([_extent(v) for v in values], np.float64).reshape(-1, 2).T
        self._floats = {
            i: _FLOATS[v.coding.reading] for i, v in enumerate(values) if v.coding.reading in _FLOATS
        }
        self._parts: list[tuple[int, Area, NDArray[np.intp], slice]] = []
        bank_index: dict[tuple[int, Area, int], int] = {}
        for unit_offset, area in sorted({(v.span.unit_offset, v.span.area) for v in values}):
            spans = [v.span for v in values if (v.span.unit_offset, v.span.area) == (unit_offset, area)]
            addresses = sorted({a for s in spans for a in range(s.first, s.last + 1)})
            start = len(bank_index)
            bank_index |= {(unit_offset, area, a): start + i for i, a in enumerate(addresses)}
            self._parts.append((unit_offset, area, np.array(addresses), slice(start, len(bank_index))))
        first = [bank_index[v.span.unit_offset, v.span.area, v.span.first] for v in values]
        self._slots = np.array(first, np.int64)
        self._bank = np.zeros(len(bank_index), np.uint16)

    def raw(self, si: Floats) -> Int64:
        """Nearest raw values, float64[..., n] -> int64[..., n], held within what each point can say."""
        number = (si - self._offset) / self._scale - self._raw_offset
        raw: Int64 = np.clip(np.rint(number), self._low, self._high).astype(np.int64)
        for i, (real, whole) in self._floats.items():
            raw[..., i] = number[..., i].astype(real).view(whole)
        return raw

    def write(self, raw: Int64, tables: Mapping[int, RegisterTable]) -> None:
        """Write all registers, those of one table at once."""
        encode(self._codec, self._slots, raw, self._bank)
        for unit_offset, area, addresses, where in self._parts:
            tables[unit_offset].write(area, addresses, self._bank[where])


def _extent(value: Value) -> tuple[float, float]:
    """The least and greatest number that fits."""
    width = min(value.coding.width, 62)
    if value.coding.reading is Reading.BCD:
        return 0.0, 10.0 ** (width // 4) - 1
    if value.coding.signed or value.coding.reading is Reading.SIGN_MAGNITUDE:
        return -(2.0 ** (width - 1)) + 1, 2.0 ** (width - 1) - 1
    return 0.0, 2.0**width - 1


def _resting(value: Value) -> int:
    """What a value holds that the source does not have: no alarm, ordinary state, else "not available".

    A temperature without such a code is as cold as its register can say, as an open thermistor is: 0 degC
    would be a reading.
    """
    if value.quantity in ("alarm_bits", "state"):
        return 0
    if value.missing:
        return value.missing[0]
    coldest = value.unit == "degC" and value.coding.reading not in _FLOATS
    return int(_extent(value)[0]) if coldest else 0


def _hot_bit(value: Value) -> int | None:
    """The bit with which a unit says that a cell is too hot; None where this value has none."""
    said = {bit: m.text.lower() for bit, m in value.bits.items() if m.severity and m.active == 1}
    hot = [bit for bit, text in said.items() if "temp" in text and re.search("over|high|hot", text)]
    return min(hot, default=None)


def _expected(point: Point, serial: str) -> str | int | float:
    if point.expect:
        return point.expect[0]
    if point.expect_range:
        return point.expect_range[0]
    return serial if point.type == "ascii" else 0


def _factors(profile: Profile, values: Sequence[Value]) -> dict[str, int]:
    """The exponent that each scale factor tells, for the coarsest of its values."""
    factors: dict[str, int] = {}
    for point in profile.point:
        scale = next((v.scale for v in values if v.name == point.name), 1.0)
        step = next(
            (_STEPS[v.quantity] for v in values if v.name == point.name and v.quantity in _STEPS), 1.0
        )
        if point.scale_factor:
            exponent = round(math.log10(step / abs(scale)))
            factors[point.scale_factor] = max(exponent, factors.get(point.scale_factor, exponent))
    return factors


def _counted(name: str, arrangement: Arrangement) -> int:
    """What a point called "module_count" or "cells" tells."""
    for level in ("string", "module", "cell", "sensor"):
        if re.search(level, name):
            number: int = getattr(arrangement, f"{level}s")
            return number
    return 1


def _existing(profile: Profile, spans: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """First and last register of each stretch that exists."""
    ground = terrain(profile)
    stretch: tuple[int, int] | None = None
    for span in sorted(spans, key=lambda s: s.first):
        if stretch and (span.first <= stretch[1] + 1 or _gap_readable(profile, stretch[1], span, ground)):
            stretch = (stretch[0], max(stretch[1], span.last))
            continue
        if stretch:
            yield stretch
        stretch = (span.first, span.last)
    if stretch:
        yield stretch


def _gap_readable(profile: Profile, last: int, span: Span, ground: Terrain) -> bool:
    gap = replace(span, first=last + 1, count=span.first - last - 1)
    return profile.gaps == "readable" and ground.obstacle(gap) is None
