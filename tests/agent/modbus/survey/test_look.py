"""Guesses at registers, and other readings of values that look wrong."""

import struct

import numpy as np
import pytest

from agent.modbus.survey.look import alternatives, guess, manual_address, pairs
from agent.modbus.survey.registers import parse_read
from drivers.profile.expansion import expand
from drivers.profile.load import parse_profile
from drivers.registers import Area, Read
from drivers.values import Value

CELLS = [3204, 3206, 3184, 3201]


def values(point: str) -> list[Value]:
    text = f'schema = 1\nmodel = "m"\n[[point]]\naddress = 10\n{point}'
    return list(expand(parse_profile(text)).values)


CELL = 'name = "cell_voltage"\ncount = 4\nscale = 0.001\nunit = "V"\nvalid = [1.5, 4.5]\n'


@pytest.mark.parametrize(
    ("point", "words", "first", "said"),
    [
        (CELL, [*CELLS, 0, 0], 9, "off by one (holding 9): 3.184 to 3.206 V"),
        (CELL.replace("0.001", "0.01"), [0, *CELLS, 0], 9, "scale 0.001: 3.184 to 3.206 V"),
        (
            'name = "pack_voltage"\ntype = "f32"\nunit = "V"\nvalid = [10, 100]\n',
            [0, *struct.unpack(">HH", struct.pack(">f", 53.5))[::-1], 0],
            9,
            "words swapped: 53.5 V",
        ),
    ],
    ids=["off by one", "wrong scale", "swapped words"],
)
def test_a_wrong_map_is_told_from_a_fault_by_the_reading_that_would_be_right(
    point: str, words: list[int], first: int, said: str
) -> None:
    assert said in alternatives(values(point), np.array(words, np.uint16), first)


def test_values_that_are_right_have_no_other_reading() -> None:
    assert alternatives(values(CELL), np.array([0, *CELLS, 0], np.uint16), 9) == []


def test_a_block_of_millivolts_is_guessed_as_cells_and_zeros_as_nothing() -> None:
    found = guess(CELLS)
    assert found is not None
    assert (found.title, found.value(3204)) == ("as mV -> V", 3.204)
    assert guess([0, 0, 0]) is None
    assert pairs([0x4142, 0x4344]) == ["as text: 'ABCD'"]


def test_addresses_are_understood_as_the_wire_and_as_manuals_write_them() -> None:
    assert parse_read("40101", 4) == parse_read("holding:100", 4) == Read(Area.HOLDING, 100, 4)
    assert manual_address(Area.INPUT, 0) == "30001"
    assert manual_address(Area.HOLDING, 40316) == "440317"
    for text in ("100", "holding:x", "register:1", "holding:65535"):
        with pytest.raises(ValueError, match=r"register|address|ends beyond"):
            parse_read(text, 2)
