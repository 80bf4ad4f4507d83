"""What thermal-onset says of whole frames, at each period: fires that slow polling leaves few frames of."""

import numpy as np
import pytest

from tests.agent.detect.racks import Floats, feed, healthy, raised, watch_of

CELLS, SENSORS, CELL, SENSOR = 8, 6, 2, 3
WHERE = f"string1/module1/sensor{SENSOR + 1}"
QUIET_S, AFTER_S = 900.0, 300.0
NAME = "thermal-onset"
PERIODS_S = [1.0, 5.0, 10.0, 30.0]


def quiet(period_s: float) -> tuple[Floats, int]:
    """Return frames of a unit at rest, and the first that a test may change."""
    at = int(QUIET_S / period_s)
    return healthy(at + int(AFTER_S / period_s), CELLS, SENSORS), at


def told(frames: Floats, period_s: float) -> list[tuple[float, str]]:
    """Return when it spoke, s after the change, and of which sensor."""
    events = feed(watch_of(CELLS, SENSORS, period_s), frames, dt_s=period_s)
    start_s = int(QUIET_S / period_s) * period_s
    return [(e.t_s - start_s, e.location) for e in events if e.detector == NAME and e.state == "NEW"]


@pytest.mark.parametrize("period_s", PERIODS_S)
def test_a_sensor_that_steps_and_then_climbs_is_told_within_half_a_minute_or_a_frame(period_s: float) -> None:
    frames, at = quiet(period_s)
    climb = 1.9 + 3.0 / 60.0 * period_s * np.arange(len(frames) - at)
    frames[at:, CELLS + SENSOR] = np.round(frames[at:, CELLS + SENSOR] + climb, 1)
    ((after_s, where),) = told(frames, period_s)
    assert where == WHERE
    assert 0.0 < after_s <= max(30.0, period_s)


@pytest.mark.parametrize("period_s", PERIODS_S)
@pytest.mark.parametrize("step_k", [2.0, 4.0, 15.0, -20.0])
def test_a_sensor_that_steps_and_stays_is_not_told(step_k: float, period_s: float) -> None:
    frames, at = quiet(period_s)
    frames[at:, CELLS + SENSOR] += step_k
    assert not told(frames, period_s)


@pytest.mark.parametrize("period_s", PERIODS_S)
def test_a_rise_beside_a_cell_that_falls_is_told_in_its_frame(period_s: float) -> None:
    frames, at = quiet(period_s)
    frames[at:, CELLS + SENSOR] += max(2.0, 0.15 * period_s)
    frames[at:, CELL] -= 0.15
    ((after_s, where),) = told(frames, period_s)
    assert (after_s, where) == (0.0, WHERE)


@pytest.mark.parametrize("period_s", PERIODS_S)
@pytest.mark.parametrize("together", ["load", "room"])
def test_what_heats_all_sensors_is_not_told(together: str, period_s: float) -> None:
    frames, at = quiet(period_s)
    climb = 3.0 / 60.0 * period_s * np.arange(len(frames) - at)
    frames[at:, CELLS:] = np.round(frames[at:, CELLS:] + climb[:, None], 1)
    if together == "load":
        frames[at:, :CELLS] -= 0.2
    assert not told(frames, period_s)


def test_one_sensor_alone_under_a_load_that_nobody_measures_is_not_told() -> None:
    frames = healthy(120, 1, 1)
    frames[90:, 1] = np.round(frames[90:, 1] + 2.2 / 6.0 * np.arange(30), 1)  # an 18650 at 2C
    frames[90:, 0] -= 0.3
    events = feed(watch_of(1, 1, 10.0), frames, dt_s=10.0)
    assert NAME not in {detector for detector, _, _ in raised(events)}
