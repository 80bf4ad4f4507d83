"""A block of registers to be read, as a person writes it: holding:100, input:0x1000, or 40101 of a manual."""

import re

from drivers.address import AddressError, Notation, parse_address
from drivers.registers import Area, Read

MOST = {Area.COIL: 2000, Area.DISCRETE: 2000, Area.HOLDING: 125, Area.INPUT: 125}


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
