"""Currents, regimes, features and what they explain, against their slow twin."""

import math
from dataclasses import astuple

import numpy as np
import pytest

from agent.detect.channels import Floats
from agent.detect.kernels import load as loads
from tests.agent.detect.banks import inputs_of
from tests.agent.detect.naive.load import Circuit, Model, State
from tests.agent.detect.naive.rows import read_row, write_row

#: Where currents, powers and the room are in a frame; the last circuit is not measured.
AT, AT_POWER, AT_ROOM = [0, 2, -1], [-1, 1, 3], 4
CIRCUIT_OF = [0, 2, 1, 1]


def twin_of(load: loads.Circuits, j: int) -> Circuit:
    lower = load.covariance[j].tolist()
    covariance = [[lower[max(a, b)][min(a, b)] for b in range(4)] for a in range(4)]
    state = read_row(State, loads, load.state[j])
    return Circuit(
        state, AT[j] >= 0, int(load.regime[j]), load.feature[j].tolist(), load.mean[j].tolist(), covariance
    )


def assert_same(load: loads.Circuits, circuits: list[Circuit]) -> None:
    for j, twin in enumerate(circuits):
        state = load.state[j].copy()
        write_row(twin.state, loads, state)
        np.testing.assert_allclose(load.state[j], state, rtol=1e-9)
        assert load.regime[j] == twin.regime
        np.testing.assert_allclose(load.feature[j], twin.feature, rtol=1e-9)
        np.testing.assert_allclose(load.mean[j], twin.mean, rtol=1e-9)
        np.testing.assert_allclose(load.covariance[j], np.tril(twin.covariance), rtol=1e-6, atol=1e-13)
        size = np.sqrt(np.maximum(np.diag(twin.covariance), 1e-12))
        scaled = np.array(twin.inverse()) * np.outer(size, size)
        np.testing.assert_allclose(load.inverse[j] * np.outer(size, size), scaled, rtol=1e-6, atol=1e-6)


def any_load(rng: np.random.Generator) -> loads.Circuits:
    """Return circuits of which much, or little, is known."""
    load, m = loads.new_load(np.array(AT), np.array(AT_POWER), AT_ROOM), len(AT)
    s = load.state
    s[:, loads.NOW] = rng.choice([np.nan, 0.0, 20.0, -20.0], m)
    s[:, loads.SLOW] = rng.choice([np.nan, 0.0, 0.1, 4.9, 20.0, -20.0], m)
    s[:, loads.NOISE] = rng.choice([0.0, 0.05, 0.5, 3.0], m)
    s[:, loads.LARGEST] = rng.choice([0.0, 3.0, 20.0, 100.0], m)
    s[:, loads.RESTED_S] = rng.choice([0.0, 100.0], m)
    s[:, loads.AGE_S] = rng.choice([0.0, 500.0, 604795.0, 1e6], m)
    s[:, loads.WILD] = rng.choice([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0], m)
    s[:, loads.POWER] = rng.choice([np.nan, 0.0, 1000.0], m)
    load.ambient[0] = rng.choice([np.nan, 22.0])
    load.regime[:] = rng.integers(0, 4, m)
    load.feature[:] = rng.normal(size=(m, 4)) * [100.0, 100.0, 10.0, 2.0]
    load.mean[:] = rng.normal(size=(m, 4)) * [100.0, 100.0, 10.0, 2.0]
    for j in range(m):
        seen = rng.normal(size=(6, 4)) * [100.0, 100.0, 10.0, rng.choice([2.0, 0.0])]
        load.covariance[j] = np.tril(seen.T @ seen / 6.0)
    return load


def any_frame(rng: np.random.Generator) -> Floats:
    """Return a frame: a current, a power, a current, a power, the room."""
    amps = [np.nan, 0.0, 0.21, 1.0, 4.0, -4.0, 10.0, 20.0, -20.0, 21.0, 61.0, 70.0, -61.1, 400.0]
    drawn = [*rng.choice(amps, 2), *rng.choice([np.nan, -500.0, 2000.0], 2), rng.choice([np.nan, 20.0])]
    return np.array(drawn)[[0, 2, 1, 3, 4]]


def take(dt_s: float, frame: Floats, load: loads.Circuits, circuits: list[Circuit]) -> None:
    loads.take_load(dt_s, frame, load)
    value = [*frame.tolist(), math.nan]
    for twin, at, at_power in zip(circuits, AT, AT_POWER, strict=True):
        twin.take(dt_s, value[at], value[at_power], value[AT_ROOM])


def test_from_any_state_a_frame_makes_what_the_twin_says() -> None:
    rng, regimes = np.random.default_rng(1), []
    for _ in range(200):
        load = any_load(rng)
        circuits = [twin_of(load, j) for j in range(len(AT))]
        frame = any_frame(rng)
        take(float(rng.choice([1.0, 10.0, 600.0, 660.0, 1e6])), frame, load, circuits)
        assert_same(load, circuits)
        assert load.ambient[0] == frame[AT_ROOM] or np.isnan(frame[AT_ROOM])
        regimes += load.regime.tolist()
    assert min(np.bincount(regimes)) > 30


def test_frame_by_frame_circuits_are_those_of_the_twin() -> None:
    rng = np.random.default_rng(2)
    load = loads.new_load(np.array(AT), np.array(AT_POWER), AT_ROOM)
    assert (load.state.shape, load.covariance.shape, load.inverse.shape) == ((3, 8), (3, 4, 4), (3, 4, 4))
    circuits = [twin_of(load, j) for j in range(len(AT))]
    nothing = (math.nan, math.nan, 0.0, 0.0, 0.0, 0.0, 0.0, math.nan)
    np.testing.assert_equal(astuple(circuits[0].state), nothing)
    assert_same(load, circuits)
    for _ in range(60):
        take(float(rng.choice([10.0, 60.0])), any_frame(rng), load, circuits)
        assert_same(load, circuits)


def test_where_no_room_is_measured_the_room_explains_nothing() -> None:
    load = loads.new_load(np.zeros(1, np.int64), np.full(1, -1), -1)
    loads.take_load(1.0, np.array([0.5]), load)
    assert np.isnan(load.ambient[0])
    assert load.feature[0].tolist() == [0.25, 0.25, 0.5, 0.0]
    load = loads.new_load(np.full(1, -1), np.zeros(1, np.int64), 0)
    loads.take_load(1.0, np.array([20.0]), load)
    assert load.state[0, loads.POWER] == load.ambient[0] == load.feature[0, 3] == 20.0


def test_from_any_state_as_much_is_explained_as_the_twin_says() -> None:
    rng, n = np.random.default_rng(3), len(CIRCUIT_OF)
    bank = inputs_of([0] * n)._replace(circuit=np.array(CIRCUIT_OF))
    for _ in range(100):
        load = any_load(rng)
        circuits = [twin_of(load, j) for j in range(len(AT))]
        load.inverse[:] = [twin.inverse() for twin in circuits]
        model = loads.new_model(n)
        model.cross[:] = rng.normal(size=(n, 4)) * [100.0, 100.0, 10.0, 2.0]
        model.mean[:] = rng.choice([np.nan, 25.0], n, p=[0.2, 0.8])
        model.age_s[:] = rng.choice([0.0, 3600.0, 604795.0, 1e6], n)
        model.explained[:] = rng.normal(size=n)
        twins = [
            Model(
                model.cross[c].tolist(), *(float(of[c]) for of in (model.mean, model.age_s, model.explained))
            )
            for c in range(n)
        ]
        signal = rng.choice([np.nan, 24.0, 26.0], n, p=[0.1, 0.4, 0.5])
        bank.restart[:] = rng.choice([0, 1, 2], n)
        dt_s = float(rng.choice([1.0, 10.0, 600.0, 660.0, 1e6]))
        loads.explain_by_load(dt_s, signal, bank, load, model)
        for c, twin in enumerate(twins):
            j = CIRCUIT_OF[c]
            twin.take(dt_s, float(signal[c]), bank.restart[c] == 1, circuits[j], circuits[j].inverse())
        for of in ("cross", "mean", "age_s", "explained"):
            expected = [getattr(twin, of) for twin in twins]
            np.testing.assert_allclose(getattr(model, of), expected, rtol=1e-6, atol=1e-9)


def test_of_a_new_sensor_nothing_is_explained() -> None:
    model = loads.new_model(3)
    assert not model.cross.any()
    assert model.cross.shape == (3, 4)
    assert not model.explained.any()
    assert not model.age_s.any()
    assert np.isnan(model.mean).all()


@pytest.mark.parametrize(("amps", "frames"), [(21.0, 0), (61.1, 3), (-61.1, 3)])
def test_a_current_over_three_times_the_largest_counts_from_its_third_frame(amps: float, frames: int) -> None:
    load = loads.new_load(np.zeros(1, np.int64), np.full(1, -1), -1)
    believed = []
    for _ in range(4):
        load.state[0, loads.LARGEST] = 20.0
        loads.take_load(1e-9, np.array([amps]), load)
        believed.append(not np.isnan(load.state[0, loads.NOW]))
    assert believed == ([False, False, True, True] if frames else [True] * 4)
