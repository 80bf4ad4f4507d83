"""A unit that describes itself: values for a profile out of the models that its SunSpec chain holds."""

import re
from dataclasses import dataclass, field, replace

from agent.message import Message
from drivers.errors import ChainError
from drivers.identity import IdentityMark, expectation, fits, mark_of, text_of
from drivers.profile.expansion import without_twins
from drivers.profile.schema import Profile, SunSpecModel, SunSpecPoint
from drivers.quantities import QUANTITIES, UNITS, Poll, Severity, guess_quantity
from drivers.registers import Area
from drivers.sunspec.chain import Asking, ModelBlock, find_base, walk
from drivers.sunspec.models import TYPES, ModelDefinition, PointDefinition, definition
from drivers.values import INF, Coding, Guard, LimitTiers, Meaning, Reading, Span, Value, usable

_UNITS = {"%WHRtg": "%", "Pct": "%", "C": "degC"}


def unit_of(point: PointDefinition) -> str:
    """The unit of a point, in our words; "" where we have none."""
    return _UNITS.get(point.unit, point.unit if point.unit in UNITS else "")


def asked_quantity(point: SunSpecPoint) -> str:
    """What a point is asked as: what the profile says, or the name it gives."""
    return guess_quantity(point.name)[0] if point.quantity is None else point.quantity


@dataclass
class Explored:
    """What a chain holds for a profile."""

    values: list[Value] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)
    identity: dict[str, str | int | float] = field(default_factory=dict)
    marks: list[IdentityMark] = field(default_factory=list)
    mismatches: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)  # counters that say 0
    labels: set[str] = field(default_factory=set)  # name and place of what was taken


def explore(profile: Profile) -> Asking[Explored]:
    """Ask a unit for its models and pick what `profile` wants of them. Raises ChainError, NoAnswer."""
    assert profile.sunspec is not None
    found = Explored()
    base = yield from find_base(profile.sunspec.bases)
    blocks = yield from walk(base, profile.max_count(Area.HOLDING), found.notes)
    models = profile.sunspec.models
    for model_id, wanted in models.items():
        model = definition(model_id)
        for turn, block in enumerate((b for b in blocks if b.id == model_id), 1):
            if model:
                _Picker(profile, block, model, wanted, found).pick(turn)
    judged = {point.name for wanted in models.values() for point in wanted.points.values() if point.judged}
    found.values = without_twins(found.values, judged)
    if not found.values and not found.mismatches:
        raise ChainError(
            Message(
                "the unit has no battery model with anything to poll; its models are {models}, {profile}"
                " reads {wanted}; choose another profile",
                models=", ".join(str(b.id) for b in blocks) or Message("none"),
                profile=profile.model,
                wanted=", ".join(map(str, models)),
            )
        )
    return found


@dataclass
class _Picker:
    """Takes the wanted values out of one model; what cannot be read becomes a note."""

    profile: Profile
    block: ModelBlock
    model: ModelDefinition
    wanted: SunSpecModel
    found: Explored
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
            if (raw := self.block.raw(self.model.points[name])) is not None:
                point = self.model.points[name]
                self.found.guards.append(Guard(self._guard(point), raw, counts=point.type != "sunssf"))

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
        if not read:
            self.found.empty.append(f"{self.block} {self.model.counter.name}")
        if counted != fit or not read:
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
            span = Span(Area.HOLDING, 0, self.block.address + offset, point.size)
            value = Value(wanted.name, place, span, Coding(Reading.INTEGER, point.size, 16))
            if mark := mark_of(value, text=True, expected=bool(expectation(wanted))):
                self.found.marks.append(mark)
            if not fits(wanted, said):
                self.found.mismatches.append(f"{label} is {said!r}, expected {expectation(wanted)}")
            return
        exponent = self._exponent(point)
        if exponent is None:
            self.found.notes.append(
                f"{label}: {point.scale_factor} of {self.block} is not implemented; not read"
            )
            return
        guards = ["ID", "L", *re.findall(r"\{(\w+)\}", self.wanted.place)]
        guards += [self.model.counter.name] if start and self.model.counter else []
        guards += [point.scale_factor] if isinstance(point.scale_factor, str) else []
        self.guarded |= set(guards)
        value = self._value(point, wanted, offset, place, exponent)
        names = tuple(self._guard(self.model.points[name]).name for name in guards)
        self.found.values.append(replace(value, guards=names))

    def _exponent(self, point: PointDefinition) -> int | None:
        """The power of ten of a point; None when its scale factor is not implemented."""
        if not isinstance(point.scale_factor, str):
            return point.scale_factor or 0
        self.guarded.add(point.scale_factor)
        told = self.block.number(self.model.points[point.scale_factor])
        return told if usable(told) else None

    def _value(
        self, point: PointDefinition, wanted: SunSpecPoint, offset: int, place: str, exponent: int
    ) -> Value:
        coding, missing = TYPES[point.type]
        quantity = asked_quantity(wanted)
        unit, per_unit, zero = UNITS[unit_of(point)]
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
            limits=LimitTiers(**{tier: pair for tier, pair in tiers if pair}) if tiers else None,
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
