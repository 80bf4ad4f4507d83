"""The doubt about sensors that jump to a heat, against its slow twin: from any state, frame by frame."""

import math

import numpy as np
import pytest

from agent.detect.kernels import doubt as kernel
from agent.detect.kernels.doubt import doubted_before, judge_doubt, new_doubt
from agent.detect.kernels.heating import AGAINST, ALONE, new_heat
from agent.detect.kernels.inputs import BLIND, FAULTY, SUSPECT, new_inputs
from agent.detect.kernels.measured import BEYOND, MEASURED, TOGETHER, ZEROS
from agent.detect.kernels.measured import NOT_READ as NOT
from agent.detect.kernels.validity import GOOD, HELD, IMPOSSIBLE, NOT_GOOD, RESTART, RESUMED
from agent.detect.kernels.voltage_drop import DROPS
from tests.agent.detect.banks import bank_of, inputs_of
from tests.agent.detect.naive.doubt import CellReading, Place, Reading, Sensor
from tests.breadth import sampled

HOT_DEGC = 60.0
GROUP, CELL_GROUP = [0, 1, 0, 0, 1], [0, 0, 1, 0, 0, 0]  # of sensors, and of cells: string by string
WITNESSES = ("nobody", "sensor", "cell fell", "cell gone", "insulation", "unit")
OHM = 11  # where the insulation is in the frame
NAMES = ("not", "alone", "witnessed", "told")
READ = [24.0, 25.0, 26.0, 28.0, 58.0, 59.9, 60.0, 61.0, 64.0, 88.0, 199.0, 215.0, 255.0, 300.0]
READ += [310.0, 600.0, 1099.0]
SAID = [GOOD, GOOD, GOOD, HELD, RESTART, RESUMED, NOT_GOOD]


def stood(doubt: kernel.Doubt, places: list[Place], c: int, doubted: str) -> None:
    """Let an alarm of a sensor have stood before a restart."""
    doubted_before(doubt, c, NAMES.index(doubted))
    sensor = places[GROUP[c]].sensors[[d for d in range(5) if GROUP[d] == GROUP[c]].index(c)]
    if NAMES.index(sensor.doubted) < NAMES.index(doubted):
        sensor.doubted, sensor.before, sensor.back_at = doubted, math.nan, math.nan
    if doubted == "alone":
        sensor.doubted_s = max(sensor.doubted_s, 30.0)
        sensor.unproven = True


@pytest.mark.parametrize("step", [0.1, 1.0])
@pytest.mark.parametrize("seed", range(sampled(2, 4)))
def test_from_any_state_sensors_are_doubted_as_the_twin_doubts_them(seed: int, step: float) -> None:
    rng, seen = (
        np.random.default_rng(seed),
        dict.fromkeys(("sudden", "unproven", "gone", "faulty", "hot", "restarts"), 0),
    )
    named: set[str] = set()
    for _ in range(60):
        temps, volts = (
            inputs_of(GROUP, step=step),
            new_inputs(bank_of(CELL_GROUP, at=range(5, 11)), np.zeros(6, np.int64)),
        )
        drops = DROPS.new(given={"group": np.array(CELL_GROUP)}, cells=6, groups=2)
        doubt, heat = new_doubt(5, 6, OHM), new_heat(5, 6)
        places = [
            Place(step, [Sensor() for of in GROUP if of == g], [math.nan] * CELL_GROUP.count(g))
            for g in (0, 1)
        ]
        quiet, cut = rng.random() < 0.5, np.zeros(5, bool)
        for _frame in range(12):
            if rng.random() < 0.1:
                stood(doubt, places, int(rng.integers(5)), str(rng.choice(["alone", "told"])))
            dt_s = float(rng.choice([1.0, 10.0, 30.0, 31.0, 3000.0]))
            verdict = rng.choice(SAID, 5, p=None if not quiet else [0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05])
            raw = rng.choice(READ if not quiet else READ[:10], 5) + rng.choice([0.0, 0.01, 0.04], 5)
            if rng.random() < 0.3:  # all of them alike
                raw[:] = rng.choice([24.0, 25.0]) * rng.choice([1.0, 2.5, 10.0]) + rng.choice([0.0, 0.3], 5)
            verdict[cut] = NOT_GOOD
            cut = np.where(cut, rng.random(5) < 0.7, (raw >= HOT_DEGC) & (rng.random(5) < 0.2))
            verdict[(raw >= 200.0) & (verdict != NOT_GOOD)] = IMPOSSIBLE
            why = rng.choice([MEASURED, TOGETHER, BEYOND], 12, p=[0.9, 0.05, 0.05]).astype(np.uint8)
            why[:5][verdict == NOT_GOOD] = NOT
            si = np.full(12, np.nan)
            si[:5] = np.where(verdict == NOT_GOOD, np.nan, raw)
            si[OHM] = rng.choice([1e6, 1e6, 1e6, 2.4e5, 0.0])
            doubt.said_s[0] = rng.choice([np.inf, np.inf, np.inf, 60.0, 60.1])
            temps.value[:] = np.where(np.isin(verdict, (HELD, IMPOSSIBLE, NOT_GOOD)), np.nan, raw)
            temps.median[:] = rng.choice([24.0, 50.0, np.nan], 5)
            temps.memory[:, SUSPECT] = rng.choice([0.0, 0.0, 5.0], 5)
            temps.score[:, FAULTY] = rng.choice([0.0, 0.0, 1.0], 5)
            volts.raw[:] = rng.choice([3.3, 3.3, 3.3, 3.1, 3.05, 3.04, 2.76, 2.74, 0.7, np.nan], 6)
            why[5:11][np.isnan(volts.raw)] = NOT
            volts.usable[:] = ~np.isnan(volts.raw) & (rng.random(6) < 0.9)
            volts.median[:] = rng.choice([3.3, 3.25, np.nan], 6)
            volts.age_s[:] = np.where(np.isnan(volts.raw), rng.choice([1.0, 60.0, 61.0, np.inf], 6), 0.0)
            heat.verdict[:] = rng.choice([-1.0, 0.0, 0.09, 0.1], heat.verdict.shape, p=[0.3, 0.5, 0.1, 0.1])
            temps.score[:, BLIND] = rng.choice([0.0, 1.0, 2.0, np.nan], 5)
            temps.restart[:] = 0
            blind = temps.score[:, BLIND].copy()
            before = temps.memory[:, SUSPECT].copy()
            faulty = temps.score[:, FAULTY].copy()
            judge_doubt(dt_s, HOT_DEGC, si, verdict.astype(np.uint8), why, temps, volts, drops, heat, doubt)
            for g, place in enumerate(places):
                of = [c for c in range(5) if GROUP[c] == g]
                cells = [e for e in range(6) if CELL_GROUP[e] == g]
                verdicts = place.take(
                    dt_s,
                    HOT_DEGC,
                    [
                        Reading(
                            number=c,
                            raw=float(si[c]) if why[c] in (MEASURED, TOGETHER) else math.nan,
                            measured=why[c] == MEASURED,
                            value=float(temps.value[c]),
                            said=int(verdict[c]),
                            median=float(temps.median[c]),
                            suspect=before[c] > 0.0,
                            faulty=faulty[c] > 0.0,
                            slopes=(float(heat.verdict[c, AGAINST]), float(heat.verdict[c, ALONE])),
                        )
                        for c in of
                    ],
                    [
                        CellReading(
                            e, why[5 + e] == MEASURED, float(volts.raw[e]), bool(volts.usable[e]),
                            float(volts.median[e]), float(volts.age_s[e]), why[5 + e] in (ZEROS, TOGETHER),
                        )
                        for e in cells
                    ],
                    float(si[OHM]) if why[OHM] == MEASURED else math.nan,
                    float(doubt.said_s[0]),
                )  # fmt: skip
                np.testing.assert_allclose(doubt.usual_v[cells], place.usual_v, rtol=1e-9)
                for c, sensor, said in zip(of, place.sensors, verdicts, strict=True):
                    found = doubt.score[c, : kernel.STANDS_S].tolist()
                    assert found == [said.sudden, said.unproven, said.gone, said.faulty]
                    assert bool(temps.restart[c]) == said.restarts
                    quiet_of_it = 0.0 if said.told and blind[c] > 0.0 else blind[c]
                    np.testing.assert_equal(float(temps.score[c, BLIND]), quiet_of_it)
                    assert (not np.isnan(doubt.heard[c])) == said.heard
                    np.testing.assert_equal(float(doubt.hot[c]), said.hot)
                    assert (temps.memory[c, SUSPECT] > 0.0) == said.suspect
                    state = doubt.state[c]
                    assert NAMES[int(state[kernel.DOUBTED])] == sensor.doubted
                    kept = (sensor.jumps, sensor.chatters_s, sensor.worst, sensor.worst_age_s, sensor.usual)
                    np.testing.assert_allclose(state[kernel.JUMPS : kernel.WITNESS], kept, rtol=1e-9)
                    witness = WITNESSES.index(sensor.witness[0]), *sensor.witness[1:]
                    np.testing.assert_allclose(state[kernel.WITNESS : kernel.READ], witness, rtol=1e-9)
                    assert state[kernel.BROKE_S] == pytest.approx(sensor.broke_s)
                    named.add(sensor.witness[0])
                    if sensor.doubted != "not":
                        doubted = (sensor.before, sensor.back_at, sensor.doubted_s)
                        np.testing.assert_allclose(
                            state[[kernel.BEFORE, kernel.BACK_AT, kernel.DOUBTED_S]], doubted, rtol=1e-9
                        )
                    for name in seen:
                        seen[name] += float(getattr(said, name)) > 0.0
    assert min(seen.values()) > 20, seen
    assert named == set(WITNESSES)
