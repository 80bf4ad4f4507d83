"""A unit that describes itself: find the SunSpec marker, walk the models, make values of their points.

The chain is `SunS`, then (ID, length, content) until ID 0xFFFF. Units get it wrong: it is cut, comes back to
its beginning, or declares a length that its content does not have. What is sound is read, the rest is named
in notes.
"""

import re
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeVar

from agent.quality import Quality
from drivers.errors import ChainError, NoAnswer
from drivers.identity import expectation, fits, text_of
from drivers.quantities import QUANTITIES, UNITS, Poll, Severity, guess_quantity
from drivers.registers import Area, Read, Reply
from drivers.schema import Profile, SunSpecModel, SunSpecPoint
from drivers.sunspec_models import TYPES, ModelDefinition, PointDefinition, definition
from drivers.values import INF, Guard, Limits, Meaning, Span, Value

MARKER = (0x5375, 0x6E53)  # "SunS"
END = 0xFFFF
_MOST_MODELS = 512
_UNITS = {"%WHRtg": "%", "Pct": "%", "C": "degC"}

T = TypeVar("T")
Asking = Generator[Read, Reply, T]


@dataclass(frozen=True, slots=True)
class Block:
    """One model as the unit has it: `words` start with ID and length and end where the content does."""

    address: int
    words: tuple[int, ...]

    @property
    def id(self) -> int:
        """Model number."""
        return self.words[0]

    def __str__(self) -> str:
        return f"model {self.id} at {self.address}"

    def number(self, point: PointDefinition) -> int | None:
        """An integer point as a plain number; None when not implemented or not there."""
        if point.offset + point.size > len(self.words):
            return None
        coding, missing = TYPES[point.type]
        raw = 0
        for word in self.words[point.offset : point.offset + point.size]:
            raw = raw << 16 | word
        if coding.signed and raw >> (coding.width - 1):
            raw -= 1 << coding.width
        return None if raw in missing else raw


@dataclass
class Found:
    """What a chain holds for a profile."""

    values: list[Value] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)
    identity: dict[str, str | int | float] = field(default_factory=dict)
    mismatches: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)  # name and place of what was taken


def explore(profile: Profile) -> Asking[Found]:
    """Ask a unit for its models and pick what `profile` wants of them. Raises ChainError, NoAnswer."""
    assert profile.sunspec is not None
    found = Found()
    base = yield from _find_base(profile.sunspec.bases)
    blocks = yield from _walk(base, profile.max_count(Area.HOLDING), found.notes)
    models = profile.sunspec.models
    for model_id, wanted in models.items():
        model = definition(model_id)
        for turn, block in enumerate((b for b in blocks if b.id == model_id), 1):
            if model:
                _Picker(profile, block, model, wanted, found).pick(turn)
    if not found.values and not found.mismatches:
        raise ChainError(
            f"the unit has no battery model with anything to poll; its models are "
            f"{', '.join(str(b.id) for b in blocks) or 'none'}, {profile.model} reads "
            f"{', '.join(map(str, models))}; choose another profile"
        )
    return found


def _find_base(bases: tuple[int, ...]) -> Asking[int]:
    silent = 0
    for base in bases:
        reply = yield Read(Area.HOLDING, base, 2)
        if reply.quality == Quality.GOOD and tuple(reply.words) == MARKER:
            return base
        silent += reply.quality not in (Quality.GOOD, Quality.REFUSED)
    places = ", ".join(map(str, bases))
    if silent == len(bases):
        raise NoAnswer(f"no sound answer at {places}; check power, wiring, unit id and line settings")
    raise ChainError(
        f'no "SunS" at {places}: not a SunSpec unit, or its base must be said in [sunspec] bases'
    )


def _walk(base: int, most: int, notes: list[str]) -> Asking[list[Block]]:
    """All models that could be read. Those without a definition here keep only their header."""
    blocks: list[Block] = []
    address = base + 2
    while True:
        header = yield from _words(address, 2, most)
        if len(header) < 2:
            notes.append(f"the chain of models is cut at {address}; {_after(blocks)}")
            return blocks
        model_id, length = header
        if model_id == END:
            return blocks
        known = definition(model_id)
        if model_id == 0 or address + 2 + length > 0x10000:
            notes.append(f"at {address} stands no model ({model_id}, length {length}); {_after(blocks)}")
            return blocks
        content: tuple[int, ...] = ()
        if known:
            length = yield from _sound_length(known, address, length, most, notes)
            content = yield from _words(address + 2, length, most)
            if len(content) < length:
                notes.append(
                    f"model {model_id} at {address}: only {len(content)} of {length} registers can be read"
                )
        block = Block(address, (*header, *content))
        if known and model_id == 1 and any(b.words == block.words for b in blocks):
            notes.append(f"the chain of models comes back to its beginning at {address}; {_after(blocks)}")
            return blocks
        if len(blocks) == _MOST_MODELS:
            notes.append(
                f"the chain of models does not end after {_MOST_MODELS} models; the rest is not read"
            )
            return blocks
        blocks.append(block)
        address += 2 + length


def _after(blocks: list[Block]) -> str:
    return f"nothing after {blocks[-1]} is read" if blocks else "nothing is read"


def _words(address: int, count: int, most: int) -> Asking[tuple[int, ...]]:
    """`count` registers in as many reads as it takes; fewer when the unit refuses, or is silent thrice."""
    words: tuple[int, ...] = ()
    while len(words) < count:
        read = Read(Area.HOLDING, address + len(words), min(most, count - len(words)))
        for _ in range(3):
            reply = yield read
            if reply.quality in (Quality.GOOD, Quality.REFUSED):
                break
        if reply.quality != Quality.GOOD:
            break
        words += tuple(int(word) for word in reply.words)  # numpy words would wrap at 16 bits
    return words


def _sound_length(
    model: ModelDefinition, address: int, length: int, most: int, notes: list[str]
) -> Asking[int]:
    """The declared length, unless the next model stands where only the definition puts it.

    A field unit declares 15 where its content has 13 registers (matfroh/sax_battery_ha issue 128).
    """
    repeats = 0
    if model.counter:
        told = yield from _words(address + model.counter.offset, 1, most)
        repeats = Block(address, (0,) * model.counter.offset + told).number(model.counter) or model.repeats(
            length
        )
    defined = model.size - 2 + repeats * model.group_size
    if defined == length or (model.id == 1 and length == 65):  # model 1 may leave its pad out
        return length
    said = f"model {model.id} at {address} declares a length of {length}, its content has {defined}"
    for candidate in (length, defined):
        if address + 2 + candidate >= 0xFFFF:
            continue
        following = yield from _words(address + 2 + candidate, 2, most)
        if len(following) == 2 and _is_header(*following):
            notes.append(f"{said}; the next model stands after {candidate}")
            return candidate
    notes.append(f"{said}; no known model stands after either")
    return length


def _is_header(model_id: int, length: int) -> bool:
    """Whether two words look like the end of a chain or a model known here. Data can look like model 1."""
    known = definition(model_id)
    return model_id == END or (known is not None and known.holds(length))


@dataclass
class _Picker:
    """Takes the wanted values out of one model; what cannot be read becomes a note."""

    profile: Profile
    block: Block
    model: ModelDefinition
    wanted: SunSpecModel
    found: Found
    guarded: set[str] = field(default_factory=set)

    def pick(self, turn: int) -> None:
        """Add all wanted values; `turn` is the model's place among those of its kind."""
        place = self._place(turn)
        for name, wanted in self.wanted.points.items():
            if name in self.model.points:
                self._point(self.model.points[name], wanted, 0, place)
        if any(name in self.model.group for name in self.wanted.points):
            for k in range(self._repeats()):
                start = self.model.size + k * self.model.group_size
                inside = "/".join(filter(None, (place, f"{self.wanted.repeat}{k + 1}")))
                for name, wanted in self.wanted.points.items():
                    if name in self.model.group:
                        self._point(self.model.group[name], wanted, start, inside)
        for name in sorted(self.guarded):
            if (number := self.block.number(self.model.points[name])) is not None:
                self.found.guards.append(Guard(self._guard(self.model.points[name]), number))

    def _place(self, turn: int) -> str:
        """The model's place, with the numbers its own points tell."""

        def told(match: re.Match[str]) -> str:
            self.guarded.add(match[1])
            number = self.block.number(self.model.points[match[1]])
            if not number:
                self.found.notes.append(
                    f"{self.block}: {match[1]} is not told; taken as {turn}, its turn in the chain"
                )
            return str(number or turn)

        return re.sub(r"\{(\w+)\}", told, self.wanted.place)

    def _repeats(self) -> int:
        """How many of the repeating group are read: what fits, and no more than the unit counts."""
        fit = self.model.repeats(len(self.block.words) - 2)
        if self.model.counter is None:
            return fit
        self.guarded.add(self.model.counter.name)
        counted = self.block.number(self.model.counter)
        read = min(fit, fit if counted is None else counted)
        if counted != fit:
            self.found.notes.append(
                f"{self.block} has room for {fit}, its {self.model.counter.name} says {counted}; {read} read"
            )
        return read

    def _point(self, point: PointDefinition, wanted: SunSpecPoint, start: int, place: str) -> None:
        """One point, unless it was taken before, ends beyond the model, or has no scale."""
        label = f"{wanted.name} {place}".strip()
        offset = start + point.offset
        if label in self.found.labels:
            return
        if offset + point.size > len(self.block.words):
            self.found.notes.append(f"{label}: {self.block} ends before its {point.name}; not read")
            return
        self.found.labels.add(label)
        if point.type == "string":
            said = text_of(self.block.words[offset : offset + point.size])
            self.found.identity[label] = said
            if not fits(wanted, said):
                self.found.mismatches.append(f"{label} is {said!r}, expected {expectation(wanted)}")
            return
        exponent = self._exponent(point)
        if exponent is None:
            self.found.notes.append(
                f"{label}: {point.scale_factor} of {self.block} is not implemented; not read"
            )
            return
        self.guarded |= {"ID", "L"}
        self.found.values.append(self._value(point, wanted, offset, place, exponent))

    def _exponent(self, point: PointDefinition) -> int | None:
        """The power of ten of a point; None when its scale factor is not implemented."""
        if not isinstance(point.scale_factor, str):
            return point.scale_factor or 0
        self.guarded.add(point.scale_factor)
        told = self.block.number(self.model.points[point.scale_factor])
        return told if told is not None and -10 <= told <= 10 else None

    def _value(
        self, point: PointDefinition, wanted: SunSpecPoint, offset: int, place: str, exponent: int
    ) -> Value:
        coding, missing = TYPES[point.type]
        quantity = guess_quantity(wanted.name)[0] if wanted.quantity is None else wanted.quantity
        unit, per_unit, zero = UNITS[_UNITS.get(point.unit, point.unit if point.unit in UNITS else "")]
        tiers = wanted.limits or self.profile.limits.get(quantity)
        severity = _severity if quantity == "alarm_bits" else lambda _: None
        meanings = {
            number: Meaning(name.replace("_", " ").lower(), severity(name))
            for number, name in point.symbols
            if not name.startswith("RESERVED")
        }
        bits = point.type.startswith("bitfield")
        return Value(
            name=wanted.name,
            place=place,
            span=Span(Area.HOLDING, 0, self.block.address + offset, point.size),
            coding=coding,
            quantity=quantity,
            unit=unit,
            poll=wanted.poll or (QUANTITIES[quantity].poll if quantity else Poll.STATE),
            scale=wanted.scale * per_unit * (10.0**exponent if exponent >= 0 else 1 / 10.0**-exponent),
            offset=zero,
            missing=missing,
            valid=wanted.valid,
            limits=Limits(**{tier: pair for tier, pair in tiers if pair}) if tiers else None,
            bits=meanings if bits else {},
            numbers={} if bits else meanings,
            changes_within_s=wanted.changes_within_s or INF,
            pause_ms=self.profile.pause_ms or 0.0,
        )

    def _guard(self, point: PointDefinition) -> Value:
        span = Span(Area.HOLDING, 0, self.block.address + point.offset, point.size)
        return Value(f"{point.name} of {self.block}", "", span, TYPES[point.type][0])


def _severity(symbol: str) -> Severity:
    return Severity.CRITICAL if symbol.endswith("_ALARM") else Severity.WARNING
