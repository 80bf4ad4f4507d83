"""The white noise of signals against its slow twin: from any state, and sample by sample."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.detect.channels import Floats
from agent.detect.kernels import noise
from tests.agent.detect.naive.noise import Noise, rounding_left
from tests.agent.detect.naive.rows import read_row, write_row

DT_S = [0.5, 1.0, 599.9, 600.0, 600.1, 630.0, 1e7]  # neighbours are 600 s apart at most
SAMPLES = st.lists(st.tuples(st.sampled_from(DT_S), st.just(math.nan) | st.floats(-300.0, 300.0)))


def twin_of(state: Floats, dt_s: Floats, x: Floats, step: Floats) -> Floats:
    """Return what the twin makes of each row and its sample."""
    after = state.copy()
    for c in range(len(after)):
        twin = read_row(Noise, noise, after[c])
        twin.take(float(dt_s[c]), float(x[c]), float(step[c]))
        write_row(twin, noise, after[c])
    return after


def test_from_any_state_a_sample_teaches_what_the_twin_says() -> None:
    rng, n = np.random.default_rng(1), 3000
    step = rng.choice([0.125, 0.1, 1.0], n)
    state = noise.new_noise(step)
    state[:, noise.PREVIOUS] = rng.choice([np.nan, 20.0, 25.0], n)
    state[:, noise.DIFFERENCE] = step * rng.choice([0.0, 0.1, 0.5, 2.0], n)
    state[:, noise.SAMPLES] = rng.choice([3.0, 4.0, 100.0, 3400.0, 3598.5, 3599.5, 3600.0], n)
    state[:, noise.LEAP] = rng.choice([0.0, 1.0], n)
    usual = 3.8 * state[:, noise.DIFFERENCE] + step
    times = rng.choice([0.0, 0.5, 0.98, 1.0, 1.5, 1.98, 2.0, 2.02, 5.0, -1.0, -3.0], n)
    x = np.where(rng.random(n) < 0.1, np.nan, np.nan_to_num(state[:, noise.PREVIOUS]) + times * usual)
    dt_s = rng.choice(DT_S, n)
    expected = twin_of(state, dt_s, x, step)
    for c in range(n):
        noise.learn_noise(dt_s[c], x[c], step[c], state, c)
    np.testing.assert_allclose(state, expected, rtol=1e-12)


@settings(max_examples=40)
@given(st.sampled_from([0.01, 0.1, 1.0]), SAMPLES)
def test_sample_by_sample_a_signal_is_learned_as_the_twin_learns_it(
    step: float, samples: list[tuple[float, float]]
) -> None:
    state = noise.new_noise(np.full(3, step))
    assert state.shape == (3, 5)
    untouched = state.copy()
    twin = Noise(math.nan, step, 3.0, 0.0, 0.0)
    for dt_s, x in samples:
        twin.take(dt_s, x, step)
        noise.learn_noise(dt_s, x, step, state, 1)
    twin.sd = twin.sd or math.sqrt(math.pi) / 2.0 * step  # of a mean difference of one step
    write_row(twin, noise, untouched[1])
    np.testing.assert_allclose(state, untouched, rtol=1e-9)


@pytest.mark.parametrize("step", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("steps", [math.sqrt(1 / 12), 0.3, 0.5, 1.0])
def test_a_mean_is_wrong_by_what_rounding_leaves(step: float, steps: float) -> None:
    state = noise.new_noise(np.full(2, step))
    state[1, noise.SD] = steps * step
    assert noise.rounding_left(step, state, 1) == pytest.approx(rounding_left(step, steps * step), rel=1e-9)


def test_without_noise_half_a_step_is_left_and_with_half_a_step_of_noise_a_hundredth() -> None:
    state = noise.new_noise(np.full(2, 0.1))
    state[:, noise.SD] = 0.1 * np.sqrt(1 / 12 + np.array([0.0, 0.25]))
    assert noise.rounding_left(0.1, state, 0) == pytest.approx(0.05)
    assert noise.rounding_left(0.1, state, 1) < 0.001
