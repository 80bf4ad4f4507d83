"""What can be wrong with a profile whose keys and types are right: found all at once, without a unit."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from math import prod

from drivers.address import LAST_ADDRESS, AddressError
from drivers.arrays import topology_of
from drivers.expand import Expansion, expand, reported, terrain
from drivers.plan import Terrain
from drivers.problems import PointError, Problem, did_you_mean
from drivers.quantities import QUANTITIES, UNITS
from drivers.schema import Point, Profile
from drivers.values import Reading, Value

_FLOATS = (Reading.FLOAT_32, Reading.FLOAT_64)


def check_profile(profile: Profile, broken: Collection[str] = ()) -> list[Problem]:
    """Every problem of `profile`, warnings too. `broken` points are missing: who needs one is not blamed."""
    expansion = expand(profile)
    points = {p.name: p for p in profile.point}
    values = [*expansion.values, *(i.value for i in expansion.identity)]

    def problem(point: str, what: str, change: str, *, warning: bool = False) -> Problem:
        return Problem(profile.model, point, what, change, warning)

    def found() -> Iterator[Problem]:
        yield from (p for p in expansion.problems if not _blames(p, broken))
        for name, times in Counter(p.name for p in profile.point).items():
            if times > 1:
                yield problem(name, f"the name stands {times} times", "give each point its own name")
        known = {*points, *broken}
        for name, use in reported(profile).items():
            if name not in known:
                yield problem(
                    name,
                    f"used as {use}, but no point has this name",
                    did_you_mean(name, list(points), "add the point"),
                )
        for point in profile.point:
            yield from (problem(point.name, *said) for said in _point_alone(point))
        try:
            ground = terrain(profile)
        except (PointError, AddressError) as error:
            yield problem(
                "", f"forbidden or islands: {error}", "write the addresses as the profile's points do"
            )
            ground = Terrain()
        for name, said in _once_per_point(values, lambda v: _value_alone(v, points[v.name], ground)):
            yield problem(name, *said)
        for name, said in _overlaps(values, points):
            yield problem(name, *said)
        for name, said in _topology(profile, expansion):
            yield problem(name, *said)
        for point in profile.point:
            yield from (problem(point.name, *said, warning=True) for said in _worth_a_look(point, expansion))
        if not profile.point and not profile.sunspec:
            yield problem("", "it has no points", "add a [[point]]")

    return list(dict.fromkeys(found()))


def _blames(problem: Problem, broken: Collection[str]) -> bool:
    return any(f'"{name}"' in problem.what for name in broken)


def _point_alone(point: Point) -> Iterator[tuple[str, str]]:
    """Contradictions within one point."""
    if point.quantity or point.unit:
        wanted = QUANTITIES[point.quantity].unit if point.quantity else ""
        if wanted and UNITS[point.unit][0] != wanted:
            yield (
                f'a {point.quantity} in "{point.unit}"',
                f"say a unit that converts to {wanted}, or another quantity",
            )
    if point.expect_match is not None:
        try:
            re.compile(point.expect_match)
        except re.error as error:
            yield f"expect_match is no regular expression: {error}", "mend it"
    if point.expect_match is not None and point.type != "ascii":
        yield "expect_match wants a text", 'say type = "ascii", or expect_range for a number'
    if (point.alarms or point.flags) and point.type in ("f32", "f64", "ascii"):
        yield f"bits with a meaning in a {point.type}", "use an unsigned type"


def _value_alone(value: Value, point: Point, ground: Terrain) -> Iterator[tuple[str, str]]:
    """What is wrong with where a value stands and what it can hold."""
    span = value.span
    if span.first < 0 or span.last > LAST_ADDRESS:
        yield f"{span} lies outside 0..{LAST_ADDRESS}", "check address, count and stride"
    elif obstacle := ground.obstacle(span):
        yield obstacle, "move it, or change max_registers_per_read, forbidden or islands"
    if point.type == "ascii":
        return
    bits = [b for b in value.bits if not 0 <= b < value.coding.width]
    if bits:
        yield (
            f"bit {bits[0]} of a number of {value.coding.width} bits has a meaning",
            "check the bit numbers or the type",
        )
    if value.valid and value.coding.reading not in _FLOATS:
        low, high = _range(value)
        if value.valid[1] < low or value.valid[0] > high:
            yield (
                f"valid {list(value.valid)} {value.unit} is out of reach: the type holds {low:g} to {high:g}",
                "check type, scale and offset",
            )
        elif any(v not in (-float("inf"), float("inf")) and not low <= v <= high for v in value.valid):
            yield (
                f"the type holds {low:g} to {high:g} {value.unit}, valid goes beyond: {list(value.valid)}",
                "narrow valid, or check type, scale and offset",
            )


def _range(value: Value) -> tuple[float, float]:
    """The least and the greatest SI value the type can hold."""
    coding = value.coding
    least, greatest = (
        (-(1 << coding.width - 1), (1 << coding.width - 1) - 1)
        if coding.signed
        else (0, (1 << coding.width) - 1)
    )
    if coding.reading is Reading.SIGN_MAGNITUDE:
        greatest = (1 << coding.width - 1) - 1
        least = -greatest
    elif coding.reading is Reading.BCD:
        greatest = 10 ** (coding.width // 4) - 1
    ends = [(raw + value.raw_offset) * value.scale + value.offset for raw in (least, greatest)]
    return min(ends), max(ends)


def _once_per_point(values: Iterable[Value], check) -> Iterator[tuple[str, tuple[str, str]]]:  # type: ignore[no-untyped-def]
    """The first value of each point to which `check` objects speaks for all."""
    told: set[str] = set()
    for value in values:
        if value.name not in told:
            for said in check(value):
                told.add(value.name)
                yield value.name, said


def _overlaps(values: list[Value], points: dict[str, Point]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Two values that claim the same bits, and two that have the same name and place."""
    told: set[frozenset[str]] = set()
    open_values: list[Value] = []
    order = sorted(values, key=lambda v: (v.span.area, v.span.unit_offset, v.span.first))
    for value in order:
        span = value.span
        open_values = [
            o
            for o in open_values
            if o.span.area is span.area
            and o.span.unit_offset == span.unit_offset
            and o.span.last >= span.first
        ]
        for other in open_values:
            pair = frozenset((value.name, other.name))
            if pair not in told and _share_bits(value, other, points):
                told.add(pair)
                if value.name == other.name:
                    yield (
                        value.name,
                        (f"its own values overlap at {span}", "check stride, bit_stride and type"),
                    )
                else:
                    yield (
                        value.name,
                        (f"overlaps {other.name} at {span}", "check address and type of both, or say bits"),
                    )
        open_values.append(value)
    for (name, place), times in Counter((v.name, v.place) for v in values).items():
        if times > 1 and frozenset((name,)) not in told:
            told.add(frozenset((name,)))
            yield name, (f'{times} values at the place "{place}"', "check place, first and topology")


def _share_bits(a: Value, b: Value, points: dict[str, Point]) -> bool:
    """A bit field inside a word of flags or alarms is meant; everything else that overlaps is not."""
    cut_a, cut_b = bool(points[a.name].bits), bool(points[b.name].bits)
    if cut_a != cut_b and (a.bits or b.bits):
        return False
    if a.span != b.span or (a.coding.big_words, a.coding.big_bytes) != (
        b.coding.big_words,
        b.coding.big_bytes,
    ):
        return True
    low = max(a.coding.shift, b.coding.shift)
    return low < min(a.coding.shift + a.coding.width, b.coding.shift + b.coding.width)


def _topology(profile: Profile, expansion: Expansion) -> Iterator[tuple[str, tuple[str, str]]]:
    """Every cell the topology names has one voltage, and none is beyond it."""
    topology = topology_of(profile)
    cells = [v for v in expansion.values if v.quantity == "cell_voltage"]
    by_point: dict[str, list[Value]] = defaultdict(list)
    for value in expansion.values:
        by_point[value.name].append(value)
    expected = prod(n for level, n in topology.items() if level not in ("sensor",))
    if "cell" in topology and cells and len({v.place for v in cells}) != expected:
        names = ", ".join(dict.fromkeys(v.name for v in cells))
        yield (
            names,
            (
                f"{len({v.place for v in cells})} cells, but the topology has {expected}",
                "correct count or topology",
            ),
        )
    for name, values in by_point.items():
        beyond = _beyond(values, topology)
        if beyond:
            yield name, (f'"{beyond}" is beyond the topology', "correct count, first or topology")


def _beyond(values: list[Value], topology: dict[str, int]) -> str | None:
    for value in values:
        for segment in value.place.split("/") if value.place else ():
            match = re.fullmatch(r"([a-z]+)(\d+)", segment)
            if match and int(match[2]) > topology.get(match[1], int(match[2])):
                return value.place
    return None


def _worth_a_look(point: Point, expansion: Expansion) -> Iterator[tuple[str, str]]:
    """Not wrong, but probably not meant."""
    value = next((v for v in expansion.values if v.name == point.name), None)
    if value and value.unit == "degC" and not value.quantity and point.quantity is None:
        yield (
            "a temperature that no detector will watch",
            'say quantity = "cell_temperature" or the like, or quantity = ""',
        )
