"""Resistances against their slow twin: from any state, and step by step."""

import math
from dataclasses import astuple

import numpy as np
import pytest

from agent.detect.channels import Floats
from agent.detect.detectors import resistance
from agent.detect.kernels import load as loads
from agent.detect.kernels.inputs import Inputs
from tests.agent.detect.banks import inputs_of
from tests.agent.detect.naive.resistance import Cell, Circuit, Load, Unit
from tests.agent.detect.naive.rows import read_row, write_row

GROUP, CIRCUIT_OF = [0, 1, 0, 0, 1, 1, 0, 0, 0], [0, 1, 0, 0, 1, 1, 0, 0, 1]
GROUPS = [[c for c, of in enumerate(GROUP) if of == g] for g in (0, 1)]
N, CIRCUITS = len(GROUP), 2


def new_unit() -> tuple[Inputs, loads.Circuits, resistance.Resistances]:
    bank = inputs_of(GROUP)._replace(circuit=np.array(CIRCUIT_OF))
    load = loads.new_load(np.arange(CIRCUITS), np.full(CIRCUITS, -1), -1)
    rest, ohm, median = np.full((3, N), np.nan)
    return bank, load, resistance.new_resistances(CIRCUITS, rest, ohm, median)


def twin_of(found: resistance.Resistances) -> Unit:
    circuits = [read_row(Circuit, resistance, row) for row in found.circuit]
    return Unit(circuits, [read_row(Cell, resistance, row) for row in found.cell], GROUPS, CIRCUIT_OF)


def assert_same(found: resistance.Resistances, twin: Unit) -> None:
    circuit, cell = found.circuit.copy(), found.cell.copy()
    for row, of in zip([*circuit, *cell], [*twin.circuits, *twin.cells], strict=True):
        write_row(of, resistance, row)
    np.testing.assert_allclose(found.circuit, circuit, rtol=1e-9)
    np.testing.assert_allclose(found.cell, cell, rtol=1e-7, atol=1e-15)


def take(dt_s: float, volts: Floats, now: list[Load], unit: tuple, twin: Unit) -> None:  # type: ignore[type-arg]
    bank, load, found = unit
    bank.value[:] = volts
    for j, one in enumerate(now):
        write_row(one, loads, load.state[j])
    resistance.judge_resistance(dt_s, bank, load, found)
    twin.take(dt_s, volts.tolist(), now)


def any_of(rng: np.random.Generator, n: int, weights: dict[float, int]) -> Floats:
    """Return values drawn by their weights."""
    return rng.choice(list(weights), n, p=np.array(list(weights.values())) / sum(weights.values()))


@pytest.mark.filterwarnings("ignore:invalid value")  # plain Python's word on 0 / 0, which IEEE 754 calls NaN
def test_from_any_state_a_step_of_the_load_teaches_and_is_judged_as_the_twin_says() -> None:
    rng, scores = np.random.default_rng(1), []
    for _ in range(250):
        unit = new_unit()
        found = unit[2]
        found.circuit[:, resistance.BEFORE] = any_of(rng, CIRCUITS, {np.nan: 1, 0.0: 5, 10.0: 3, 20.0: 1})
        steps = any_of(rng, CIRCUITS, {0.0: 1, 28.0: 1, 29.0: 4, 30.0: 4, 300.0: 4})
        squares = np.where(steps > 0.0, 3e4, 0.0)
        found.circuit[:, resistance.STEPS], found.circuit[:, resistance.SQUARES] = steps, squares
        found.circuit[:, resistance.WAITED] = any_of(rng, CIRCUITS, {0.0: 1, 8.0: 1, 9.0: 9, 10.0: 1})
        ohm = 1e-3 * any_of(rng, N, {1.0: 5, 1.01: 3, 0.98: 3, 1.1: 1, 1.5: 2, 3.0: 2, 0.0: 1, -1.0: 1})
        found.cell[:, resistance.CROSS] = ohm * squares[CIRCUIT_OF]
        found.cell[:, resistance.OHM] = np.where(rng.random(N) < 0.1, np.nan, ohm)
        error = 1e-3 * any_of(rng, N, {0.0: 1, 0.015: 1, 0.08: 1, 0.3: 1})
        found.cell[:, resistance.RESIDUAL] = (error * squares[CIRCUIT_OF]) ** 2
        found.cell[:, resistance.VOLT] = any_of(rng, N, {np.nan: 1, 3.3: 9})
        found.cell[:, resistance.SCORE] = 9.0
        twin = twin_of(found)
        volts = any_of(rng, N, {np.nan: 1, 3.3: 4, 3.31: 4})
        amps = any_of(rng, CIRCUITS, {np.nan: 1, 0.0: 4, 10.0: 5, -10.0: 4, 20.0: 4})
        kinds = rng.choice([[0.1, 50.0], [0.1, 100.0], [0.1, 200.0], [1.6, 50.0], [2.0, 50.0]], CIRCUITS)
        now = [Load(float(a), *of.tolist()) for a, of in zip(amps, kinds, strict=True)]
        take(float(rng.choice([1.0, 30.0, 31.0])), volts, now, unit, twin)
        assert_same(found, twin)
        scores += found.cell[:, resistance.SCORE].tolist()
    assert {0.0, 9.0} < set(scores)  # judged, and not judged
    assert sum(score not in (0.0, 9.0) for score in scores) > 20


def test_step_by_step_a_unit_is_judged_as_the_twin_judges_it() -> None:
    rng, unit = np.random.default_rng(2), new_unit()
    twin = twin_of(unit[2])
    ohm = 1e-3 * np.array([1.0, 1.1, 1.0, 1.0, 0.9, 1.0, 3.0, 1.05, 0.95])
    for _ in range(150):
        now = [Load(float(amps), 0.1, 100.0) for amps in rng.choice([0.0, 20.0, -50.0], CIRCUITS)]
        volts = 3.3 + ohm * [now[j].now for j in CIRCUIT_OF] + rng.normal(0.0, 1e-4, N)
        volts[rng.random(N) < 0.05] = np.nan
        take(5.0, volts, now, unit, twin)
        assert_same(unit[2], twin)
    score = unit[2].cell[:, resistance.SCORE]
    assert score[6] == pytest.approx(3.0, rel=0.05)
    assert np.delete(score, 6).max() < 1.1


def test_nothing_is_known_of_new_cells() -> None:
    found = new_unit()[2]
    assert (found.circuit.shape, found.cell.shape) == ((CIRCUITS, 4), (N, 6))
    twin = twin_of(found)
    nothing = (math.nan, 0.0, 0.0, math.nan, 0.0, 0.0)
    np.testing.assert_equal([astuple(cell) for cell in twin.cells], [nothing] * N)
    np.testing.assert_equal([astuple(one) for one in twin.circuits], [(math.nan, 0.0, 0.0, 0.0)] * CIRCUITS)
