"""A block of registers to be read, as a person writes it: holding:100, input:0x1000, or 40101 of a manual."""

import re

from drivers.address import AddressError, Notation, parse_address
from drivers.profile.schema import Profile
from drivers.registers import Area, Read

MOST = {Area.COIL: 2000, Area.DISCRETE: 2000, Area.HOLDING: 125, Area.INPUT: 125}


def parse_range(text: str, profile: Profile | None = None) -> list[Read]:
    """Return the reads of a range: holding:0-99, 40001-40100, or one register.

    profile: how many registers its unit can be asked for at once, and how its addresses rise. ValueError.
    """
    head, dash, end = text.rpartition("-")
    first = parse_read(head if dash else text, 1)
    last = parse_read(end if ":" not in head and dash else f"{first.area}:{end}", 1) if dash else first
    step = profile.address_step if profile else 1
    if last.area is not first.area or last.address < first.address:
        raise ValueError(f"{text!r} is no range: write TABLE:FIRST-LAST, as holding:0-99, or 40001-40100")
    most = min(MOST[first.area], profile.max_count(first.area) if profile else MOST[first.area])
    starts = range(first.address, last.address + 1, step * most)
    return [Read(first.area, at, min(most, (last.address - at) // step + 1)) for at in starts]


def parse_read(text: str, count: int) -> Read:
    """Return the read that a text names. Raises ValueError with what is wrong."""
    area_name, colon, number = text.partition(":")
    try:
        if colon:
            area = Area(area_name.lower())
            _, address = parse_address(number, Notation.ZERO_BASED)
        elif re.fullmatch(r"[0134]\d{4,5}", text):
            of_manual, address = parse_address(text, Notation.MODICON)
            area = of_manual or Area.HOLDING
        else:
            raise ValueError
    except AddressError as error:
        raise ValueError(str(error)) from error
    except ValueError:
        raise ValueError(
            f"{text!r} is no register: write TABLE:ADDRESS, as holding:100 (TABLE: {', '.join(Area)};"
            " ADDRESS: zero-based, as on the wire), or a manual's 40101"
        ) from None
    if not 1 <= count <= MOST[area]:
        raise ValueError(f"--count {count}: one read brings 1 to {MOST[area]} of {area}")
    if address + count > 0x10000:
        raise ValueError(f"{area} {address}, {count} long, ends beyond the last address, 65535")
    return Read(area, address, count)
