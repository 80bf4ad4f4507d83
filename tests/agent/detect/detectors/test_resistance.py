"""Resistance at load steps: found at its size, told at its cell, not confused with what looks like it."""

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Floats
from agent.detect.detectors import resistance
from agent.detect.watch import UnitDetectors
from tests.agent.detect.racks import feed, raised

CELLS, BAD, HOLD_S = 16, 6, 20
OHM = 0.5e-3 * (1.0 + 0.05 * np.random.default_rng(7).standard_normal(CELLS))
BAD_PLACE = f"string1/module1/cell{BAD + 1}"


def amps_of(steps: int, largest_a: float = 60.0, seed: int = 1) -> Floats:
    """Return a load that changes every HOLD_S, one value a second."""
    rng = np.random.default_rng(seed)
    return np.repeat(rng.uniform(-largest_a, largest_a, steps), HOLD_S)


def frames(amps: Floats, ohm: Floats, read_late: float = 0.0, seed: int = 2) -> Floats:
    """Return a string's readings: its current, then its cells: source, ohm, an RC pair (half of that, 60 s).

    ohm (CELLS,), or one row per frame. read_late: the share of a second that voltages come after currents.
    """
    rng = np.random.default_rng(seed)
    ohm = np.broadcast_to(ohm, (len(amps), CELLS))
    slow_a, charge_as = np.zeros(len(amps)), np.cumsum(amps)
    for i in range(1, len(amps)):
        slow_a[i] = slow_a[i - 1] + (amps[i - 1] - slow_a[i - 1]) / 60.0
    seen_a = (1.0 - read_late) * amps + read_late * np.append(amps[1:], amps[-1])
    source = 3.3 + 2e-8 * charge_as[:, None] + 0.004 * rng.standard_normal(CELLS)
    volts = source + ohm * (seen_a + 0.5 * slow_a)[:, None] + 0.0004 * rng.standard_normal(ohm.shape)
    return np.column_stack([np.round(amps + 0.02 * rng.standard_normal(len(amps)), 2), volts.round(3)])


def watch_of() -> UnitDetectors:
    """Return the watch over the string (0.01 A, 1 mV)."""
    places = ["string1", *(f"string1/module1/cell{i + 1}" for i in range(CELLS))]
    step = np.array([0.01] + [0.001] * CELLS)
    return UnitDetectors(places, ["current"] + ["cell_voltage"] * CELLS, step, 1.0)


def heard(read: Floats, dt_s: float = 1.0) -> tuple[list[AlarmEvent], Floats]:
    """Return the events of the detector, and the ohm it found of each cell."""
    watch = watch_of()
    events = [e for e in feed(watch, read, dt_s=dt_s) if e.detector == "resistance"]
    return events, watch._banks.detectors.resistance.cell[:, resistance.OHM].copy()


@pytest.mark.parametrize("read_late", [0.0, 0.4])
def test_each_cell_is_found_within_three_percent_of_its_siblings_and_none_is_told(read_late: float) -> None:
    events, ohm = heard(frames(amps_of(600), OHM, read_late))
    np.testing.assert_allclose(ohm / np.median(ohm), OHM / np.median(OHM), rtol=0.03)
    if read_late == 0.0:  # else all are found too small alike
        np.testing.assert_allclose(ohm, OHM, rtol=0.04)
    assert not events


@pytest.mark.parametrize(("times", "severity"), [(2.0, "advice"), (4.0, "warning")])
def test_a_connection_that_comes_loose_is_told_at_its_cell_with_its_size(times: float, severity: str) -> None:
    amps = amps_of(1500)
    ohm = np.tile(OHM, (len(amps), 1))
    ohm[300 * HOLD_S :, BAD] *= times
    events, found = heard(frames(amps, ohm))
    assert raised(events)[-1] == ("resistance", severity, BAD_PLACE)
    assert {e.location for e in events} == {BAD_PLACE}
    assert min(e.t_s for e in events) > 300 * HOLD_S
    np.testing.assert_allclose(found[BAD], times * OHM[BAD], rtol=0.05)
    assert 1.5 <= events[-1].value <= 1.05 * times * OHM[BAD] / np.median(OHM)


def test_a_cell_that_is_noisy_or_dies_or_is_often_not_read_has_no_high_resistance() -> None:
    amps = amps_of(1500)
    read = frames(amps, OHM)
    rng = np.random.default_rng(4)
    read[:, 3] += 0.15 * rng.standard_normal(len(read))
    read[9000:, 5] -= 1e-5 * np.arange(len(read) - 9000)  # drains away
    read[9000:, 7] += np.where(rng.random(len(read) - 9000) < 0.02, -0.3, 0.0)  # a wire of the front end
    read[rng.random(len(read)) < 0.3, 9] = np.nan
    read[9000:15000, 11] = np.nan
    read[:, 1:] = read[:, 1:].round(3)
    events, ohm = heard(read)
    assert not events
    np.testing.assert_allclose(ohm[[8, 10]], OHM[[8, 10]], rtol=0.05)


def test_currents_that_are_lost_or_wild_for_a_moment_leave_resistances_as_they_were() -> None:
    read = frames(amps_of(600), OHM)
    read[5000:5300, 0] = np.nan
    read[7000::900, 0] = np.nan
    read[[4000, 9000], 0] = 327.67, -327.68  # the ends of its register
    events, ohm = heard(read)
    assert not events
    np.testing.assert_allclose(ohm, OHM, rtol=0.04)


def test_nothing_is_claimed_where_no_step_is_seen() -> None:
    steady = frames(np.full(9000, -40.0), OHM)
    rare = frames(amps_of(300), OHM)[:: HOLD_S // 2]
    for read, dt_s in ((steady, 1.0), (rare, 60.0)):
        events, ohm = heard(read, dt_s)
        assert not events
        assert np.isnan(ohm).all()
