"""What can be wrong with a profile whose keys and types are right: found all at once, without a unit.

Each check is a function that yields findings: point ("" = the profile), what is wrong, what to change.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from drivers.address import LAST_ADDRESS, AddressError, Notation
from drivers.identity import version
from drivers.plan import Terrain
from drivers.profile.arrays import topology_of
from drivers.profile.coding import address_hint, is_bits, locate, notation_of
from drivers.profile.expansion import expand, reported, terrain
from drivers.profile.plausible import dimensions, line_settings, ranges, reach, sunspec_twins, tables, twins
from drivers.profile.problems import PointError, Problem, did_you_mean
from drivers.profile.schema import Point, Profile, Tiers
from drivers.profile.subject import Finding, Subject
from drivers.quantities import QUANTITIES, UNITS, guess_quantity
from drivers.registers import Area
from drivers.sunspec.models import definition
from drivers.values import Reading, Value

_FLOATS = (Reading.FLOAT_32, Reading.FLOAT_64)
_LAST_UNIT_ID = 255


def misplaced(profile: Profile, broken: Iterable[Mapping[str, Any]]) -> Iterator[Problem]:
    """Wrong addresses of points that are wrong in another way too: `broken` as they stand in the file."""
    kept = ("address", "table", "function", "addressing")
    for item in broken:
        name = str(item.get("name"))
        try:
            point = Point.model_validate({"name": "x"} | {key: item[key] for key in kept if key in item})
            for written in point.address if isinstance(point.address, tuple) else (point.address,):
                locate(profile, point, written, relative="group" in item)
        except ValidationError:  # told already
            continue
        except PointError as error:
            yield Problem(profile.model, name, error.what, error.change)
        except AddressError as error:
            yield Problem(profile.model, name, str(error), address_hint(profile, point))


def check_profile(profile: Profile, broken: Collection[str] = ()) -> list[Problem]:
    """Every problem of `profile`, warnings too. `broken` points are missing: who needs one is not blamed."""
    expansion = expand(profile)
    values = [*expansion.values, *(i.value for i in expansion.identity)]
    subject = Subject(profile, {p.name: p for p in profile.point}, expansion, values, broken)
    blamed = re.compile("|".join(f'"{re.escape(name)}"' for name in broken)) if broken else None
    problems = [p for p in expansion.problems if not (blamed and blamed.search(p.what))]
    problems += [Problem(profile.model, *said) for check in _ERRORS for said in check(subject)]
    problems += [
        Problem(profile.model, *said, since=version)
        for version, checks in _SINCE.items()
        for check in checks
        for said in check(subject)
    ]
    problems += [
        Problem(profile.model, *said, warning=True) for check in _WARNINGS for said in check(subject)
    ]
    return list(dict.fromkeys(problems))


def _names(it: Subject) -> Iterator[Finding]:
    """Names that stand twice, or are used and stand nowhere."""
    for name, times in Counter(p.name for p in it.profile.point).items():
        if times > 1:
            yield name, f"the name stands {times} times", "give each point its own name"
    for name, use in reported(it.profile).items():
        if name not in it.points and name not in it.broken:
            hint = did_you_mean(name, list(it.points), "add the point")
            yield name, f"used as {use}, but no point has this name", hint
        elif name in it.points and len([v for v in it.values if v.name == name]) > 1:
            yield name, f"used as {use}, but it has several values", "take its count or group out"


def _contents(it: Subject) -> Iterator[Finding]:
    """A profile with nothing to read, or with points that are never read."""
    if it.profile.sunspec and it.profile.point:
        yield it.profile.point[0].name, "a point beside [sunspec] is never read", "take it or [sunspec] out"
    elif not (it.profile.sunspec or it.profile.point or it.broken):
        yield "", "it has no points", "add a [[point]]"


def _points(it: Subject) -> Iterator[Finding]:
    """Contradictions within one point."""
    for point in it.profile.point:
        wanted = QUANTITIES[point.quantity].unit if point.quantity else ""
        if wanted and UNITS[point.unit][0] != wanted:
            change = f"say a unit that converts to {wanted}, or another quantity"
            yield point.name, f'a {point.quantity} in "{point.unit}"', change
        cold = [pair for pair in (point.valid, *(pair for _, pair in point.limits or ())) if pair]
        if point.unit == "K" and any(math.isfinite(low) and low < 0 for low, _ in cold):
            yield (
                point.name,
                "its ranges go below 0 K",
                'give them in K, the unit of the point, or say "degC"',
            )
        if point.expect_match is not None:
            yield from _expression(point.name, point.expect_match)
            if point.type != "ascii":
                yield (
                    point.name,
                    "expect_match wants a text",
                    'say type = "ascii", or expect_range for a number',
                )
        if (point.alarms or point.flags) and point.type in ("f32", "f64", "ascii"):
            yield point.name, f"bits with a meaning in a {point.type}", "use an unsigned type"
        if point.limits:
            yield from _tiers(point.name, point.limits)
    for quantity, tiers in it.profile.limits.items():
        yield from _tiers(f"limits.{quantity}", tiers)


def _expected(it: Subject) -> Iterator[Finding]:
    """Identities that no unit could have."""
    for point in it.profile.point:
        wrong = [e for e in point.expect or () if isinstance(e, str) != (point.type == "ascii")]
        if wrong:
            kind = "a text" if point.type == "ascii" else "a number"
            yield point.name, f"expect = {wrong[0]!r}, but the point is {kind}", "correct expect or type"
        if point.expect_range:
            low, high = map(version, point.expect_range)
            if not (low and high and low <= high):
                what = f"nothing lies in the expect_range {list(point.expect_range)}"
                yield point.name, what, "give the first and the last number or version"


def _limits_of_reads(it: Subject) -> Iterator[Finding]:
    """Reads that Modbus does not have (application protocol V1.1b3, sections 6.1 to 6.4)."""
    said = it.profile.max_registers_per_read
    for area, most in said.items() if isinstance(said, dict) else [(Area.HOLDING, said)]:
        allowed = 2000 if is_bits(area) else 125
        if not 1 <= most <= allowed:
            yield (
                "",
                f"max_registers_per_read of {most}, a read of {area} carries 1 to {allowed}",
                "correct it",
            )


def _expression(name: str, pattern: str) -> Iterator[Finding]:
    try:
        re.compile(pattern)
    except re.error as error:
        yield name, f"expect_match is no regular expression: {error}", "mend it"


def _tiers(name: str, tiers: Tiers) -> Iterator[Finding]:
    """Operating lies inside recommended, recommended inside safety."""
    said = [(tier, pair) for tier, pair in tiers if pair is not None]
    for (inner, a), (outer, b) in pairwise(said):
        if a[0] < b[0] or a[1] > b[1]:
            yield (
                name,
                f"{inner} {list(a)} goes beyond {outer} {list(b)}",
                "make each tier wider than the one inside",
            )


def _values(it: Subject) -> Iterator[Finding]:
    """Values that cannot stand where they do, or hold what they should, once per point."""
    try:
        ground = terrain(it.profile)
    except (PointError, AddressError) as error:
        change = error.change if isinstance(error, PointError) else "write them as the points' addresses"
        yield "", f"forbidden or islands: {error}", change
        ground = Terrain()
    told: set[str] = set()
    for value in it.values:
        if value.name not in told:
            for what, change in (*_where(value, it.profile, ground), *_what(value, it.points[value.name])):
                told.add(value.name)
                yield value.name, what, change


def _where(value: Value, profile: Profile, ground: Terrain) -> Iterator[tuple[str, str]]:
    span = value.span
    unit_id = profile.unit_id + span.unit_offset
    if span.first < 0 or span.last * profile.address_step > LAST_ADDRESS:
        yield (
            f"{span} lies outside 0..{LAST_ADDRESS // profile.address_step}",
            "check address, count and stride",
        )
    elif not 0 <= unit_id <= _LAST_UNIT_ID:
        yield f"it is behind unit id {unit_id}, which cannot be", "check unit_offset and unit_stride"
    elif obstacle := ground.obstacle(span):
        yield obstacle, "move it, or change max_registers_per_read, forbidden or islands"


def _what(value: Value, point: Point) -> Iterator[tuple[str, str]]:
    if point.type == "ascii":
        return
    bits = [b for b in value.bits if not 0 <= b < value.coding.width]
    if bits:
        what = f"bit {bits[0]} of a number of {value.coding.width} bits has a meaning"
        yield what, "check the bit numbers or the type"
    if value.valid and value.coding.reading not in _FLOATS:
        low, high = reach(value)
        if any(math.isfinite(end) and not low <= end <= high for end in value.valid):
            what = f"the type holds {low:g} to {high:g} {value.unit}, valid goes beyond: {list(value.valid)}"
            yield what, "narrow valid, or check type, scale and offset"


def _overlaps(it: Subject) -> Iterator[Finding]:
    """Two values that claim the same bits, and two with the same name and place."""
    told: set[frozenset[str]] = set()
    reaching: list[Value] = []  # values that began before and may reach into the next one
    for value in sorted(it.values, key=lambda v: (v.span.area, v.span.unit_offset, v.span.first)):
        reaching = [other for other in reaching if _touch(other, value)]
        for other in reaching:
            pair = frozenset((value.name, other.name))
            if pair in told or not _claim_the_same(value, other, it.points):
                continue
            told.add(pair)
            if value.name == other.name:
                yield (
                    value.name,
                    f"its own values overlap at {value.span}",
                    "check stride, bit_stride and type",
                )
            else:
                change = "check address and type of both, or say bits"
                yield value.name, f"overlaps {other.name} at {value.span}", change
        reaching.append(value)
    for (name, place), times in Counter((v.name, v.place) for v in it.values).items():
        if times > 1 and frozenset((name,)) not in told and len(it.points) == len(it.profile.point):
            told.add(frozenset((name,)))
            yield name, f'{times} values at the place "{place}"', "check place, first and topology"


def _touch(earlier: Value, later: Value) -> bool:
    a, b = earlier.span, later.span
    return a.area is b.area and a.unit_offset == b.unit_offset and a.last >= b.first


def _claim_the_same(a: Value, b: Value, points: dict[str, Point]) -> bool:
    """A bit field inside a word of flags or alarms is meant; everything else that overlaps is not."""
    cut_a, cut_b = bool(points[a.name].bits), bool(points[b.name].bits)
    if cut_a != cut_b and (a.bits or b.bits):
        return False
    same_order = (a.coding.big_words, a.coding.big_bytes) == (b.coding.big_words, b.coding.big_bytes)
    if a.span != b.span or not same_order:
        return True
    low = max(a.coding.shift, b.coding.shift)
    return low < min(a.coding.shift + a.coding.width, b.coding.shift + b.coding.width)


def _topology(it: Subject) -> Iterator[Finding]:
    """Every cell the topology names has a voltage, and nothing is beyond it."""
    topology = topology_of(it.profile)
    cells = [v for v in it.expansion.values if v.quantity == "cell_voltage"]
    expected = math.prod(n for level, n in topology.items() if level != "sensor")
    found = len({v.place for v in cells})
    if "cell" in topology and cells and found != expected:
        names = ", ".join(dict.fromkeys(v.name for v in cells))
        yield names, f"{found} cells, but the topology has {expected}", "correct count or topology"
    beyond: dict[str, str] = defaultdict(str)
    for value in it.expansion.values:
        for level, number in re.findall(r"([a-z]+)(\d+)", value.place):
            if int(number) > topology.get(level, int(number)) and not beyond[value.name]:
                beyond[value.name] = value.place
                yield (
                    value.name,
                    f'"{value.place}" is beyond the topology',
                    "correct count, first or topology",
                )


def _sunspec(it: Subject) -> Iterator[Finding]:
    """Models and points that the published definitions do not have."""
    for number, wanted in it.profile.sunspec.models.items() if it.profile.sunspec else ():
        model = definition(number)
        if model is None:
            yield "", f"there is no definition of SunSpec model {number}", "take it out"
            continue
        known = {**model.points, **model.group}
        for name, point in wanted.points.items():
            if name not in known:
                yield (
                    name,
                    f"SunSpec model {number} has no such point",
                    did_you_mean(name, list(known), "take it out"),
                )
            if point.expect_match is not None:
                yield from _expression(name, point.expect_match)
        for name in re.findall(r"\{(\w*)\}", wanted.place):
            if name not in model.points:
                hint = did_you_mean(name, list(model.points), "name a point of its fixed part")
                yield "", f'the place of SunSpec model {number} names "{name}", which it does not have', hint
        if not wanted.repeat and wanted.points.keys() & model.group.keys():
            yield (
                "",
                f"SunSpec model {number} has no repeat, but points of its repeating group",
                'say repeat = "cell"',
            )


def _unwatched(it: Subject) -> Iterator[Finding]:
    """Temperatures, and voltages of cells, without a quantity: not wrong, but probably not meant."""
    watched = {"degC": "cell_temperature", "V": "cell_voltage"}
    cells = {v.name for v in it.values if "cell" in v.place.rpartition("/")[2]}
    for point in it.profile.point:
        unit = UNITS[point.unit][0]
        if unit not in watched or (unit == "V" and point.name not in cells):
            continue
        if point.quantity is None and not guess_quantity(point.name)[0]:
            what = f"a {'temperature' if unit == 'degC' else 'cell voltage'} that no detector will watch"
            yield point.name, what, f'say quantity = "{watched[unit]}" or the like, or quantity = ""'


def _notation(it: Subject) -> Iterator[Finding]:
    """Addresses as 3xxxx and 4xxxx number them, said to be what goes over the wire."""
    points = [p for p in it.profile.point if p.group is None]
    written = [a for p in points for a in (p.address if isinstance(p.address, tuple) else (p.address,))]
    written += [g.address for g in it.profile.group if g.address is not None]
    modicon = all(isinstance(a, int) and (30001 <= a <= 39999 or 40001 <= a <= 49999) for a in written)
    if points and modicon and all(notation_of(it.profile, p) is Notation.ZERO_BASED for p in points):
        what = f"all addresses are like {written[0]}, and are taken as what goes over the wire"
        yield "", what, 'if the first digit names the table, say addressing = "modicon"'


Check = Callable[[Subject], Iterator[Finding]]
_ERRORS: tuple[Check, ...] = (
    _names,
    _contents,
    _points,
    _expected,
    _limits_of_reads,
    _values,
    _overlaps,
    _topology,
    _sunspec,
)
_SINCE = {"0.2": (line_settings, tables, dimensions, ranges, twins, sunspec_twins)}
_WARNINGS: tuple[Check, ...] = (_unwatched, _notation)
