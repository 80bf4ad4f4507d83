"""Addresses as datasheets write them, converted once to zero-based PDU addresses.

==========  =================================================================================
zero-based  what goes over the wire; also as "0x1200" or "1200h"
one-based   "register 1" is address 0
modicon     30001 or 300001: the first digit names the table (0 coils, 1 discrete inputs,
            3 input, 4 holding registers), the rest counts from 1
bytes       a byte offset into a table of 16-bit registers: 0x20 is register 16
==========  =================================================================================
"""

import re
from enum import StrEnum

from drivers.registers import Area

LAST_ADDRESS = 0xFFFF


class Notation(StrEnum):
    """How the addresses of a profile are written."""

    ZERO_BASED = "zero-based"
    ONE_BASED = "one-based"
    MODICON = "modicon"
    BYTES = "bytes"


class AddressError(ValueError):
    """An address cannot be what it says it is."""


_MODICON_AREA = {"0": Area.COIL, "1": Area.DISCRETE, "3": Area.INPUT, "4": Area.HOLDING}


def parse_address(written: int | str, notation: Notation) -> tuple[Area | None, int]:
    """The table named by the address itself (None unless Modicon) and the zero-based address.

    Raises `AddressError`.
    """
    if notation is Notation.MODICON:
        return _modicon(written)
    number = written if isinstance(written, int) else _number(written)
    if notation is Notation.ONE_BASED:
        number -= 1
    elif notation is Notation.BYTES:
        if number % 2:
            raise AddressError(f"byte address {written} is odd, but a register has two bytes")
        number //= 2
    if number < 0:
        raise AddressError(f"address {written} lies before the first register in {notation} notation")
    return None, number


def named_table(written: int | str, notation: Notation) -> Area | None:
    """The table that the first digit of an address names, None where it has none. Raises `AddressError`."""
    digitless = isinstance(written, int) and written < 10_000
    return None if digitless or notation is not Notation.MODICON else _modicon(written)[0]


def _number(text: str) -> int:
    text = text.strip().replace("_", "").lower()
    if re.fullmatch(r"0x[0-9a-f]+", text):
        return int(text, 16)
    if re.fullmatch(r"[0-9a-f]+h", text):
        return int(text[:-1], 16)
    if re.fullmatch(r"[0-9]+", text):
        return int(text)
    raise AddressError(f'address "{text}" is neither decimal nor hexadecimal ("0x1200", "1200h")')


def _modicon(written: int | str) -> tuple[Area, int]:
    digits = f"{written:05d}" if isinstance(written, int) else re.sub(r"[xX:\s]", "", written)
    if not re.fullmatch(r"[0134]\d{4,5}", digits) or not 1 <= int(digits[1:]) <= LAST_ADDRESS + 1:
        raise AddressError(f"address {written} is not in Modicon notation (0xxxx, 1xxxx, 3xxxx, 4xxxx)")
    return _MODICON_AREA[digits[0]], int(digits[1:]) - 1
