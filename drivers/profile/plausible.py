"""What a profile can say and cannot mean, since 0.2: units, ranges, tables, twins that no battery has.

0.1.0 took such profiles and read them; a watch that ran with one goes on (`Problem.since`). Each check is a
function of a `check.Subject` that yields findings, as in `drivers.profile.check`.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import combinations

from drivers.address import AddressError, Notation, named_table, parse_address
from drivers.line import DATA_BITS, NO_OTHER_BITS
from drivers.profile.arrays import group_chain
from drivers.profile.coding import FROM_ITS_GROUP, base_of, is_bits, notation_of, own_tables
from drivers.profile.expansion import quantity_of
from drivers.profile.problems import PointError
from drivers.profile.schema import Group, Point, Profile, Tiers
from drivers.profile.subject import Finding, Subject
from drivers.quantities import QUANTITIES, UNITS
from drivers.registers import Area
from drivers.sunspec.models import definition
from drivers.sunspec.values import asked_quantity, unit_of
from drivers.values import INF, Reading, Value

_FLOATS = (Reading.FLOAT_32, Reading.FLOAT_64)
_BOTH_WAYS = ("current", "power")
Range = tuple[float, float]


def line_settings(it: Subject) -> Iterator[Finding]:
    """Characters that Modbus RTU does not have."""
    if (said := it.profile.serial.data_bits) != DATA_BITS:
        yield "", f"serial.data_bits = {said}, but {NO_OTHER_BITS}", "take data_bits out"


# ---- tables


def tables(it: Subject) -> Iterator[Finding]:
    """Addresses that name one table, in a group or beside a `table` that names another."""
    profile = it.profile
    around: dict[str, Area | None] = {}  # by group with an address, or inside of one
    for group in profile.group:
        try:
            chain = group_chain(profile, group.name)
            ground = base_of(profile, chain)
            own = group.address is not None and parse_address(group.address, notation_of(profile))[0]
        except (AddressError, PointError):
            continue  # told already
        if ground is None:
            continue
        around[group.name] = ground[0]
        if own and ground[0] is None:
            yield from _digitless(profile, group)
        elif own and own is not ground[0]:
            yield (
                group.name,
                f"its address {group.address} names the {own} table, and the group around it {ground[0]}",
                "it counts from the group around it: begin it with the same digit, 1 is the first register",
            )
        elif own and profile.table not in (None, own) and chain[-1].address == chain[0].address:
            what = f"its address {group.address} names the {own} table, `table` says {profile.table}"
            yield group.name, what, "take `table` out at the top, or correct the address"
    for point in profile.point:
        if point.group in around:
            yield from _inside(profile, point, around[point.group])
        elif isinstance(point.address, tuple) and notation_of(profile, point) is Notation.MODICON:
            yield from _one_table(point)


def _digitless(profile: Profile, group: Group) -> Iterator[Finding]:
    """A group in Modicon notation whose address has lost its first digit: for coils that is 0, and right."""
    if any(p for p in profile.point if _is_in(profile, p, group) and not _of_coils(profile, p)):
        what = f"its address {group.address} has no first digit, which names the table"
        digits = f"{group.address:04d}"
        change = (
            f'write 3{digits} for input registers, 4{digits} for holding registers, "0{digits}" for coils'
        )
        yield group.name, what, change


def _is_in(profile: Profile, point: Point, group: Group) -> bool:
    with suppress(PointError):  # told already
        return group in group_chain(profile, point.group)
    return False


def _of_coils(profile: Profile, point: Point) -> bool:
    return Area.COIL in own_tables(point) or (not own_tables(point) and profile.table is Area.COIL)


def _inside(profile: Profile, point: Point, around: Area | None) -> Iterator[Finding]:
    """A point whose address counts from that of its group."""
    if around and (other := own_tables(point) - {around}):
        what = f"it says {', '.join(sorted(other))}, and the address of its group names {around}"
        yield point.name, what, "keep one"
    if point.addressing in (Notation.MODICON, Notation.ONE_BASED):
        yield (
            point.name,
            f'addressing = "{point.addressing}", but its address counts from that of its group, from 0 on',
            "take addressing out, and say how many registers after the group's address it is",
        )
    elif notation_of(profile, point) is Notation.MODICON:
        for written in point.address if isinstance(point.address, tuple) else (point.address,):
            with suppress(AddressError):  # a text of few digits
                if named := named_table(written, Notation.MODICON):
                    yield point.name, f"its address {written} names a table ({named})", FROM_ITS_GROUP
                    return


def _one_table(point: Point) -> Iterator[Finding]:
    """Addresses of one array."""
    assert isinstance(point.address, tuple)
    try:
        named = {str(parse_address(written, Notation.MODICON)[0]) for written in point.address}
    except AddressError:
        return  # told already
    if len(named) > 1:
        what = f"its addresses lie in different tables ({', '.join(sorted(named))})"
        yield point.name, what, "make a point for each table"


# ---- units


def dimensions(it: Subject) -> Iterator[Finding]:
    """Units that cannot be those of the quantity, which its name tells where the point does not."""
    for point in it.profile.point:
        quantity = quantity_of(point)
        if not (point.quantity and QUANTITIES[quantity].unit):  # told already
            yield from _dimension(point.name, quantity, point.unit)
    for number, wanted in it.profile.sunspec.models.items() if it.profile.sunspec else ():
        model = definition(number)
        known = {**model.points, **model.group} if model else {}
        for name, asked in wanted.points.items():
            if name in known and known[name].type != "string":
                yield from _dimension(name, asked_quantity(asked), unit_of(known[name]))


def _dimension(name: str, quantity: str, unit: str) -> Iterator[Finding]:
    if not quantity:
        return
    kind = QUANTITIES[quantity]
    wanted = (kind.unit,) if kind.unit else kind.units
    if wanted and UNITS[unit][0] not in ("", *wanted):
        units = " or ".join(u or "no unit" for u in wanted)
        yield name, f'a {quantity} in "{unit}"', f"its unit must convert to {units}; or say another quantity"


# ---- ranges


def ranges(it: Subject) -> Iterator[Finding]:
    """Types that hold no sound battery's value, limits that cannot be met, sentinels that are values."""
    for quantity, tiers in it.profile.limits.items():
        yield from _sound(f"limits.{quantity}", quantity, tiers, "they are in {unit}")
    told: set[str] = set()
    for value in it.values:
        point = it.points[value.name]
        if value.name in told or point.type == "ascii" or not value.quantity:
            continue
        if value.unit and QUANTITIES[value.quantity].unit not in ("", value.unit):  # told already
            continue
        told.add(value.name)
        yield from _possible(value, point)
        yield from _met(it.profile, value, point)
        yield from _sentinels(value)


def reach(value: Value) -> Range:
    """The least and the greatest SI value the type can hold, whatever `valid` says of them."""
    coding = value.coding
    if coding.reading in _FLOATS:
        return -INF, INF
    top = 1 << (coding.width - 1)
    least, greatest = (-top, top - 1) if coding.signed else (0, 2 * top - 1)
    if coding.reading is Reading.SIGN_MAGNITUDE:
        least, greatest = 1 - top, top - 1
    elif coding.reading is Reading.BCD:
        greatest = 10 ** (coding.width // 4) - 1
    ends = [(raw + value.raw_offset) * value.scale + value.offset for raw in (least, greatest)]
    return min(ends), max(ends)


def _believed(value: Value, point: Point) -> Range:
    """Where values can come from: what the type reaches, and `valid` lets through."""
    low, high = (-INF, INF) if point.scale_factor else reach(value)
    least, greatest = value.valid or (-INF, INF)
    return max(low, least), min(high, greatest)


def _possible(value: Value, point: Point) -> Iterator[Finding]:
    band = QUANTITIES[value.quantity].sound
    low, high = _believed(value, point)
    one_bit = is_bits(value.span.area) and value.coding.width == 1 and value.unit  # 1 V is a nickel cell's
    if one_bit or not _holds_any(value, point, (max(low, band[0]), min(high, band[1]))):
        step = f" in steps of {abs(value.scale):g}" if low <= band[1] and high >= band[0] else ""
        what = f"{_span(low, high, value.unit)}{step} holds no {value.quantity} of a sound battery"
        _, per_unit, zero = UNITS[point.unit]
        scaled = point.scale != 1 and (per_unit, zero) != (1.0, 0.0)
        change = (
            f'unit = "{point.unit}" has a factor of {per_unit:g} in it: take scale out, or say "{value.unit}"'
            if scaled and not zero
            else "check unit, scale, type, valid and missing"
        )
        if is_bits(value.span.area):
            change = (
                f"it is read from the {value.span.area} table, one bit each: check table, function, address"
            )
        yield value.name, what, change


def _holds_any(value: Value, point: Point, band: Range) -> bool:
    """Whether any raw value, but for the sentinels, lies in `band`."""
    low, high = band
    if low > high:
        return False
    if point.scale_factor or value.coding.reading in _FLOATS or not math.isfinite(high - low):
        return True
    first, last = sorted((end - value.offset) / value.scale - value.raw_offset for end in band)
    slack = 1e-6  # as in `decode`: 3.65 / 0.001 is 3649.9999999999995
    lowest, highest = math.ceil(first - slack), math.floor(last + slack)
    return highest - lowest + 1 > sum(lowest <= m <= highest for m in set(value.missing))


def _met(profile: Profile, value: Value, point: Point) -> Iterator[Finding]:
    """Limits of one point, its own or those of its quantity."""
    if point.limits:
        yield from _sound(value.name, value.quantity, point.limits, "they are in {unit}, as the point", point)
    if not value.limits:
        return
    low, high = _believed(value, point)
    slack = 1e-9 * max(abs(end) for end in (low, high, 1.0) if math.isfinite(end))
    for tier in ("operating", "recommended", "safety"):
        ends: Range = getattr(value.limits, tier)
        beyond = [e for e in ends if math.isfinite(e) and not low - slack <= e <= high + slack]
        if value.quantity in _BOTH_WAYS:  # a register of one direction knows nothing of the other's limit
            beyond = [e for e in beyond if not (low >= 0 > e or high <= 0 < e)]
        if beyond:
            where = "its limits" if point.limits else f"limits.{value.quantity}"
            never = f"{tier} of {where} ends at {beyond[0]:g} {value.unit}, which can never be met"
            change = (
                f"check the unit of the limits ([limits] is in {value.unit}), type, scale and valid; the side"
                " that it cannot tell is -inf or inf"
            )
            yield value.name, f"{never}: it holds {_span(low, high, value.unit)}", change
            return


def _sound(
    name: str, quantity: str, tiers: Tiers, units: str, point: Point | None = None
) -> Iterator[Finding]:
    """Limits within which no sound battery is: an alarm for ever."""
    kind = QUANTITIES.get(quantity)
    if kind is None or kind.sound == (-INF, INF):
        return
    _, per_unit, zero = UNITS[point.unit] if point else ("", 1.0, 0.0)
    for tier, pair in tiers:
        if pair and (pair[1] * per_unit + zero < kind.sound[0] or pair[0] * per_unit + zero > kind.sound[1]):
            unit = (point and point.unit) or kind.unit
            what = f"{tier} {list(pair)} {unit} leaves room for no sound battery's {quantity}"
            yield name, what, f"correct them: {units.format(unit=unit)}"
            return


def _sentinels(value: Value) -> Iterator[Finding]:
    """A sentinel in the midst of what is normal would make a good value a missing one.

    0 and the ends of a type are what datasheets take for it, and are believed.
    """
    low, high = value.limits.operating if value.limits else (INF, -INF)
    width = value.coding.width
    usual = {0, -1, (1 << width) - 1, (1 << (width - 1)) - 1, 1 << (width - 1), -(1 << (width - 1))}
    for raw in value.missing if value.coding.reading not in _FLOATS else ():
        si = (raw + value.raw_offset) * value.scale + value.offset
        if raw not in usual and low < si < high:
            what = f"missing = {raw} is {si:g} {value.unit}, a value of normal operation"
            yield value.name, what, "correct missing (it is the raw number), or the limits"
            return


def _span(low: float, high: float, unit: str) -> str:
    return f"{low:g} to {high:g} {unit}" if low <= high else "nothing"


# ---- twins


def twins(it: Subject) -> Iterator[Finding]:
    """Two points of one quantity at one place: which of them is to be judged?"""
    at: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for value in it.expansion.values:
        if value.quantity and not QUANTITIES[value.quantity].many:
            at[value.quantity, value.place][value.name] = None
    yield from _pairs((*key, list(names)) for key, names in at.items())


def sunspec_twins(it: Subject) -> Iterator[Finding]:
    """The same among models. Where a name stands twice, too, the first model speaks."""
    at: dict[tuple[str, str], dict[str, bool]] = defaultdict(dict)
    for number, wanted in it.profile.sunspec.models.items() if it.profile.sunspec else ():
        model = definition(number)
        for name, point in wanted.points.items():
            quantity = asked_quantity(point)
            if model and quantity and not QUANTITIES[quantity].many:
                inside = f"{wanted.repeat}#" if name in model.group else ""
                place = "/".join(filter(None, (re.sub(r"\{\w*\}", "#", wanted.place), inside)))
                at[quantity, place].setdefault(point.name, point.judged)
    unclear = ((*key, list(names)) for key, names in at.items() if sum(names.values()) != 1)
    yield from _pairs(unclear)


def _pairs(at: Iterable[tuple[str, str, list[str]]]) -> Iterator[Finding]:
    told: set[frozenset[str]] = set()
    for quantity, place, names in at:
        for first, second in combinations(names, 2):
            if frozenset((first, second)) in told:
                continue
            told.add(frozenset((first, second)))
            where = f'"{place}"' if place else "the unit"
            change = (
                "say `judged = true` at the one that limits and detectors are to judge, or quantity = "
                '"" at the others, or give them places of their own'
            )
            if quantity in _BOTH_WAYS:
                change += (
                    "; charging and discharging in two registers: neither is the whole, take the unit's"
                    f" signed {quantity} if it has one, else judge the direction whose limit is the nearer"
                )
            yield second, f"a second {quantity} of {where}, beside {first}", change
