"""A profile held against a unit that lacks registers: what scan and probe read of it, and for how long."""

import numpy as np
import pytest

from agent.modbus.survey.match import REFUSED_MOST, Sureness, hold, rank, sureness
from agent.quality import Quality
from drivers.profile.load import Profile, parse_profile
from drivers.registers import Area, Read, Reply
from hil.modbus.table import RegisterTable

CELLS = 260


def cells(first: int = 0, named: str = "cells") -> Profile:
    points = (
        f'[[point]]\nname = "cell_voltage_{k + 1}"\naddress = {first + k}\nscale = 0.001\n'
        for k in range(CELLS)
    )
    return parse_profile(f'schema = 1\nmodel = "{named}"\n' + "".join(points))


class Unit:
    """Cells at registers 0 to 259, but for those that are `missing`."""

    def __init__(self, missing: range) -> None:
        self.table, self.asked = RegisterTable(), 0
        self.table.define(Area.HOLDING, 0, [3300 + k % 7 for k in range(CELLS)])
        self.table.remove(Area.HOLDING, missing)

    async def ask(self, read: Read, _pause_s: float) -> Reply:
        self.asked += 1
        words = self.table.read(read.area, read.address, read.count)
        return Reply((), Quality.REFUSED, 2) if words is None else Reply(words)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("missing", [range(77, 78), range(1, CELLS, 2), range(200, 208), range(0, 60)])
async def test_all_that_a_unit_has_is_read_whatever_it_lacks(whole: bool, missing: range) -> None:
    unit = Unit(missing)
    match = await hold(cells(), unit.ask, whole=whole)
    assert match.layout is not None
    assert match.image is not None
    raw, quality = np.zeros(CELLS, np.int64), np.zeros(CELLS, np.uint8)
    match.layout.decode(match.image, raw, quality)
    assert set(np.flatnonzero(quality == Quality.REFUSED)) == set(missing)
    assert (quality[np.setdiff1d(np.arange(CELLS), missing)] == Quality.GOOD).all()
    assert unit.asked <= 2 * CELLS


async def test_a_unit_with_one_missing_register_is_recognised() -> None:
    unit = Unit(range(77, 78))
    assert sureness(await rank([cells()], unit.ask)) is not Sureness.NOT_RECOGNISED


async def test_a_profile_of_registers_that_are_not_there_is_given_up_soon() -> None:
    unit = Unit(range(0))
    assert await rank([cells(1000, "elsewhere")], unit.ask) == []
    assert unit.asked == REFUSED_MOST
