"""How long a start takes until everything is learned: said from the first frame on, and kept."""

import numpy as np
import pytest

from agent.detect.kernels import imbalance, slope, wander
from agent.detect.learning import Coverage, Learning
from agent.detect.watch import UnitDetectors

PERIOD_S = 60.0
PLACES = ["cell1", "cell2", "cell3", "cell4", "sensor1", "sensor2", "sensor3", ""]
QUANTITIES = ["cell_voltage"] * 4 + ["cell_temperature"] * 3 + ["current"]
SENSORS_S = (slope.LEARN_AFTER + slope.LEARNT_WINDOWS) * slope.SCALES_S[slope.LEARNT_SCALE]
HOUR_S, LESSON_S = 3600.0, slope.LEARN_EVERY * slope.SCALES_S[slope.LEARNT_SCALE]


def test_what_is_left_is_said_from_the_first_frame_on_and_comes_true() -> None:
    watch, draw = UnitDetectors(PLACES, QUANTITIES, np.full(8, 0.001), PERIOD_S), np.random.default_rng(3)
    learnt_s: dict[str, float] = {}
    for n in range(int(SENSORS_S / PERIOD_S) + 30):
        t_s = n * PERIOD_S
        values = np.array([3.3] * 4 + [25.0] * 3 + [0.0]) + draw.normal(0.0, 0.002, 8)
        watch.judge(t_s, values, np.zeros(8, np.uint8))
        for kind, said in watch.learning().items():
            if not said.left_s:
                learnt_s.setdefault(kind, t_s)
            elif kind == "temperature":
                assert t_s + said.left_s == pytest.approx(SENSORS_S, abs=LESSON_S + PERIOD_S)
            else:
                assert t_s + said.left_s == pytest.approx(HOUR_S, abs=2 * PERIOD_S)
    assert learnt_s["temperature"] == pytest.approx(SENSORS_S, abs=LESSON_S + PERIOD_S)
    assert learnt_s["voltage"] == pytest.approx(HOUR_S, abs=2 * PERIOD_S)
    assert watch.coverage() == Coverage(judged=7)


def test_each_value_of_a_frame_has_its_own_time_and_what_is_not_learned_has_none() -> None:
    watch = UnitDetectors(PLACES, QUANTITIES, np.full(8, 0.001), PERIOD_S)
    watch._banks.cells.state[:, imbalance.AGE] = [0.0, 600.0, 3600.0, 1e9]
    windows = watch._banks.temperature.learned[:, slope.LEARNT_SCALE, wander.WINDOWS]
    watch._banks.temperature.age_s[:] = 1e6
    windows[:] = [slope.LEARNT_WINDOWS, slope.LEARNT_WINDOWS - 1.0, 1e6]
    tau_s = slope.SCALES_S[slope.LEARNT_SCALE]
    np.testing.assert_allclose(watch.left_s(), [3600.0, 3000.0, 0.0, 0.0, 0.0, tau_s, 0.0, np.nan])


def test_what_is_not_seen_does_not_learn() -> None:
    watch = UnitDetectors(PLACES, QUANTITIES, np.full(8, 0.001), PERIOD_S)
    assert watch.learning() == {
        "temperature": Learning(Coverage(no_sensor=3)),
        "voltage": Learning(Coverage(no_sensor=4)),
    }
    watch.judge(0.0, np.array([3.3, 3.3, 3.3, np.nan, np.nan, 25.0, 25.0, 0.0]), np.zeros(8, np.uint8))
    said = watch.learning()
    assert said["voltage"].coverage == Coverage(learning=3, no_sensor=1)
    assert said["temperature"].as_json() == {
        "judged": 0,
        "learning": 2,
        "blind": 0,
        "no_sensor": 1,
        "left_s": round(SENSORS_S),
    }
