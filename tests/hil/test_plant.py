"""The rack model against the internal-short table and against its own energy book."""

import math

import numpy as np
import pytest

from hil.plant.chemistry import CHEMISTRIES
from hil.plant.duty import Bus
from hil.plant.events import InternalShort
from hil.plant.rack import Rack, RackParameters
from hil.source import Arrangement

SHAPE = Arrangement(strings=2, modules=3, cells=4, sensors=2)


def lone_cell(**changes: object) -> Rack:
    """One cell of the ladder: 100 Ah, nothing drawn at random, the room constant."""
    alone = Arrangement(1, 1, 1, 1)
    still = {
        "capacity_spread": 0.0,
        "resistance_spread": 0.0,
        "soc_spread": 0.0,
        "ripple_a": 0.0,
        "room_swing_k": 0.0,
    }
    return Rack(RackParameters(alone, **{**still, **changes}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ohm", "power_w", "slope_k_per_min"),
    [(10, 1.1, 0.034), (1, 11, 0.34), (0.2, 56, 1.7), (0.1, 112, 3.4)],
)
def test_first_slope_of_an_internal_short_is_that_of_the_table(ohm, power_w, slope_k_per_min):
    rack = lone_cell()
    rack.apply(InternalShort("string1/module1/cell1", ohm))
    before = rack.cells["temp_degc"][0]
    for _ in range(60):
        rack.step(1.0)
    assert rack.cells["heat_w"][0] == pytest.approx(power_w, rel=0.1)
    assert rack.cells["temp_degc"][0] - before == pytest.approx(slope_k_per_min, rel=0.1)


def test_one_ohm_short_settles_at_the_tables_maximum():
    rack = lone_cell()
    rack.apply(InternalShort("string1/module1/cell1", 1.0))
    for _ in range(5 * 3600 // 10):
        rack.step(10.0)
    assert rack.cells["temp_degc"][0] == pytest.approx(47, abs=1.5)


class Discharge:
    """80 A for ten minutes, then charging with 40 A at most."""

    def bus_at(self, t_s: float, rest_v: float) -> Bus:
        return Bus(0.0, 0.0, 80.0) if t_s < 600 else Bus(rest_v, 40.0, 0.0)


def test_no_energy_appears_or_vanishes_through_discharge_charge_and_short():
    rack = Rack(RackParameters(SHAPE, chemistry="NMC", seed=7, ripple_a=1.0, duty=Discharge()))
    first_soc = rack.cells["soc"].copy()
    for step in range(1800):
        if step == 300:
            rack.apply(InternalShort("string2/module1/cell3", 0.5))
        rack.step(1.0)
    book = rack.energy
    assert abs(book.heat_j) > 1e4
    assert book.electric_in_j == pytest.approx(book.chemical_j + book.heat_j, rel=1e-9)
    assert book.heat_j == pytest.approx(book.stored_heat_j + book.to_room_j, rel=1e-9)

    ocv = CHEMISTRIES["NMC"].ocv
    stored_j = 0.0
    for before, after, ah in zip(first_soc, rack.cells["soc"], rack.cells["capacity_ah"], strict=True):
        path = np.linspace(before, after, 2001)
        stored_j += np.trapezoid([ocv(float(s)) for s in path], path) * 3600 * ah
    assert book.chemical_j == pytest.approx(stored_j, rel=1e-3)


def test_a_shorted_cell_loses_charge_and_voltage_and_its_neighbours_warm_a_little():
    rack = Rack(RackParameters(SHAPE, seed=3))
    shorted, neighbour, stranger = 5, 6, 20
    before = rack.cells.copy()
    rack.apply(InternalShort("string1/module2/cell2", 0.1))
    for _ in range(600):
        rack.step(1.0)
    rise = rack.cells["temp_degc"] - before["temp_degc"]
    assert rack.cells["soc"][shorted] < before["soc"][shorted] - 0.04
    assert before["v"][shorted] - rack.cells["v"][shorted] > 0.015
    assert rise[shorted] > 25
    assert 0.5 < rise[neighbour] < 5
    assert abs(rise[stranger]) < 0.2
    assert rise[8] == pytest.approx(rise[stranger], abs=0.2), "the next module is not touched"


def test_a_short_taken_away_leaves_a_cell_that_cools():
    rack = lone_cell()
    rack.apply(InternalShort("string1/module1/cell1", 0.1))
    rack.step(300.0)
    hot = rack.cells["temp_degc"][0]
    rack.apply(InternalShort("string1/module1/cell1", math.inf))
    rack.step(300.0)
    assert rack.cells["temp_degc"][0] < hot


def test_a_floating_string_carries_next_to_no_current():
    rack = Rack(RackParameters(SHAPE, seed=5, ripple_a=0.05))
    means = []
    for _ in range(3600):
        rack.step(1.0)
        means.append(rack.string_a.copy())
    assert np.all(np.abs(np.mean(means, axis=0)) < 1.0)
    assert 0.01 < np.std(means) < 0.5
    assert np.all(np.abs(rack.cells["temp_degc"] - rack.room_degc) < 0.5)


@pytest.mark.parametrize(
    "place", ["", "string1/module1", "string3/module1/cell1", "string1/module1/cell0", "cell1"]
)
def test_a_place_that_is_no_cell_is_refused_with_the_places_there_are(place):
    rack = Rack(RackParameters(SHAPE))
    with pytest.raises(ValueError, match="string2/module3/cell4"):
        rack.apply(InternalShort(place, 0.1))
