"""How one point's number is coded: table and register, bits and orders, scale and sentinels."""

import re
from collections.abc import Iterable

from drivers.address import AddressError, Notation, named_table, parse_address
from drivers.decode import raw_pattern
from drivers.profile.problems import PointError
from drivers.profile.schema import Group, Point, Profile, Range
from drivers.quantities import UNITS
from drivers.registers import Area
from drivers.values import Coding, Reading

_AREA_OF_FUNCTION = {area.function_code: area for area in Area}
FROM_ITS_GROUP = "it counts from the address of its group: say how many registers after that it is, from 0 on"
_FAMILY = {
    "u": (Reading.INTEGER, False),
    "i": (Reading.INTEGER, True),
    "sm": (Reading.SIGN_MAGNITUDE, False),
    "bcd": (Reading.BCD, False),
    "f": (Reading.FLOAT_32, True),
    "bool": (Reading.INTEGER, False),
}


def is_bits(area: Area) -> bool:
    """One bit per address."""
    return area in (Area.COIL, Area.DISCRETE)


def notation_of(profile: Profile, point: Point | None = None) -> Notation:
    """How the addresses of `point` are written."""
    return (point and point.addressing) or profile.addressing or Notation.ZERO_BASED


def address_hint(profile: Profile, point: Point) -> str:
    """What to change about an address that cannot be."""
    return f'addressing is "{notation_of(profile, point)}": write the address so, or change `addressing`'


def steps_per_register(profile: Profile, point: Point | None = None) -> int:
    """By how much an address, as written, rises from one register to the next."""
    return 2 if notation_of(profile, point) is Notation.BYTES else profile.address_step


def to_registers(profile: Profile, written: int, point: Point | None = None) -> int:
    """A distance in addresses as written, in registers."""
    step = steps_per_register(profile, point)
    if written % step:
        raise PointError(
            f"{written} is no whole number of registers, two addresses make one", "use an even number"
        )
    return written // step


def locate(
    profile: Profile,
    point: Point,
    written: int | str,
    *,
    relative: bool = False,
    around: Area | None = None,
) -> tuple[Area, int]:
    """Table and zero-based register of an address as written. Raises PointError, AddressError.

    relative: it counts from the address of a group, which names the table `around` or none.
    """
    notation = notation_of(profile, point)
    if relative and notation is not Notation.BYTES:
        notation = Notation.ZERO_BASED
    try:
        named, address = parse_address(written, notation)
    except AddressError as error:
        if not relative:
            raise
        raise PointError(str(error), FROM_ITS_GROUP) from None
    said = {a for a in (*own_tables(point), named) if a}
    if len(said) > 1:
        raise PointError(
            f"address, table and function name different tables ({', '.join(sorted(said))})", "keep one"
        )
    area = said.pop() if said else profile.table or around or Area.HOLDING
    if profile.address_step > 1:
        address = to_registers(profile, address, point)
    return area, address


def own_tables(point: Point) -> set[Area]:
    """The tables that a point names, but for its address."""
    return {a for a in (point.table, point.function and _AREA_OF_FUNCTION[point.function]) if a}


def base_of(profile: Profile, groups: Iterable[Group]) -> tuple[Area | None, int] | None:
    """The table that the addresses of `groups` name, if they do, and the register they lead to.

    None where no group has an address: then the points in them have their own. Raises PointError.
    """
    written = [g.address for g in groups if g.address is not None]
    if not written:
        return None
    plain = Point(name="group", address=0)
    try:
        named = next(filter(None, (named_table(w, notation_of(profile)) for w in written)), None)
        return named, sum(locate(profile, plain, w)[1] for w in written)
    except AddressError as error:
        raise PointError(f"its group's {error}", address_hint(profile, plain)) from None


def coding_of(profile: Profile, point: Point, area: Area) -> Coding:
    """The point's coding. Raises PointError when type, bits and registers do not fit together."""
    name = point.type or ("bool" if is_bits(area) else "u16")
    if name == "ascii":
        if not point.registers:
            raise PointError("a text without a length", "say registers = how many it fills")
        return Coding(Reading.INTEGER, point.registers, 16, big_bytes=_order(profile, point, "byte_order"))
    match = re.fullmatch(r"([a-z]+)(\d*)", name)
    assert match is not None  # the schema has checked it
    reading, signed = _FAMILY[match[1]]
    width = int(match[2] or 1)
    if match[1] == "f" and width == 64:
        reading = Reading.FLOAT_64
    unit_bits = 1 if is_bits(area) else 16
    low, high = point.bits or (0, width - 1)
    if point.bits and reading in (Reading.FLOAT_32, Reading.FLOAT_64):
        raise PointError("bits of a float are not a number", "use an integer type")
    words = point.registers or -(-max(width if unit_bits == 16 else 0, high + 1) // unit_bits)
    if low < 0 or high >= words * unit_bits:
        raise PointError(
            f"bits {low}..{high} lie outside the {words * unit_bits} bits read",
            "say registers, or other bits",
        )
    if words * unit_bits > 64:
        raise PointError(
            f"a number of {words * unit_bits} bits is wider than 64", "split it into several points"
        )
    if point.type and high - low + 1 > width:
        raise PointError(
            f"bits {low}..{high} are more than a {name} has", f"say {match[1]}{high - low + 1}, or other bits"
        )
    width = high - low + 1
    if reading is Reading.INTEGER and not signed and width == 64:
        reading = Reading.UNSIGNED_64
    big_words = _order(profile, point, "word_order") if unit_bits == 16 else point.word_order == "big"
    big_bytes = _order(profile, point, "byte_order") if unit_bits == 16 else True
    return Coding(reading, words, width, low, signed, big_words, big_bytes, unit_bits)


def si_of(point: Point, factor: int) -> tuple[float, float, str]:
    """Scale, offset and unit after conversion: SI = (raw + raw_offset) * scale + offset."""
    unit, per_unit, zero = UNITS[point.unit]
    scale = point.scale * 10.0**factor if factor >= 0 else point.scale / 10.0**-factor
    return scale * per_unit, point.offset * per_unit + zero, unit


def in_si(point: Point, pair: Range | None) -> tuple[float, float] | None:
    """A range in the point's unit, converted."""
    _, per_unit, zero = UNITS[point.unit]
    return None if pair is None else (pair[0] * per_unit + zero, pair[1] * per_unit + zero)


def missing_of(profile: Profile, point: Point, coding: Coding) -> tuple[int, ...]:
    """Sentinels as raw values: the point's own, else those of its type (never for parts of a register)."""
    sentinels = point.missing
    if sentinels is None:
        sentinels = () if point.bits else profile.missing.get(point.type or "u16", ())
    try:
        return tuple(raw_pattern(coding, s) for s in sentinels)
    except ValueError as error:
        raise PointError(f"missing: {error}", f"it has {coding.width} bits") from None


def _order(profile: Profile, point: Point, which: str) -> bool:
    return (getattr(point, which) or getattr(profile, which) or "big") == "big"
