"""What filled-values says of whole frames."""

import numpy as np
import pytest

from agent.detect.liveness import Liveness
from agent.detect.watch import UnitDetectors
from tests.agent.detect.racks import feed, filled, raised, watch_of


@pytest.mark.parametrize(("many", "within_s"), [(3, 200.0), (4, 130.0)])
def test_cells_that_are_filled_in_are_told(many: int, within_s: float) -> None:
    events = feed(watch_of(16, period_s=10.0), filled(150, 16, many, 0.001, 1, 100), dt_s=10.0)
    (event,) = [e for e in events if e.detector == "filled-values"]
    assert event.t_s - 1000.0 <= within_s
    assert event.value == many


@pytest.mark.parametrize(("many", "step"), [(0, 0.001), (4, 0.01), (0, 0.01), (8, 0.001)])
def test_nothing_is_told_of_healthy_cells_of_coarse_registers_or_of_most_of_a_string(
    many: int, step: float
) -> None:
    frames = filled(400, 16, many, step, 2)
    assert not raised(feed(watch_of(16, period_s=10.0), frames, dt_s=10.0), "filled-values")


@pytest.mark.parametrize("flat", [False, True], ids=["modules", "no modules"])
@pytest.mark.parametrize("seed", [0, 3])
def test_cells_and_sensors_that_are_filled_in_are_not_called_stuck_beside_it(seed: int, flat: bool) -> None:
    """Of four modules one is gone: a mean of the others stands still for longer than a sensor does."""
    rng, n, lost, cells, sensors = np.random.default_rng(seed), 7200, 3600, 14, 4
    where = [f"module{m + 1}/cell{c + 1}" for m in range(4) for c in range(cells)]
    where += [f"module{m + 1}/sensor{c + 1}" for m in range(4) for c in range(sensors)]
    quantities = ["cell_voltage"] * 4 * cells + ["cell_temperature"] * 4 * sensors
    steps = np.array([0.001] * 4 * cells + [0.1] * 4 * sensors)
    t_s = np.arange(n)[:, None]
    volts = 3.35 + 0.004 * rng.standard_normal(4 * cells) + 0.0015 * rng.standard_normal((n, 4 * cells))
    volts = np.round(volts + 0.0008 * np.sin(t_s / 700), 3)
    temps = 25.0 + 0.3 * rng.standard_normal(4 * sensors) + 0.06 * rng.standard_normal((n, 4 * sensors))
    temps = np.round(temps + 0.15 * np.sin(t_s / 5000), 1)
    for values, size, digits in ((volts, cells, 3), (temps, sensors, 1)):
        gone = np.arange(size, 2 * size)
        values[lost:, gone] = np.round(np.delete(values[lost:], gone, 1).mean(axis=1), digits)[:, None]
    if flat:
        where = [place.replace("/", "-") for place in where]
    watch = UnitDetectors(where, quantities, steps, 1.0)
    live, told = Liveness(where, quantities, np.full(len(where), np.inf), 1.0), []
    for i, frame in enumerate(np.concatenate([volts, temps], axis=1)):
        raw, good = np.rint(frame / steps).astype(np.int64), np.zeros(len(frame), np.uint8)
        quality, events = live.judge(float(i), raw, good, watch.explained)
        events += watch.judge(float(i), np.where(quality == 0, frame, np.nan), quality)
        told += [
            event.detector for event in events if event.severity != "advice" or "stuck" in event.detector
        ]
    assert set(told) >= {"filled-values"}
    assert "stuck-sensor" not in told


def test_only_what_is_in_the_place_of_filled_in_values_is_explained() -> None:
    where = [f"string{1 + i // 16}/cell{i % 16 + 1}" for i in range(32)] + [
        "string1/sensor1",
        "string2/sensor1",
    ]
    quantities = ["cell_voltage"] * 32 + ["cell_temperature"] * 2
    watch = UnitDetectors(where, quantities, np.array([0.001] * 32 + [0.1] * 2), 10.0)
    frames = np.concatenate(
        [filled(150, 16, 4, 0.001, 1, 100), filled(150, 16, 0, 0.001, 3), np.full((150, 2), 25.0)], axis=1
    )
    assert not len(watch.explained())
    feed(watch, frames, dt_s=10.0)
    assert watch.explained().tolist() == [*range(16), 32]
