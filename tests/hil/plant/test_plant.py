"""The rack model against the internal-short table, against measured runaways, and against its energy book."""

import math

import numpy as np
import pytest

from hil.plant.chemistry import CHEMISTRIES
from hil.plant.duty import DISCHARGE, FLOAT, Duty, Phase, RoomAir
from hil.plant.events import (
    Discharge,
    Disconnect,
    Fans,
    InternalShort,
    LooseBusbar,
    RoomTemperature,
    SelfDischarge,
    WeakCell,
)
from hil.plant.rack import UNCOUPLED, Cooling, EnergyBook, Rack, RackParameters
from hil.plant.source import Arrangement

SHAPE = Arrangement(strings=2, modules=3, cells=4, sensors=2)
STILL = RoomAir(swing_k=0.0)


def lone_cell(**changes: object) -> Rack:
    """One cell of the ladder: 100 Ah, nothing drawn at random, nothing near it, the room constant."""
    alone = Arrangement(1, 1, 1, 1)
    still = {
        "capacity_spread": 0.0,
        "resistance_spread": 0.0,
        "soc_spread": 0.0,
        "self_discharge_spread": 0.0,
        "ripple_a": 0.0,
        "cooling": UNCOUPLED,
        "room": STILL,
    }
    return Rack(RackParameters(alone, **{**still, **changes}))  # type: ignore[arg-type]


def temperatures(rack: Rack, hours: float) -> np.ndarray:
    """The first cell's temperature at every second."""
    return np.concatenate([rack.run(60, 1.0).cell_degc[:, 0] for _ in range(round(60 * hours))])


def runaway_min(degc: np.ndarray) -> float | None:
    """When it first heats by 1 K/s, in minutes."""
    fast = np.flatnonzero(np.diff(degc) >= 1.0)
    return fast[0] / 60 if fast.size else None


# Kim (2007) kinetics, 2000 J/K, hA 0.5 W/K: the internal-short ladder.
@pytest.mark.parametrize(
    ("ohm", "power_w", "slope_k_per_min", "most_degc", "runaway"),
    [
        (100, 0.11, 0.0034, 25.22, None),
        (10, 1.1, 0.034, 27.2, None),
        (1, 11.2, 0.34, 47, None),
        (0.3, 37, 1.1, 103, None),
        (0.2, 56, 1.7, None, 159),
        (0.1, 112, 3.4, None, 48),
    ],
)
def test_an_internal_short_comes_out_as_in_the_table(ohm, power_w, slope_k_per_min, most_degc, runaway):
    rack = lone_cell(abuse="kim2007")
    rack.cells["self_discharge_a"] = 0.0  # the table has none
    rack.apply(InternalShort("cell1", ohm))
    degc = temperatures(rack, hours=1 / 60)
    assert rack.cells["heat_w"][0] == pytest.approx(power_w, rel=0.1)
    assert degc[-1] - 25.0 == pytest.approx(slope_k_per_min, rel=0.1, abs=0.001)
    degc = np.concatenate([degc, temperatures(rack, hours=6)])
    if runaway is None:
        assert runaway_min(degc) is None
        assert degc.max() - 25 == pytest.approx(most_degc - 25, rel=0.1)
    else:
        assert runaway_min(degc) == pytest.approx(runaway, rel=0.1)


# Self-heating of 0.02 K/min, 1 K/s and the maximum in adiabatic calorimetry: Feng et al., Energy Storage
# Materials 10 (2018) 246, ranges as quoted in our notes on detection.
@pytest.mark.parametrize(
    ("chemistry", "t1", "t2", "t3"),
    [("NMC", (80, 120), (150, 250), (700, 1000)), ("LFP", (80, 120), (200, 260), (300, 600))],
)
def test_a_full_cell_in_a_slowly_heated_oven_runs_away_as_measured_ones_do(chemistry, t1, t2, t3):
    adiabatic = Cooling(0.0, 0.0, 0.02, 0.0, air_room=1e9)
    oven = RoomAir(degc=60.0, swing_k=0.0, steps=((0.0, 300.0, 24 * 3600.0),))
    rack = lone_cell(chemistry=chemistry, soc=1.0, cooling=adiabatic, room=oven)
    rack.apply(Disconnect())
    degc, room = [], []
    while len(degc) < 24 * 3600 and (not degc or degc[-1] > max(degc) - 50):
        course = rack.run(60, 1.0)
        degc += course.cell_degc[:, 0].tolist()
        room += course.room_degc.tolist()
    rate = np.diff(degc)
    by_itself = rate - 0.02 / 2000 * (np.array(room[1:]) - degc[1:])
    assert t1[0] <= degc[np.argmax(by_itself * 60 > 0.02)] <= t1[1]
    assert t2[0] <= degc[np.argmax(rate >= 1.0)] <= t2[1]
    assert t3[0] <= max(degc) <= t3[1]


def test_a_small_cell_in_an_oven_runs_away_at_155_degc_and_not_at_120():
    """Hatchard's and Kim's oven: an 18650 cell (hA/V 1816 W/m3K) from 28 degC.

    That such a cell survives 120 and not 155 degC is the result of both papers (J. Electrochem. Soc. 148
    (2001) A755; J. Power Sources 170 (2007) 476) as it is commonly quoted: no page number, for we had only
    their parameters.
    """
    volume_m3 = 1.654e-5
    size = volume_m3 * 2.14e6 / 2000
    size_of = UNCOUPLED.cell_air * size ** (2 / 3)
    cooling = Cooling(0.0, 0.0, 0.5 * 1816 * volume_m3 / size_of, 0.0, air_room=1e9)
    for oven_degc, runs_away in ((155.0, True), (120.0, False)):
        oven = RoomAir(degc=28.0, swing_k=0.0)
        rack = lone_cell(capacity_ah=100 * size, abuse="kim2007", cooling=cooling, room=oven)
        rack.apply(Disconnect())
        rack.apply(RoomTemperature(oven_degc))
        degc = temperatures(rack, hours=2)
        assert (degc.max() > oven_degc + 100) == runs_away
        assert degc.max() > oven_degc, "it heats itself beyond the oven"
        if runs_away:
            assert 20 < runaway_min(degc) < 90  # type: ignore[operator]


def balanced(book: EnergyBook) -> bool:
    given = book.electric_in_j + book.reaction_j
    return math.isclose(given, book.chemical_j + book.heat_j, rel_tol=1e-9, abs_tol=1e-3) and math.isclose(
        book.heat_j, book.stored_heat_j + book.to_room_j, rel_tol=1e-6, abs_tol=1.0
    )


def test_no_energy_appears_or_vanishes_through_discharge_charge_short_and_a_bad_busbar():
    duty = Duty(limit_a=40.0, phases=(Phase(0.0, DISCHARGE, 80.0), Phase(600.0, FLOAT)))
    rack = Rack(RackParameters(SHAPE, chemistry="NMC", seed=7, ripple_a=1.0, duty=duty))
    first_soc = rack.cells["soc"].copy()
    rack.apply(LooseBusbar("string1/module2/cell1", 0.003))
    for step in range(1800):
        if step == 300:
            rack.apply(InternalShort("string2/module1/cell3", 0.5))
        rack.step(1.0)
    book = rack.energy
    assert abs(book.heat_j) > 1e4
    assert balanced(book)

    ocv = CHEMISTRIES["NMC"].ocv
    stored_j = 0.0
    for before, after, ah in zip(first_soc, rack.cells["soc"], rack.cells["capacity_ah"], strict=True):
        path = np.linspace(before, after, 2001)
        stored_j += np.trapezoid([ocv(float(s)) for s in path], path) * 3600 * ah
    assert book.chemical_j == pytest.approx(stored_j, rel=1e-3)


def test_a_runaway_spreads_where_cells_touch_and_not_where_they_are_apart_and_keeps_its_energy():
    hottest = {}
    for neighbour in (0.02, 0.5):
        module = Arrangement(1, 1, 5, 0)
        rack = Rack(RackParameters(module, chemistry="NMC", seed=1, cooling=Cooling(neighbour=neighbour)))
        rack.apply(InternalShort("cell3", 0.05))
        hottest[neighbour] = np.max([rack.run(60, 1.0).cell_degc.max(axis=0) for _ in range(240)], axis=0)
        assert rack.energy.reaction_j > 1e5
        assert balanced(rack.energy)
    assert hottest[0.02][2] > 500
    assert np.delete(hottest[0.02], 2).max() < 150
    assert hottest[0.5].min() > 500


def test_a_cell_in_runaway_loses_its_voltage():
    rack = lone_cell(chemistry="NMC")
    before_v = rack.cells["v"][0]
    rack.apply(Disconnect())
    rack.apply(InternalShort("cell1", 0.05))
    assert temperatures(rack, hours=1).max() > 500
    assert rack.cells["v"][0] < 0.75 * before_v


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
    assert rise[8] < 0.6, "the next module is hardly touched"
    assert abs(rise[stranger]) < 0.5


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
    string_a = rack.run(3600, 1.0).string_a
    assert np.all(np.abs(string_a.mean(axis=0)) < 1.0)
    assert 0.01 < string_a.std() < 0.5
    assert np.all(np.abs(rack.cells["temp_degc"] - rack.room_degc) < 0.5)


def test_a_discharged_string_is_recharged_at_the_limit_and_then_at_constant_voltage():
    rack = Rack(RackParameters(SHAPE, chemistry="NMC", seed=6, ripple_a=0.0))
    rest_v = rack.rest_v
    rack.apply(Discharge(amps=100.0, for_s=900.0))
    down = rack.run(900, 1.0)
    assert np.all(down.string_a == -100.0)
    assert down.string_v[-1, 0] < down.string_v[1, 0] < rest_v
    assert down.cell_degc[-1].min() > 26, "I2R heats every cell"
    up = rack.run(3 * 3600, 1.0)
    assert up.string_a[10, 0] == pytest.approx(20.0)
    assert up.string_a[-1, 0] < 3.0
    assert up.string_v[-1, 0] == pytest.approx(rest_v, abs=0.01)


def test_the_voltage_relaxes_after_a_load_as_the_rc_pair_says():
    rack = lone_cell()
    rack.apply(Discharge(amps=100.0, for_s=300.0))
    rack.run(300, 1.0)
    rack.apply(Disconnect())
    volts = rack.run(300, 1.0).cell_v[:, 0]
    assert volts[-1] - volts[0] == pytest.approx(100.0 * 0.0004, rel=0.15)
    assert volts[60] - volts[0] == pytest.approx(0.632 * (volts[-1] - volts[0]), rel=0.1)


def test_a_bad_busbar_heats_its_two_cells_and_sags_under_load_only():
    rack = Rack(RackParameters(Arrangement(1, 1, 8, 0), seed=2, ripple_a=0.0))
    rack.apply(LooseBusbar("cell4", 0.002))
    rack.run(60, 1.0)
    resting = rack.cells["v"] - np.median(rack.cells["v"])
    rack.apply(Discharge(amps=100.0, for_s=600.0))
    rack.run(599, 1.0)
    loaded = rack.cells["v"] - np.median(rack.cells["v"])
    assert abs(resting[3]) < 0.01
    assert loaded[3] - resting[3] == pytest.approx(-0.2, abs=0.03)  # 100 A x 2 mohm
    assert set(np.argsort(rack.cells["temp_degc"])[-2:]) == {3, 4}


def test_a_weak_cell_sags_and_a_leaking_one_falls_behind():
    rack = Rack(RackParameters(Arrangement(1, 1, 8, 0), chemistry="NMC", seed=2))
    rack.apply(WeakCell("cell2", capacity=0.7, resistance=2.0))
    rack.apply(SelfDischarge(0.5, "cell6"))
    rack.run(24 * 360, 10.0)
    assert rack.cells["soc"][5] < np.median(rack.cells["soc"]) - 0.08
    rack.apply(Discharge(amps=50.0, for_s=1800.0))
    rack.run(1799, 1.0)
    assert np.argmin(rack.cells["soc"]) in (1, 5)
    assert rack.cells["v"][1] < np.median(rack.cells["v"]) - 0.02


def test_failed_fans_let_a_working_rack_run_warmer_all_over():
    cool, warm = (Rack(RackParameters(SHAPE, seed=4, room=STILL)) for _ in range(2))
    warm.apply(Fans(0.25))
    for rack in (cool, warm):
        rack.apply(Discharge(amps=60.0, for_s=3000.0))
        rack.run(3000, 1.0)
    rise = warm.cells["temp_degc"] - cool.cells["temp_degc"]
    assert rise.min() > 0.5
    assert np.ptp(rise) < 0.3 * rise.mean()


def test_a_dried_out_vrla_string_in_a_hot_still_cabinet_runs_away_and_a_healthy_one_does_not():
    ends = []
    for float_a in (0.04, 0.6):
        room = RoomAir(degc=35.0, swing_k=0.0)
        rack = Rack(RackParameters(Arrangement(1, 4, 6, 6), chemistry="VRLA", seed=1, room=room))
        rack.apply(SelfDischarge(float_a))
        rack.apply(Fans(0.25))
        course = rack.run(48 * 360, 10.0)
        ends.append((course.cell_degc[-1].max() - 35.0, course.string_a[-1, 0]))
    (calm_k, calm_a), (hot_k, hot_a) = ends
    assert calm_k < 3
    assert calm_a < 0.3
    assert hot_k > 20
    assert hot_a > 5, "the float current runs to the charger's limit"


@pytest.mark.parametrize(
    "place", ["", "string1/module1", "string3/module1/cell1", "string1/module1/cell0", "cell1"]
)
def test_a_place_that_is_no_cell_is_refused_with_the_places_there_are(place):
    rack = Rack(RackParameters(SHAPE))
    with pytest.raises(ValueError, match="string2/module3/cell4"):
        rack.apply(InternalShort(place, 0.1))
