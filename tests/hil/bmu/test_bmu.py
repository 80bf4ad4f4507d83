"""What sensors and management units do to the truth."""

import numpy as np
import pytest

from hil.bmu.bmu import Bmu, BmuAlarm, BmuAverages, BmuHeartbeatStops, BmuHolds, BmuLosesModule, BmuReboots
from hil.plant.events import InternalShort
from hil.plant.faults import (
    SensorDrift,
    SensorLag,
    SensorNoise,
    SensorOffset,
    SensorOpen,
    SensorRepaired,
    SensorStuck,
    SensorSwapped,
)
from hil.plant.rack import Rack, RackParameters
from hil.plant.sensors import RackSource
from hil.plant.source import Arrangement, Channel

SHAPE = Arrangement(strings=1, modules=2, cells=4, sensors=2)
PROBE, OTHER = "string1/module1/cell1", "string1/module2/cell3"


@pytest.fixture
def source() -> RackSource:
    return RackSource(Rack(RackParameters(SHAPE, seed=4)), step_s=1.0)


def column(source: RackSource | Bmu, place: str, quantity: str = "cell_temperature") -> int:
    return list(source.channels).index(Channel(place, quantity))


def read(source: RackSource, place: str = PROBE, steps: int = 60) -> np.ndarray:
    return source.run(steps)[:, column(source, place)]


def test_an_offset_noise_and_drift_come_on_top_and_a_repair_takes_all_away(source):
    before = read(source)
    source.apply(SensorOffset(PROBE, 5.0))
    assert read(source).mean() - before.mean() == pytest.approx(5.0, abs=0.1)
    source.apply(SensorNoise(PROBE, 1.0))
    assert 0.7 < read(source).std() < 1.4
    source.apply(SensorRepaired(PROBE))
    assert read(source).mean() == pytest.approx(before.mean(), abs=0.1)
    source.apply(SensorDrift(PROBE, 86.4))  # 1 K in 1000 s
    assert read(source, steps=1000)[-20:].mean() - before.mean() == pytest.approx(1.0, abs=0.2)


def test_a_stuck_sensor_stays_an_open_one_reads_its_code_or_nothing(source):
    source.apply(SensorStuck(PROBE))
    assert np.ptp(read(source, steps=300)) == 0
    source.apply(SensorOpen(PROBE, -40.0))
    assert set(read(source)) == {-40.0}
    source.apply(SensorOpen(PROBE))
    assert np.isnan(read(source)).all()


def test_swapped_sensors_show_each_other_s_cell_and_a_loose_one_lags(source):
    source.apply(SensorSwapped(PROBE, OTHER))
    source.apply(SensorLag("string1/module1/cell3", 120.0))
    source.rack.cells["temp_degc"][0] += 10
    source.rack.cells["temp_degc"][2] += 10
    measured = source.run(30)
    assert measured[:, column(source, OTHER)].mean() > 33
    assert measured[:, column(source, PROBE)].mean() < 27
    late = measured[:, column(source, "string1/module1/cell3")]
    assert 1.0 < late[-1] - late[0] < 4.0


def test_a_sensor_that_is_not_there_is_refused_with_those_there_are(source):
    with pytest.raises(ValueError, match="there is string1/module1/cell1, string1/module1/cell3"):
        source.apply(SensorStuck("string1/module1/cell2"))
    with pytest.raises(ValueError, match="no quantity 'temperature'"):
        source.apply(SensorStuck(PROBE, quantity="temperature"))


def test_a_healthy_unit_tells_what_it_measures_and_counts_its_seconds(source):
    twin = RackSource(Rack(RackParameters(SHAPE, seed=4)), step_s=1.0)
    told = Bmu(source).advance(20)
    np.testing.assert_array_equal(told.channels[:, :-1], twin.run(20))
    np.testing.assert_array_equal(told.beat_s, np.arange(1.0, 21.0))
    assert told.answers.all()
    assert not told.channels[:, -1].any(), "no alarm of its own"


def test_an_averaging_unit_is_smoother_and_late_whatever_the_block(source):
    twin = Bmu(RackSource(Rack(RackParameters(SHAPE, seed=4)), step_s=1.0))
    unit = Bmu(source)
    for one in (unit, twin):
        one.apply(BmuAverages(60.0))
    whole = unit.advance(240).channels
    parts = np.concatenate([twin.advance(n).channels for n in (7, 53, 120, 60)])
    np.testing.assert_allclose(whole, parts, rtol=1e-12, atol=1e-12)
    raw = RackSource(Rack(RackParameters(SHAPE, seed=4)), step_s=1.0).run(240)
    probe = column(unit, PROBE)
    np.testing.assert_allclose(whole[200, probe], raw[141:201, probe].mean())


def test_a_held_frame_is_repeated_and_its_heartbeat_may_go_on(source):
    unit = Bmu(source)
    last = unit.advance(10).channels[-1]
    unit.apply(BmuHolds(20.0, heartbeat=True))
    told = unit.advance(30)
    assert (told.channels[:20] == last).all()
    assert (told.channels[20:] != last).any()
    np.testing.assert_array_equal(told.beat_s, np.arange(11.0, 41.0))
    unit.apply(BmuHolds(5.0))
    assert set(unit.advance(5).beat_s) == {40.0}


def test_a_heartbeat_that_stops_leaves_the_values_going(source):
    unit = Bmu(source)
    unit.advance(10)
    unit.apply(BmuHeartbeatStops(10.0))
    told = unit.advance(15)
    assert set(told.beat_s[:10]) == {10.0}
    assert told.beat_s[10] == 21.0
    assert np.ptp(told.channels[:, column(unit, PROBE)]) > 0


@pytest.mark.parametrize(("reads", "told_as"), [("missing", np.nan), ("zero", 0.0)])
def test_a_rebooting_unit_is_silent_then_empty_and_counts_from_zero(source, reads, told_as):
    unit = Bmu(source)
    unit.advance(100)
    unit.apply(BmuReboots(10.0, reads))
    told = unit.advance(20)
    assert not told.answers[:10].any()
    assert told.answers[10:].all()
    np.testing.assert_array_equal(told.channels[10:15, :-1], np.full_like(told.channels[10:15, :-1], told_as))
    assert np.isfinite(told.channels[15:, column(unit, PROBE)]).all()
    np.testing.assert_array_equal(told.beat_s[10:], np.arange(1.0, 11.0))


@pytest.mark.parametrize("reads", ["missing", "zero", "held"])
def test_a_lost_module_is_missing_zero_or_held_and_the_other_goes_on(source, reads):
    unit = Bmu(source)
    last = unit.advance(10).channels[-1]
    unit.apply(BmuLosesModule("string1/module2", reads, for_s=10.0))
    told = unit.advance(20).channels
    lost = told[:10, column(unit, OTHER)]
    expected = {"missing": np.nan, "zero": 0.0, "held": last[column(unit, OTHER)]}[reads]
    np.testing.assert_array_equal(lost, np.full(10, expected))
    assert np.ptp(told[:, column(unit, PROBE)]) > 0
    assert told[-1, column(unit, OTHER)] > 20
    with pytest.raises(ValueError, match="string1/module1 to string1/module2"):
        unit.apply(BmuLosesModule("string1/module3"))


def test_a_lost_module_may_be_filled_in_with_the_mean_of_the_others(source):
    unit = Bmu(source)
    unit.advance(10)
    unit.apply(BmuLosesModule("string1/module2", "mean", for_s=10.0))
    told = unit.advance(20).channels
    others = [column(unit, f"string1/module1/cell{i}", "cell_voltage") for i in (1, 2, 3, 4)]
    filled = [column(unit, f"string1/module2/cell{i}", "cell_voltage") for i in (1, 2, 3, 4)]
    mean = told[:10, others].mean(axis=1)
    np.testing.assert_allclose(told[:10, filled], np.repeat(mean[:, None], 4, axis=1))
    assert np.ptp(told[-1, filled]) > 0


def test_its_own_alarm_comes_when_a_cell_is_hot_or_late_or_never(source):
    def first_alarm_s(late_s: float) -> float:
        unit = Bmu(RackSource(Rack(RackParameters(SHAPE, seed=4)), step_s=1.0))
        unit.apply(BmuAlarm(late_s))
        assert isinstance(unit.source, RackSource)
        unit.source.apply(InternalShort(PROBE, 0.02))
        told = unit.advance(900)
        raised = np.flatnonzero(told.channels[:, -1])
        return float(told.t_s[raised[0]]) if raised.size else np.inf

    at_once = first_alarm_s(0.0)
    assert 60 < at_once < 600
    assert first_alarm_s(120.0) == at_once + 120
    assert first_alarm_s(np.inf) == np.inf
