"""One value: its words, its place, and how people find it."""

import math

import pytest

from drivers.registers import Area
from drivers.values import (
    Coding,
    LimitTiers,
    Meaning,
    Reading,
    Span,
    Value,
    bit_name,
    contains,
    number_name,
    same_table,
    usable,
)

H = Area.HOLDING


def test_readings_have_the_numbers_of_the_wire_format() -> None:
    assert {reading.name: reading.value for reading in Reading} == {
        "INTEGER": 0,
        "UNSIGNED_64": 1,
        "FLOAT_32": 2,
        "FLOAT_64": 3,
        "SIGN_MAGNITUDE": 4,
        "BCD": 5,
    }


def test_what_is_not_said_of_a_value_changes_nothing() -> None:
    plain = Value("soc", "", Span(H, 0, 7, 1), Coding(Reading.INTEGER, 1, 16))
    assert (plain.scale, plain.raw_offset, plain.offset, plain.pause_ms) == (1.0, 0, 0.0, 0.0)
    assert (plain.missing, plain.valid, plain.limits, plain.bits, plain.numbers, plain.guards) == (
        (),
        None,
        None,
        {},
        {},
        (),
    )
    assert plain.changes_within_s == math.inf
    coding = plain.coding
    assert (coding.shift, coding.signed, coding.big_words, coding.big_bytes, coding.unit_bits) == (
        0,
        False,
        True,
        True,
        16,
    )
    anything = (-math.inf, math.inf)
    assert LimitTiers() == LimitTiers(anything, anything, anything)
    assert (Meaning("hot").severity, Meaning("hot").active) == (None, 1)


def test_people_find_a_value_by_name_and_place_and_an_alarm_by_its_bit_or_number() -> None:
    coding = Coding(Reading.INTEGER, 1, 16)
    assert Value("soc", "", Span(H, 0, 7, 1), coding).label == "soc"
    assert Value("soc", "string1", Span(H, 0, 7, 1), coding).label == "soc string1"
    assert (bit_name("state", 3), number_name("state", 3)) == ("state.bit3", "state=3")


@pytest.mark.parametrize(
    ("span", "last", "text"),
    [
        (Span(H, 0, 7, 1), 7, "holding 7"),
        (Span(H, 0, 7, 2), 8, "holding 7..8"),
        (Span(Area.COIL, 1, 0, 16), 15, "coil 0..15 of unit +1"),
        (Span(H, 2, 0, 1), 0, "holding 0 of unit +2"),
        (Span(H, -1, 0, 1), 0, "holding 0"),  # of any unit
    ],
)
def test_a_span_ends_at_its_last_address(span: Span, last: int, text: str) -> None:
    assert (span.last, str(span)) == (last, text)


def test_a_read_contains_what_lies_in_it_whole_and_in_its_own_table() -> None:
    outer = Span(H, 1, 10, 5)
    for first, count, inside in ((10, 5, True), (10, 1, True), (14, 1, True), (9, 5, False), (9, 6, False),
                                 (10, 6, False), (14, 2, False), (15, 1, False), (9, 1, False)):  # fmt: skip
        assert contains(outer, Span(H, 1, first, count)) is inside, (first, count)
    for area, unit, same in ((H, 1, True), (H, 0, False), (Area.INPUT, 1, False), (Area.INPUT, 0, False)):
        assert same_table(outer, Span(area, unit, 90, 1)) is same
        assert contains(outer, Span(area, unit, 11, 2)) is same


def test_a_scale_factor_is_a_power_of_ten_from_minus_ten_to_ten() -> None:
    assert [exponent for exponent in range(-13, 14) if usable(exponent)] == list(range(-10, 11))
    assert not usable(None)
    assert not usable(-0x8000)
