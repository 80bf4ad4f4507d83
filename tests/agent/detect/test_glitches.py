"""A bad frame, a BMU that restarts, a loose contact: no fault, and no deafness to a real one after it."""

from collections.abc import Callable

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from tests.agent.detect.racks import Floats, feed, healthy, raised, watch_of

CELLS = SENSORS = 8
CELL, SENSOR = 2, CELLS + 3
AT_S = 3600
LOUD = ("critical", "warning")


def glitch(value: int | slice, lasts_s: int, spoil: Callable[[Floats], Floats]) -> Floats:
    """Return an hour and a half at 1 Hz, of which `lasts_s` seconds of a value, or of all, are spoilt."""
    frames = healthy(AT_S + 1800, CELLS, SENSORS)
    spoilt = slice(AT_S, AT_S + lasts_s)
    frames[spoilt, value] = spoil(frames[spoilt, value])
    return frames


def heard(frames: Floats) -> list[AlarmEvent]:
    events = feed(watch_of(CELLS, SENSORS), frames)
    return [e for e in events if e.state == "NEW" and e.severity in LOUD and e.detector != "blind"]


@pytest.mark.parametrize("volts", [0.3, -0.3, -2.0])
@pytest.mark.parametrize("at_s", [0, 30, 600, AT_S])
@pytest.mark.parametrize("lasts_s", [1, 3])
def test_a_cell_that_is_wrong_for_a_frame_or_three_has_not_left_its_siblings(
    volts: float, at_s: int, lasts_s: int
) -> None:
    frames = healthy(AT_S + 600, CELLS)
    frames[at_s : at_s + lasts_s, CELL] += volts
    assert not raised(feed(watch_of(CELLS), frames))


def test_glitches_of_many_days_do_not_add_up_to_a_drift() -> None:
    frames = healthy(3 * 8640, CELLS)
    frames[::500, CELL] -= 2.0
    assert not raised(feed(watch_of(CELLS, period_s=10.0), frames, dt_s=10.0))


@pytest.mark.parametrize("volts", [0.02, 0.3])
def test_a_cell_that_stays_away_is_heard_within_half_a_minute(volts: float) -> None:
    frames = healthy(AT_S + 60, CELLS)
    frames[AT_S:, CELL] -= volts
    (event,) = [e for e in feed(watch_of(CELLS), frames) if e.state == "NEW"]
    assert (event.detector, event.location) == ("cell-imbalance", "string1/module1/cell3")
    assert event.t_s - AT_S < 30


@pytest.mark.parametrize("lasts_s", [1, 3, 30, 200])
def test_a_unit_that_says_zeros_for_a_while_has_not_run_away(lasts_s: int) -> None:
    for seed in range(4):  # whether a last reading is above the one before is chance
        frames = healthy(AT_S + 300, CELLS, SENSORS, seed=seed)
        frames[AT_S : AT_S + lasts_s] = 0.0
        assert not [e for e in feed(watch_of(CELLS, SENSORS), frames) if e.severity == "critical"]


@pytest.mark.parametrize("value", [SENSOR, slice(0, CELLS + SENSORS)])
@pytest.mark.parametrize("tau_s", [2.0, 5.0, 20.0])
def test_a_mean_that_climbs_from_zero_to_where_it_was_is_no_heating(value: int | slice, tau_s: float) -> None:
    def averaged(values: Floats) -> Floats:
        climb = 1.0 - np.exp(-np.maximum(np.arange(len(values)) - 4, 0) / tau_s)
        return (values.T * climb).T.round(3)

    assert not heard(glitch(value, 300, averaged))


def test_a_sensor_that_jumps_to_a_heat_alone_has_not_run_away_and_is_told_as_unproven() -> None:
    for seed in range(6):
        frames = healthy(AT_S + 300, CELLS, SENSORS, seed=seed)
        frames[AT_S:, SENSOR] += 60.0
        events = feed(watch_of(CELLS, SENSORS), frames)
        (alone,) = [e for e in events if e.severity == "critical"]
        assert (alone.detector, alone.t_s) == ("unproven-heat", AT_S + 30.0)
        assert alone.location == "string1/module1/sensor4"


@pytest.mark.parametrize("before", ["zeros", "a jump up"])
@pytest.mark.parametrize(("k_per_min", "within_s"), [(90.0, 10), (2.0, 60)])
def test_a_cell_that_heats_right_after_a_glitch_is_heard_as_soon_as_ever(
    before: str, k_per_min: float, within_s: int
) -> None:
    frames = healthy(AT_S + 1800, CELLS, SENSORS)
    if before == "zeros":
        frames[AT_S : AT_S + 30] = 0.0
    else:
        frames[AT_S : AT_S + 30, SENSOR] = 150.0
    begins = AT_S + 45
    rise = np.minimum(k_per_min / 60.0 * np.arange(len(frames) - begins), 500.0)
    frames[begins:, SENSOR] = (frames[begins:, SENSOR] + rise).round(1)
    critical = [e for e in feed(watch_of(CELLS, SENSORS), frames) if e.severity == "critical"]
    assert critical[0].location == "string1/module1/sensor4"
    assert critical[0].t_s - begins <= within_s
