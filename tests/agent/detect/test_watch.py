"""A unit under watch: what it hears, what it leaves in peace, and that it hears again."""

from typing import Any

import numpy as np
import pytest

from agent.detect.detectors import DETECTORS
from agent.detect.rows import JUDGING
from agent.detect.settings import Settings
from agent.detect.watch import UnitDetectors
from hil.plant.events import InternalShort
from hil.plant.rack import Rack, RackParameters
from hil.plant.sensors import RackSource
from hil.plant.source import Arrangement
from tests.agent.detect.racks import feed, healthy, raised, watch_of

FAULTS = ("thermal-slope", "thermal-rate", "cell-imbalance", "last-resort")


def test_an_internal_short_is_heard_at_its_cell_within_a_minute() -> None:
    source = RackSource(Rack(RackParameters(Arrangement(1, 1, 16, 4), seed=3)))
    places, quantities = zip(*source.channels, strict=True)
    steps = np.array([source.quantum.get(quantity, 0.0) for quantity in quantities])
    watch = UnitDetectors(places, quantities, steps, 1.0)
    before = feed(watch, (source.read_at(float(t)) for t in range(60)))
    source.apply(InternalShort("string1/module1/cell5", 0.1))
    events = feed(watch, (source.read_at(float(t)) for t in range(60, 120)), t_s=60.0)
    assert not before
    assert {place for _, _, place in raised(events)} == {"string1/module1/cell5"}
    assert ("thermal-slope", "critical", "string1/module1/cell5") in raised(events)


def test_a_quiet_unit_is_left_in_peace() -> None:
    assert not feed(watch_of(16, 8), healthy(20_000, 16, 8))


@pytest.mark.parametrize("slope_k_per_min", [0.05, 0.3])
def test_slow_heating_against_siblings_is_heard(slope_k_per_min: float) -> None:
    frames = healthy(6 * 3600 // 5, 0, 8, temp_sd=0.1)
    frames[2160:, 3] += slope_k_per_min * np.arange(len(frames) - 2160) * 5 / 60.0
    events = feed(watch_of(0, 8, period_s=5.0), frames.round(1), dt_s=5.0)
    assert {place for _, _, place in raised(events)} == {"string1/module1/sensor4"}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 66.0, 394.0, 1e300, -273.0])
def test_bad_values_are_no_alarm_and_full_sensitivity_returns_after_them(bad: float) -> None:
    frames = healthy(4000, 8, 8)
    frames[1000:1010] = bad
    frames[2000:2003, 4] = bad
    frames[2000:2003, 12] = bad
    watch = watch_of(8, 8)
    assert not raised(feed(watch, frames), *FAULTS)
    hot = healthy(300, 8, 8)
    hot[:, 12] = frames[-1, 12] + 1.0 * np.arange(300) / 60.0
    hot[:, 8:12], hot[:, 13:] = frames[-300:, 8:12], frames[-300:, 13:]
    events = feed(watch, hot.round(3), t_s=4000.0)
    assert "string1/module1/sensor5" in {place for _, _, place in raised(events, "thermal-slope")}


def test_a_sensor_that_jumps_or_sticks_or_opens_is_never_called_hot() -> None:
    frames = healthy(6000, 0, 8)
    frames[1000:, 0] += 4.0  # comes loose and is pressed on again
    frames[2000:2400, 1] = 25.0
    frames[3000:, 2] = -40.0
    frames[3000:, 3] = 511.0
    frames[4000:4100, 4] = 255.0
    assert not raised(feed(watch_of(0, 8), frames.round(1)), *FAULTS)


def test_time_that_stands_still_or_goes_back_or_leaps_does_no_harm() -> None:
    watch, frame = watch_of(4, 4), healthy(1, 4, 4)[0]
    quality = np.zeros(8, np.uint8)
    for t_s in (0.0, 1.0, 1.0, 2.0, 0.5, -1e9, 1e9, np.nan, 1e9 + 1, 2e9, np.inf, 2e9 + 1):
        assert not [e for e in watch.judge(t_s, frame, quality) if e.detector in FAULTS]


@pytest.mark.parametrize(("cells", "sensors"), [(1, 1), (1, 0), (0, 1), (0, 0), (2, 2)])
def test_the_smallest_units_are_watched_without_siblings(cells: int, sensors: int) -> None:
    frames = healthy(1200, cells, sensors)
    if sensors:
        frames[600:, -1] += 8.0 * np.arange(600) / 60.0
    events = feed(watch_of(cells, sensors), frames.round(3))
    assert bool(raised(events, "thermal-rate", "thermal-rest")) == bool(sensors)
    assert {place for _, _, place in raised(events)} <= {f"string1/module1/sensor{sensors}"}


def test_runaway_trips_on_raw_values_alone() -> None:
    frames = healthy(40, 4, 4)
    frames[20:, 6] += 4.0 * np.arange(20)
    events = feed(watch_of(4, 4), frames)
    assert ("last-resort", "critical", "string1/module1/sensor3") in raised(events)


@pytest.mark.parametrize(("before_degc", "after_s"), [(25.0, 50.0), (70.0, 10.0)])
def test_runaway_between_two_slow_polls_trips_where_the_cell_is_lost_with_it(
    before_degc: float, after_s: float
) -> None:
    frames = healthy(40, 4, 4)
    frames[20, 6] = before_degc
    frames[21:, 6] = [420.0, 510.0, 480.0, 455.0, 470.0, *[470.0] * 14]
    frames[21:, 2] = 0.0
    events = feed(watch_of(4, 4, period_s=10.0), frames, dt_s=10.0)
    found = [e.t_s for e in events if e.detector == "last-resort"]
    assert found[0] == 200.0 + after_s
    frames[21:, 6] = 471.0  # the code of an open sensor
    frames[20, 6] = 25.0
    assert not raised(feed(watch_of(4, 4, period_s=10.0), frames, dt_s=10.0), "last-resort")


def test_who_gets_nothing_says_blind_and_says_when_sight_is_back() -> None:
    watch, frames = watch_of(4, 4), healthy(400, 4, 4)
    frames[100:250] = np.nan
    events = [e for e in feed(watch, frames) if e.detector == "blind"]
    assert {(e.state, e.location) for e in events} == {
        ("NEW", "string1/module1"),
        ("CLEARED-NEW", "string1/module1"),
    }
    assert 60 <= events[0].t_s - 100 <= 80


def test_cells_and_sensors_of_one_number_are_not_taken_for_each_other_when_blind() -> None:
    watch, frames = watch_of(16, 4), healthy(800, 16, 4)
    frames[100:, [0, 9]] = np.nan  # the sensors have no tenth
    frames[250:400, 16:19] = np.nan  # sensor 1 comes back, and cell 1 does not
    events = [e for e in feed(watch, frames) if e.detector == "blind"]
    assert [(e.severity, e.state) for e in events] == [("advice", "NEW"), ("warning", "NEW")]
    assert "3 channels" in events[1].text
    assert watch.active()


def test_no_alarm_carries_what_is_not_a_number() -> None:
    rng = np.random.default_rng(5)
    frames = healthy(3000, 6, 6)
    frames[rng.random(frames.shape) < 0.05] = np.nan
    frames += rng.standard_cauchy(frames.shape) * 0.01
    for event in feed(watch_of(6, 6), frames):
        assert np.isfinite([event.value, event.limit, event.since_s, event.beyond_noise, event.t_s]).all()


def test_it_listens_to_what_a_detector_of_the_battery_judges_aloud() -> None:
    def listens(*quantities: str, **settings: Any) -> list[str]:
        watch = UnitDetectors(
            [""] * len(quantities), quantities, np.ones(len(quantities)), 1.0, Settings(**settings)
        )
        return [quantities[i] for i in watch.listens()]

    every = ("voltage", "current", "cell_voltage", "cell_temperature", "soc", "heartbeat")
    assert listens(*every) == ["cell_voltage", "cell_temperature"]
    assert listens(*every, max_charge_a=50.0) == ["current", "cell_voltage", "cell_temperature"]
    quiet = frozenset(d.name for d in DETECTORS if any(j.channels == "volts" for j in d.judged)) - {"blind"}
    assert listens(*every, shadow=quiet) == ["cell_temperature"]
    assert listens(*every, shadow=frozenset(JUDGING) - {"blind", "sensor-fault"}) == []
    assert listens("voltage", "soc") == []
