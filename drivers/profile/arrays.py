"""How points repeat: groups and arrays, where each step leads, and what place it has.

A place is a path of levels, "string1/module2/cell5". A level written with its number stands still; one
without takes its number from the array. One level for several dimensions numbers them through; several levels
for one dimension are split by the topology, module by module.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from drivers.profile.coding import locate, to_registers
from drivers.profile.problems import PointError, did_you_mean
from drivers.profile.schema import Group, Point, Profile
from drivers.quantities import LEVELS, QUANTITIES, guess_quantity
from drivers.values import Coding


@dataclass(frozen=True, slots=True)
class Dimension:
    """One direction of an array: how many steps, and what each adds."""

    count: int
    most: int  # what `count` would be without the unit's own word
    stride: int = 0  # registers
    unit_stride: int = 0
    bit_stride: int = 0
    starts: tuple[int, ...] = ()  # registers to add instead of a stride, one per step


@dataclass(frozen=True, slots=True)
class Step:
    """One value of a point: what to add to the point's register, unit offset and bit shift, and its place."""

    registers: int
    units: int
    bits: int
    place: str


def group_chain(profile: Profile, name: str | None) -> tuple[Group, ...]:
    """The groups around a point, outermost first. Raises PointError for unknown names and circles."""
    groups = {g.name: g for g in profile.group}
    chain: list[Group] = []
    while name is not None:
        if name not in groups:
            raise PointError(
                f'group "{name}" is not there',
                did_you_mean(name, list(groups), "add a [[group]] of that name"),
            )
        if groups[name] in chain:
            raise PointError(f'group "{name}" lies inside itself', "take out one `group`")
        chain.insert(0, groups[name])
        name = groups[name].group
    return tuple(chain)


def topology_of(profile: Profile) -> dict[str, int]:
    """Level -> how many inside one of the level above, outermost first, only those that are said."""
    said = {level: getattr(profile.topology, f"{level}s", None) for level in LEVELS}
    return {level: n for level, n in said.items() if n is not None}


def steps(
    profile: Profile, point: Point, coding: Coding, quantity: str, counts: Mapping[str, int], notes: list[str]
) -> Iterator[Step]:
    """Walk all values of `point` in array order. Adds to `notes` what the unit said and cannot be."""
    chain = group_chain(profile, point.group)
    outer = [group_dimension(profile, g, counts, notes) for g in chain]
    template = _template(profile, point, quantity, chain)
    relative = any(g.address is not None for g in chain)
    inner = _dimensions(profile, point, coding, template, counts, notes, relative=relative)
    _no_more_than_a_unit_has(outer, inner)
    prefix = [_segment(g.level) for g in chain]
    for indices in product(*(range(d.count) for d in (*outer, *inner))):
        moves = list(zip(indices, (*outer, *inner), strict=True))
        head = [
            f"{level}{number or g.first + i}"
            for (level, number), g, i in zip(prefix, chain, indices, strict=False)
        ]
        yield Step(
            sum(d.starts[i] if d.starts else i * d.stride for i, d in moves),
            sum(i * d.unit_stride for i, d in moves),
            sum(i * d.bit_stride for i, d in moves),
            "/".join([*head, *_tail(profile, point, template, indices[len(outer) :], inner)]),
        )


def group_dimension(profile: Profile, group: Group, counts: Mapping[str, int], notes: list[str]) -> Dimension:
    """The repetition a group stands for."""
    level, _ = _segment(group.level)
    count, most = _count(
        profile, group.count, group.max_count or topology_of(profile).get(level), counts, notes
    )
    return Dimension(count, most, to_registers(profile, group.stride), group.unit_stride)


def _no_more_than_a_unit_has(*groups: Sequence[Dimension]) -> None:
    """A mistyped count must not fill the memory."""
    values = prod(d.most for dimensions in groups for d in dimensions)
    if values > 1 << 16:
        raise PointError(f"{values} values, more than a unit has registers", "correct the counts")


def _dimensions(
    profile: Profile,
    point: Point,
    coding: Coding,
    template: Sequence[tuple[str, str]],
    counts: Mapping[str, int],
    notes: list[str],
    *,
    relative: bool,
) -> list[Dimension]:
    """The point's own repetition, outermost first."""
    listed = point.address if isinstance(point.address, tuple) else ()
    written = point.count or ((len(listed),) if listed else ())
    n = len(written)
    sizes = [
        _count(profile, c, point.max_count or most, counts, notes)
        for c, most in zip(written, _most(profile, template, written), strict=True)
    ]
    if listed and (not sizes or sizes[0][1] != len(listed)):
        raise PointError(f"{len(listed)} addresses for a count of {sizes[0][1]}", "give one address per step")
    bit_strides = _padded(point.bit_stride, n, "bit_stride")
    unit_strides = _padded(point.unit_stride, n, "unit_stride")
    strides = _strides(profile, point, coding, [m for _, m in sizes], bit_strides, unit_strides)
    at = [locate(profile, point, a, relative=relative)[1] for a in listed]
    starts = tuple(a - at[0] for a in at)
    return [
        Dimension(count, most, strides[i], unit_strides[i], bit_strides[i], starts if i == 0 else ())
        for i, (count, most) in enumerate(sizes)
    ]


def _most(
    profile: Profile, template: Sequence[tuple[str, str]], written: Sequence[int | str]
) -> list[int | None]:
    """How many there can be in each dimension, as the topology has it; None where it does not say."""
    topology = topology_of(profile)
    there = [topology.get(level, 0) for level, number in template if not number]
    if len(there) != len(written):  # dimensions that are numbered through share what there is
        there = [prod(there) // prod(c for c in written if isinstance(c, int))] * len(written)
    return [n or None for n in there]


def _strides(
    profile: Profile,
    point: Point,
    coding: Coding,
    sizes: list[int],
    bit_strides: list[int],
    unit_strides: list[int],
) -> list[int]:
    """Registers per step; what is not said is dense, inner dimensions first."""
    if point.stride is not None:
        return [to_registers(profile, s, point) for s in _padded(point.stride, len(sizes), "stride")]
    strides: list[int] = []
    size = coding.words
    for count, bit_stride, unit_stride in reversed(list(zip(sizes, bit_strides, unit_strides, strict=True))):
        moves = not bit_stride and not unit_stride
        strides.insert(0, size if moves else 0)
        size *= count if moves else 1
    return strides


def _padded(written: Sequence[int], n: int, what: str) -> list[int]:
    if len(written) == n:
        return list(written)
    if n == 1 or (len(written) == 1 and not written[0]):
        return [written[0] if len(written) == 1 else 0] * n
    if n == 0:
        return []
    raise PointError(
        f"{what} has {len(written)} numbers for {n} dimensions", f"give {what} one number per count"
    )


def _count(
    profile: Profile, written: int | str, most: int | None, counts: Mapping[str, int], notes: list[str]
) -> tuple[int, int]:
    """How many, and how many at most. A named count is the unit's own word, up to what the profile allows."""
    if isinstance(written, int):
        return written, written
    if most is None:
        raise PointError(
            f'count "{written}" is told by the unit, but never by how much at most',
            "say max_count, or topology",
        )
    said = counts.get(written, most)
    if said > most:
        notes.append(
            f"{written}: the unit reports {said}, the profile allows {most}; the first {most} are polled"
        )
    if said < 1:
        notes.append(f"{written}: the unit reports {said}; none is polled")
    return max(0, min(said, most)), most


def _segment(text: str) -> tuple[str, str]:
    match = re.fullmatch(r"([a-z]+)(\d*)", text)
    assert match is not None  # the schema has checked it
    return match[1], match[2]


def _template(profile: Profile, point: Point, quantity: str, chain: Sequence[Group]) -> list[tuple[str, str]]:
    """Levels below the groups: as written, or the innermost the quantity suggests and those above it."""
    if point.place is not None:
        return [_segment(s) for s in point.place.split("/")] if point.place else []
    level = _innermost(profile, point, quantity)
    if point.count is None and not isinstance(point.address, tuple):
        if level not in ("module", "cell", "sensor") or (_number(point) is None and level != "cell"):
            return []
        if level == "sensor" and quantity != "cell_temperature":
            return [(level, "")]  # of a room or a cabinet, not one of those that the topology counts
    elif not level:
        raise PointError(
            "an array without a place", 'say place = "cell", "sensor", "module", "string" or a path of them'
        )
    topology = topology_of(profile)
    taken = {_segment(g.level)[0] for g in chain}
    outer = LEVELS[: min(LEVELS.index(level), LEVELS.index("cell"))]
    above = [name for name in outer if name in topology and name not in taken]
    sizes = point.count or ()
    whole = prod(topology[name] for name in above) * topology.get(level, 0)
    fills = whole and (not sizes or any(isinstance(c, str) for c in sizes) or prod(map(int, sizes)) == whole)
    path = [*above, level] if fills or len(sizes) == len(above) + 1 else [level]
    return [(name, "") for name in path]


def _innermost(profile: Profile, point: Point, quantity: str) -> str:
    """The level an array of this quantity counts. Temperatures are those of cells if there are as many."""
    level = QUANTITIES[quantity].level if quantity else ""
    topology = topology_of(profile)
    if quantity == "cell_temperature" and "cell" in topology:
        size = prod(c for c in point.count or () if isinstance(c, int))
        outer = prod(n for name, n in topology.items() if name not in ("cell", "sensor"))
        cells, sensors = topology["cell"], topology.get("sensor", 0)
        if size in (cells, cells * outer) and size not in (sensors, sensors * outer):
            return "cell"
    return level


def _number(point: Point) -> int | None:
    """The number in the name of an array typed point by point: cell_voltage_1, cell_voltage_2, ..."""
    return guess_quantity(point.name)[1]


def _tail(
    profile: Profile,
    point: Point,
    template: Sequence[tuple[str, str]],
    indices: Sequence[int],
    dimensions: Sequence[Dimension],
) -> list[str]:
    """The place below the groups at `indices`."""
    open_levels = [level for level, number in template if not number]
    if dimensions and len(open_levels) == len(dimensions):
        numbers = [1 + i for i in indices]
        numbers[-1] += point.first - 1
    elif dimensions and not open_levels:
        raise PointError(
            "an array whose place has only fixed numbers", "leave the number of the counted level out"
        )
    elif open_levels:
        first = point.first if dimensions else _number(point) or point.first
        numbers = _split(profile, open_levels, _flat(indices, dimensions) + first - 1)
    else:
        numbers = []
    left = iter(numbers)
    return [f"{level}{number or next(left)}" for level, number in template]


def _flat(indices: Sequence[int], dimensions: Sequence[Dimension]) -> int:
    """The position of a step among all, 0-based, in array order."""
    flat = 0
    for i, dimension in zip(indices, dimensions, strict=True):
        flat = flat * dimension.most + i
    return flat


def _split(profile: Profile, levels: Sequence[str], flat: int) -> list[int]:
    """One number per level of the 0-based position `flat`, by what the topology says is in each."""
    topology = topology_of(profile)
    numbers: list[int] = []
    for level in reversed(levels[1:]):
        if level not in topology:
            raise PointError(
                f'topology does not say how many "{level}s" there are', f"say {level}s in topology"
            )
        flat, rest = divmod(flat, topology[level])
        numbers.insert(0, rest + 1)
    return [flat + 1, *numbers]
