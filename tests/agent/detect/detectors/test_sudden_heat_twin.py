"""The doubt about sensors that jump to a heat, against its slow twin: from any state, frame by frame."""

import math

import numpy as np
import pytest

from agent.detect.kernels import doubt as kernel
from agent.detect.kernels.doubt import judge_doubt, new_doubt
from agent.detect.kernels.inputs import FAULTY, SUSPECT, new_inputs
from agent.detect.kernels.validity import GOOD, HELD, IMPOSSIBLE, NOT_GOOD, RESTART, RESUMED
from agent.detect.kernels.voltage_drop import DROPS
from tests.agent.detect.banks import bank_of, inputs_of
from tests.agent.detect.naive.doubt import CellReading, Place, Reading, Sensor

HOT_DEGC = 60.0
GROUP, CELL_GROUP = [0, 1, 0, 0, 1], [0, 0, 1, 0, 0, 0]  # of sensors, and of cells: string by string
NAMES = ("not", "alone", "witnessed", "told")
READ = [24.0, 25.0, 26.0, 28.0, 58.0, 59.9, 60.0, 61.0, 64.0, 88.0, 199.0, 215.0, 255.0, 300.0, 471.0, 511.0]
READ += [1099.0, 1100.0, 3276.7, 3236.7, 6553.5, math.nan]
SAID = [GOOD, GOOD, GOOD, HELD, RESTART, RESUMED, NOT_GOOD]


@pytest.mark.parametrize("step", [0.1, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_from_any_state_sensors_are_doubted_as_the_twin_doubts_them(seed: int, step: float) -> None:
    rng, seen = np.random.default_rng(seed), dict.fromkeys(("sudden", "unproven", "faulty", "hot"), 0)
    for _ in range(60):
        temps, volts = inputs_of(GROUP, step=step), new_inputs(bank_of(CELL_GROUP), np.zeros(6, np.int64))
        drops = DROPS.new(given={"group": np.array(CELL_GROUP)}, cells=6, groups=2)
        doubt = new_doubt(5, 6)
        places = [
            Place(step, [Sensor() for of in GROUP if of == g], [math.nan] * CELL_GROUP.count(g))
            for g in (0, 1)
        ]
        quiet = rng.random() < 0.5
        for _frame in range(12):
            dt_s = float(rng.choice([1.0, 10.0, 30.0, 31.0, 3000.0]))
            verdict = rng.choice(SAID, 5, p=None if not quiet else [0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05])
            raw = rng.choice(READ if not quiet else READ[:10], 5) + rng.choice([0.0, 0.01, 0.04], 5)
            if rng.random() < 0.3:  # all of them alike
                raw[:] = rng.choice([24.0, 25.0]) * rng.choice([1.0, 2.5, 10.0]) + rng.choice([0.0, 0.3], 5)
            verdict[raw >= 200.0] = IMPOSSIBLE
            temps.raw[:] = np.where(verdict == NOT_GOOD, np.nan, raw)
            temps.value[:] = np.where(np.isin(verdict, (HELD, IMPOSSIBLE, NOT_GOOD)), np.nan, raw)
            temps.median[:] = rng.choice([24.0, 50.0, np.nan], 5)
            temps.memory[:, SUSPECT] = rng.choice([0.0, 0.0, 5.0], 5)
            temps.score[:, FAULTY] = rng.choice([0.0, 0.0, 1.0], 5)
            volts.raw[:] = rng.choice([3.3, 3.3, 3.3, 3.1, 3.05, 3.04, 0.7, np.nan], 6)
            volts.usable[:] = ~np.isnan(volts.raw) & (rng.random(6) < 0.9)
            volts.median[:] = rng.choice([3.3, 3.25, np.nan], 6)
            volts.age_s[:] = np.where(np.isnan(volts.raw), rng.choice([1.0, 60.0, 61.0, np.inf], 6), 0.0)
            before = temps.memory[:, SUSPECT].copy()
            faulty = temps.score[:, FAULTY].copy()
            judge_doubt(dt_s, HOT_DEGC, verdict.astype(np.uint8), temps, volts, drops, doubt)
            for g, place in enumerate(places):
                of = [c for c in range(5) if GROUP[c] == g]
                cells = [e for e in range(6) if CELL_GROUP[e] == g]
                verdicts = place.take(
                    dt_s,
                    HOT_DEGC,
                    [
                        Reading(
                            raw=float(temps.raw[c]),
                            value=float(temps.value[c]),
                            said=int(verdict[c]),
                            median=float(temps.median[c]),
                            suspect=before[c] > 0.0,
                            faulty=faulty[c] > 0.0,
                        )
                        for c in of
                    ],
                    [
                        CellReading(
                            float(volts.raw[e]), bool(volts.usable[e]), float(volts.median[e]),
                            float(volts.age_s[e]),
                        )
                        for e in cells
                    ],
                )  # fmt: skip
                np.testing.assert_allclose(doubt.usual_v[cells], place.usual_v, rtol=1e-9)
                for c, sensor, said in zip(of, place.sensors, verdicts, strict=True):
                    assert doubt.score[c].tolist() == [said.sudden, said.unproven, said.faulty]
                    assert (not np.isnan(doubt.heard[c])) == said.heard
                    np.testing.assert_equal(float(doubt.hot[c]), said.hot)
                    assert (temps.memory[c, SUSPECT] > 0.0) == said.suspect
                    state = doubt.state[c]
                    assert NAMES[int(state[kernel.DOUBTED])] == sensor.doubted
                    kept = (sensor.jumps, sensor.chatters_s, sensor.worst, sensor.worst_age_s, sensor.usual)
                    np.testing.assert_allclose(state[kernel.JUMPS :], kept, rtol=1e-9)
                    if sensor.doubted != "not":
                        doubted = (sensor.before, sensor.back_at, sensor.doubted_s)
                        np.testing.assert_allclose(
                            state[[kernel.BEFORE, kernel.BACK_AT, kernel.DOUBTED_S]], doubted, rtol=1e-9
                        )
                    for name in seen:
                        seen[name] += float(getattr(said, name)) > 0.0
    assert min(seen.values()) > 20, seen
