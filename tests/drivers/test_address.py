"""Addresses as datasheets write them."""

import pytest

from drivers.address import AddressError, Notation, parse_address
from drivers.registers import Area


@pytest.mark.parametrize(
    ("written", "notation", "area", "address"),
    [
        (0, "zero-based", None, 0),
        ("0x1200", "zero-based", None, 4608),
        ("1200h", "zero-based", None, 4608),
        ("1_000", "zero-based", None, 1000),
        (1, "one-based", None, 0),
        (40001, "modicon", Area.HOLDING, 0),
        ("40001", "modicon", Area.HOLDING, 0),
        (400001, "modicon", Area.HOLDING, 0),
        (465536, "modicon", Area.HOLDING, 65535),
        (30010, "modicon", Area.INPUT, 9),
        ("3x0010", "modicon", Area.INPUT, 9),
        (10001, "modicon", Area.DISCRETE, 0),
        ("00017", "modicon", Area.COIL, 16),
        (17, "modicon", Area.COIL, 16),
        ("0x20", "bytes", None, 16),
    ],
)
def test_each_notation_becomes_a_zero_based_address(written, notation, area, address):
    assert parse_address(written, Notation(notation)) == (area, address)


@pytest.mark.parametrize(
    ("written", "notation", "why"),
    [
        (0, "one-based", "before the first"),
        (50001, "modicon", "not in Modicon"),
        (40000, "modicon", "not in Modicon"),
        (465537, "modicon", "not in Modicon"),
        ("12G", "zero-based", "neither decimal nor hexadecimal"),
        (33, "bytes", "odd"),
    ],
)
def test_an_address_that_cannot_be_is_refused_with_a_reason(written, notation, why):
    with pytest.raises(AddressError, match=why):
        parse_address(written, Notation(notation))
