"""The conductance of groups against its slow twin: from any state, and over a day of load."""

import math

import numpy as np
import pytest

from agent.detect.channels import Floats
from agent.detect.detectors import cooling_lost as conductance
from agent.detect.kernels import load as loads
from agent.detect.kernels import surroundings
from tests.agent.detect.banks import inputs_of
from tests.agent.detect.naive.conductance import SUMS, Filtered, Group, Learned
from tests.agent.detect.naive.rows import read_row, write_row

SIGNALS = (conductance.X, conductance.U, conductance.T)
STAGES = {"once": conductance.ONCE, "twice": conductance.TWICE, "thrice": conductance.THRICE}


def twin_of(row: Floats) -> Group:
    x, u, t = (
        Filtered(**{name: float(row[stage + signal]) for name, stage in STAGES.items()}) for signal in SIGNALS
    )
    sums = {name: float(row[getattr(conductance, name.upper())]) for name in SUMS}
    return Group(x, u, t, float(row[conductance.BODY]), read_row(Learned, conductance, row), sums)


def row_of(twin: Group) -> Floats:
    row = np.zeros(conductance.COLUMNS)
    for signal, of in zip(SIGNALS, (twin.x, twin.u, twin.t), strict=True):
        for name, stage in STAGES.items():
            row[stage + signal] = getattr(of, name)
    for name, value in twin.sums.items():
        row[getattr(conductance, name.upper())] = value
    row[conductance.BODY] = twin.body
    write_row(twin.learned, conductance, row)
    return row


def any_block(rng: np.random.Generator, k: float) -> dict[str, float]:
    """Return the sums of a block whose true conductance is `k`."""
    n = 40  # samples, a minute apart
    u, z = rng.normal(0.0, 1e3, (2, n))
    z = 0.7 * u + z * float(rng.choice([0.1, 0.5]))
    x = 1e-3 * (0.5 * u + 2.0 * z + float(rng.choice([10.0, 300.0, 900.0])) * rng.normal(size=n))
    noise = 1e-5 * float(rng.choice([0.0, 0.3, 1.0, 5.0])) * rng.normal(size=n)
    of = {"u": u, "z": z, "x": x, "y": 1e-7 * u - k * x + noise}
    return {a + b: 60.0 * float((of[a] * of[b]).sum()) for a, b in SUMS}


def any_state(rng: np.random.Generator) -> Group:
    filtered = [
        Filtered(*rng.normal(mean, sd, 3).tolist()) for mean, sd in ((2.0, 0.2), (1e4, 1e3), (30.0, 0.02))
    ]
    usual = 1.0 / 7200.0
    blocks = float(rng.choice([0.0, 1.0, 2.0, 3.0, 40.0]))
    learned = Learned(
        block=float(rng.choice([0.0, 5300.0, 5390.0, 7180.0, 7190.0, 9000.0, 86380.0, 86390.0, 259190.0])),
        lived=float(rng.choice([0.0, 1780.0, 1790.0, *[1e5] * 9])),
        waited=float(rng.choice([0.0, 280.0, *[290.0] * 6])),
        since=float(rng.choice([*[0.0] * 9, 580.0, 590.0, 595.0])),
        room=float(rng.choice([0.0, *[1.0] * 5])),
        ln_base=math.log(usual),
        square=float(rng.choice([0.0, 0.01])),
        blocks=blocks,
        learned_s=blocks * float(rng.choice([7200.0, 86400.0])),
        previous=math.log(usual) + float(rng.normal(0.0, 0.1)),
        now=1e-4,
        times=float(rng.choice([0.0, 1.3])),
    )
    k = usual * float(rng.choice([-0.2, 0.001, 0.03, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0, 1.1]))
    body = filtered[1].banded + float(rng.choice([-900.0, 900.0, 900.0, 900.0]))
    return Group(*filtered, body, learned, any_block(rng, k))


def test_from_any_state_a_sample_makes_what_the_twin_says() -> None:
    rng, fallen, closed, learned = np.random.default_rng(1), 0, 0, 0
    others = row_of(any_state(rng))
    for _ in range(1000):
        twin = any_state(rng)
        state = np.stack([others, row_of(twin), others])
        expected, before = state.copy(), (twin.learned.block, twin.learned.blocks)
        dt_s = float(rng.choice([10.0, 10.0, 20.0, 1e6]))
        degc, room, amps = (
            rng.choice(of) for of in ([np.nan, *[30.0] * 9], [np.nan, *[25.0] * 5], [np.nan, *[-100.0] * 9])
        )
        rests = bool(rng.random() < 0.5)
        conductance.judge_conductance(dt_s, degc, room, amps, rests, state, 1)
        twin.take(dt_s, float(degc), float(room), float(amps), rests)
        expected[1] = row_of(twin)
        np.testing.assert_allclose(state, expected, rtol=1e-6, atol=1e-12)
        fallen += twin.learned.times > 1.3
        closed += twin.learned.block < before[0]
        learned += twin.learned.blocks > before[1]
    assert min(fallen, closed, learned) > 12


def test_over_days_of_load_a_group_is_followed_as_the_twin_follows_it() -> None:
    rng, state, n = np.random.default_rng(2), conductance.new_conductance(2), 4500
    untouched = state[0].copy()
    twin, degc = twin_of(state[1]), 25.0
    for i in range(n):
        amps = -100.0 if i % 480 < 15 else 14.0 if i % 480 < 120 else 0.05
        usual = (1.0 if i < 0.7 * n else 0.2) / 7200.0
        degc += 60.0 * (4e-7 * amps**2 - usual * (degc - 25.0))
        lost = math.nan if rng.random() < 0.01 else 0.0
        dt_s = 1000.0 if rng.random() < 0.001 else 60.0
        room = math.nan if i < 100 else 25.0
        conductance.judge_conductance(dt_s, round(degc, 1) + lost, room, amps, abs(amps) < 5.0, state, 1)
        twin.take(dt_s, round(degc, 1) + lost, room, amps, abs(amps) < 5.0)
    np.testing.assert_allclose(state[1], row_of(twin), rtol=1e-6, atol=1e-12)
    np.testing.assert_array_equal(state[0], untouched)
    assert state[1, conductance.BLOCKS] >= 3.0


def test_the_first_sample_begins_the_filters_and_what_was_learned_stays() -> None:
    state = conductance.new_conductance(3)
    assert state.shape == (3, 32)
    learned = np.arange(96.0).reshape(3, 32)
    state[:] = learned
    conductance.forget_values(state)
    assert (
        np.delete(state, conductance.SINCE, axis=1) == np.delete(learned, conductance.SINCE, axis=1)
    ).all()
    conductance.judge_conductance(0.001, 30.0, 25.0, 10.0, True, state, 0)
    assert state[0, conductance.ONCE : conductance.BODY].tolist() == pytest.approx([5.0, 100.0, 30.0] * 3)


@pytest.mark.parametrize(("block_s", "closed"), [(259_189.0, False), (259_190.0, True)])
def test_a_block_that_tells_nothing_is_closed_after_three_days(block_s: float, closed: bool) -> None:
    state = np.zeros((1, conductance.COLUMNS))
    state[0, [conductance.BLOCK, conductance.LIVED, conductance.WAITED]] = block_s, 1e5, 299.0
    state[0, conductance.UU] = 5.0
    conductance.judge_conductance(10.0, 30.0, math.nan, 0.0, True, state, 0)
    assert (state[0, conductance.BLOCK] == 0.0) == closed
    assert (state[0, conductance.UU] == 0.0) == closed


def test_an_instrument_that_is_the_load_itself_tells_nothing() -> None:
    state = np.ones((1, conductance.COLUMNS))
    state[0, conductance.BLOCK] = 86400.0
    assert conductance._solve(state, 0) == (0.0, np.inf), "one equation in two unknowns"


@pytest.mark.parametrize(("zx", "strong"), [(2.9, False), (3.0, False), (3.001, True)])
def test_an_instrument_explains_more_than_three_tenths_of_the_variance_or_is_a_weak_one(
    zx: float, strong: bool
) -> None:
    state = np.full((2, conductance.COLUMNS), 1e-3)
    names = [conductance.ZX, conductance.ZZ, conductance.XX, conductance.UU, conductance.BLOCK]
    state[1, names] = zx, 2.0, 15.0, 1.0, 86400.0
    assert np.isfinite(conductance._solve(state, 1)[1]) == strong


def test_each_group_is_judged_by_its_median_the_room_and_its_circuit() -> None:
    rng = np.random.default_rng(7)
    bank = inputs_of([0, 1, 1, 0])._replace(circuit=np.array([1, 0, 0, 1]))
    load = loads.new_load(np.arange(2), np.full(2, -1), -1)
    around = surroundings.new_surroundings(2, 2, 4)
    found, expected = (conductance.new_conductance(2) for _ in range(2))
    for _ in range(50):
        around.median[:], load.ambient[0] = rng.choice([25.0, 25.5, np.nan], 2), rng.choice([20.0, np.nan])
        load.state[:, loads.NOW], load.regime[:] = rng.choice([0.0, -30.0], 2), rng.integers(0, 4, 2)
        conductance.judge_cooling_lost(60.0, bank, load, around, found)
        for g, j in ((0, 1), (1, 0)):
            rests = load.regime[j] == loads.REST
            amps, room = load.state[j, loads.NOW], load.ambient[0]
            conductance.judge_conductance(60.0, around.median[g], room, amps, rests, expected, g)
    np.testing.assert_array_equal(found, expected)
    assert (found[0] != found[1]).any()
