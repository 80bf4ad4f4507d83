"""From points to values: everything a profile leaves unsaid is filled in here, once."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

from drivers.address import AddressError
from drivers.plan import ANY_UNIT, Terrain
from drivers.profile.arrays import group_chain, group_dimension, steps
from drivers.profile.coding import (
    address_hint,
    base_of,
    coding_of,
    in_si,
    locate,
    missing_of,
    si_of,
    to_registers,
)
from drivers.profile.problems import PointError, Problem
from drivers.profile.schema import MeaningEntry, Point, Profile, SpanText, Tiers
from drivers.quantities import QUANTITIES, Poll, guess_quantity
from drivers.registers import Area
from drivers.values import INF, LimitTiers, Meaning, Span, Value, usable


@dataclass(frozen=True, slots=True)
class IdentityPoint:
    """Read once per connection: a text, or a number that is decoded like any value."""

    point: Point
    value: Value  # of a text only name, place and span count

    @property
    def text(self) -> bool:
        """Its registers hold characters."""
        return self.point.type == "ascii"


@dataclass(frozen=True, slots=True)
class Expansion:
    """All that a profile's points stand for, and what was wrong on the way."""

    values: tuple[Value, ...]
    identity: tuple[IdentityPoint, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def expand(
    profile: Profile,
    counts: Mapping[str, int] | None = None,
    factors: Mapping[str, int] | None = None,
    instance: int = 1,
) -> Expansion:
    """Unroll `profile`.

    `counts` and `factors` are what the unit said of the points used as counts and scale factors. A count that
    is not there is the largest allowed; without any `factors` all are 10**0, else a point without its own is
    left out and noted. A point that cannot be unrolled becomes a problem; the others are there all the same.
    """
    told = None if factors is None else frozenset(factors.items())
    return _expanded(profile, frozenset((counts or {}).items()), told, instance)


@lru_cache(maxsize=32)
def _expanded(
    profile: Profile, said: frozenset[tuple[str, int]], told: frozenset[tuple[str, int]] | None, instance: int
) -> Expansion:
    """Once for all units alike: their values are the same objects, of which 300 take 100 kB."""
    counts, factors = dict(said), None if told is None else dict(told)
    values: list[Value] = []
    identity: list[IdentityPoint] = []
    problems: list[Problem] = []
    notes: list[str] = []
    shaping = reported(profile)
    for point in profile.point:
        if factors is not None and (name := point.scale_factor) and not usable(factors.get(name)):
            what = f"is {factors[name]}, which cannot be" if name in factors else "is not available"
            notes.append(f"{point.name}: its scale factor {name} {what}; not read")
            continue
        try:
            found = list(
                _values(profile, point, point.name in shaping, counts, factors or {}, instance, notes)
            )
        except PointError as error:
            problems.append(Problem(profile.model, point.name, error.what, error.change))
        except AddressError as error:
            problems.append(Problem(profile.model, point.name, str(error), address_hint(profile, point)))
        else:
            if found and found[0].poll is Poll.IDENTITY:
                identity += [IdentityPoint(point, v) for v in found]
            else:
                values += found
    values = without_twins(values, {p.name for p in profile.point if p.judged})
    return Expansion(tuple(values), tuple(identity), tuple(problems), tuple(notes))


def without_twins(values: list[Value], judged: Collection[str]) -> list[Value]:
    """Where a point of `judged` tells a quantity of a place, the others that tell it are not judged."""
    chosen = {(v.quantity, v.place) for v in values if v.name in judged}
    return [
        replace(v, quantity="") if v.name not in judged and (v.quantity, v.place) in chosen else v
        for v in values
    ]


def reported(profile: Profile) -> dict[str, str]:
    """Points whose value shapes the layout: name -> "count" or "scale factor"."""
    names = {c: "count" for p in profile.point for c in p.count or () if isinstance(c, str)}
    names |= {g.count: "count" for g in profile.group if isinstance(g.count, str)}
    return names | {p.scale_factor: "scale factor" for p in profile.point if p.scale_factor}


def terrain(profile: Profile, instance: int = 1) -> Terrain:
    """Where this profile's reads may go. Raises PointError, AddressError."""
    forbidden = list(_spans(profile, profile.forbidden))
    islands = list(_spans(profile, profile.islands))
    for group in profile.group:
        if not group.forbidden:
            continue
        chain = group_chain(profile, group.name)
        ground = base_of(profile, chain)
        around, base = ground or (None, 0)
        dimensions = [group_dimension(profile, g, {}, []) for g in chain]
        for span in _spans(profile, group.forbidden, relative=ground is not None, around=around):
            for indices in product(*(range(d.count) for d in dimensions)):
                moves = list(zip(indices, dimensions, strict=True))
                at = base + span.first + sum(i * d.stride for i, d in moves)
                units = any(d.unit_stride for d in dimensions)
                unit_offset = sum(i * d.unit_stride for i, d in moves) if units else ANY_UNIT
                forbidden.append(replace(span, first=at, unit_offset=unit_offset))
    shifts = {_shift(profile, point, instance) for point in profile.point} or {0}
    return Terrain(
        max_count={area: profile.max_count(area) for area in Area},
        forbidden=tuple(replace(s, first=s.first + shift) for s in forbidden for shift in shifts),
        islands=tuple(replace(s, first=s.first + shift) for s in islands for shift in shifts),
        gaps_forbidden=profile.gaps == "forbidden",
    )


def _shift(profile: Profile, point: Point, instance: int) -> int:
    """Registers by which `point` of a further unit of a gateway lies further on."""
    per_instance = point.per_instance if point.per_instance is not None else profile.per_instance or 0
    return to_registers(profile, (instance - 1) * per_instance, point)


def _values(
    profile: Profile,
    point: Point,
    shapes: bool,
    counts: Mapping[str, int],
    factors: Mapping[str, int],
    instance: int,
    notes: list[str],
) -> Iterator[Value]:
    quantity = quantity_of(point)
    chain = group_chain(profile, point.group)
    ground = base_of(profile, chain)
    around, base = ground or (None, 0)
    written = point.address[0] if isinstance(point.address, tuple) else point.address
    area, register = locate(profile, point, written, relative=ground is not None, around=around)
    register += base + _shift(profile, point, instance)
    coding = coding_of(profile, point, area)
    text = point.type == "ascii"
    scale, offset, unit = si_of(point, factors.get(point.scale_factor or "", 0))
    pause_ms = point.pause_ms if point.pause_ms is not None else profile.pause_ms
    value = Value(
        name=point.name,
        place="",
        span=Span(area, point.unit_offset, register, coding.words),
        coding=coding,
        quantity=quantity,
        unit=unit,
        poll=_poll(point, quantity, shapes),
        scale=scale,
        raw_offset=point.raw_offset,
        offset=offset,
        missing=() if text else missing_of(profile, point, coding),
        valid=in_si(point, point.valid),
        limits=_limits(profile, point, quantity),
        bits=_bits(point, coding.width),
        numbers={k: _meaning(m) for k, m in point.values.items()},
        changes_within_s=point.changes_within_s or INF,
        pause_ms=pause_ms or 0.0,
    )
    factor = (point.scale_factor,) if point.scale_factor else ()
    # a count speaks for its own unit id: who is behind another one shows by answering that it is there
    told_by = {p.name: p.unit_offset for p in profile.point}
    counted = [c for c in (*(g.count for g in chain), *(point.count or ())) if isinstance(c, str)]
    for step in steps(profile, point, coding, quantity, counts, notes):
        shift = coding.shift + step.bits
        if not 0 <= shift <= coding.words * coding.unit_bits - min(coding.width, 64) and not text:
            raise PointError(
                "bit_stride leads outside the registers read", "check bits, bit_stride and registers"
            )
        units = point.unit_offset + step.units
        yield replace(
            value,
            place=step.place,
            span=Span(area, units, register + step.registers, coding.words),
            coding=replace(coding, shift=shift) if step.bits else coding,
            guards=(*factor, *(c for c in counted if told_by.get(c) == units)),
        )


def quantity_of(point: Point) -> str:
    """What a point tells: what it says, or its name, or what its bits and numbers mean."""
    if point.quantity is not None:
        return point.quantity
    guessed, _ = guess_quantity(point.name)
    if guessed or point.type == "ascii":
        return guessed
    return "alarm_bits" if point.alarms or point.unnamed else "state" if point.flags or point.values else ""


def _poll(point: Point, quantity: str, shapes: bool) -> Poll:
    once = point.type == "ascii" or shapes or point.expect or point.expect_match or point.expect_range
    if once:
        if point.poll not in (None, Poll.IDENTITY):
            raise PointError(
                f"read once per connection, but poll is {point.poll}", 'take poll out, or say "identity"'
            )
        return Poll.IDENTITY
    meanings = (*point.alarms.values(), *point.flags.values(), *point.values.values())
    if point.alarms or point.unnamed or any(m.severity for m in meanings):
        return point.poll or Poll.SAFETY  # an alarm must not wait for the turn of what is only a state
    return point.poll or (QUANTITIES[quantity].poll if quantity else Poll.STATE)


def _limits(profile: Profile, point: Point, quantity: str) -> LimitTiers | None:
    """The point's own tiers, in its unit; else those of its quantity, in SI; of the highest of cells, those
    of the cells.
    """
    if point.limits:
        return _tiers(Tiers(**{tier: in_si(point, pair) for tier, pair in point.limits}))
    each = quantity.removesuffix("_max").removesuffix("_min")
    found = profile.limits.get(quantity, profile.limits.get(each))
    return _tiers(found) if found else None


def _tiers(tiers: Tiers) -> LimitTiers:
    return LimitTiers(**{tier: pair for tier, pair in tiers if pair is not None})


def _meaning(entry: MeaningEntry) -> Meaning:
    return Meaning(entry.text, entry.severity, entry.active)


def _bits(point: Point, width: int) -> dict[int, Meaning]:
    """What each bit says. A bit without a name may be an alarm too: then at least that it is set is said."""
    unnamed = range(width) if point.unnamed else ()
    return (
        {k: Meaning(f"bit {k} of {point.name}, meaning not known", point.unnamed) for k in unnamed}
        | {k: _meaning(m) for k, m in point.flags.items()}
        | {k: replace(_meaning(m), severity=m.severity or point.severity) for k, m in point.alarms.items()}
    )


def _spans(
    profile: Profile,
    written: Mapping[Area, tuple[SpanText, ...]] | tuple[SpanText, ...],
    *,
    relative: bool = False,
    around: Area | None = None,
) -> Iterator[Span]:
    """Ranges of addresses as written, in the profile's own table unless said; see `locate`."""
    tables = written.items() if isinstance(written, Mapping) else [(None, written)]
    for table, pairs in tables:
        for pair in pairs:
            point = Point(name="range", address=0, table=table)
            (area, first), (_, last) = (
                locate(profile, point, end, relative=relative, around=around) for end in pair
            )
            if last < first:
                raise PointError(f"{list(pair)} ends before it begins", "give the first and the last address")
            yield Span(area, ANY_UNIT, first, last - first + 1)
