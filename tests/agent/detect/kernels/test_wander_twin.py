"""What slopes teach about the slopes to reckon with, against its slow twin."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.detect.kernels import wander
from agent.detect.kernels.wander import FALL, JUMP, POSSIBLE, WANDER, WINDOWS, learn_wander
from tests.agent.detect.naive.rows import read_row, write_row
from tests.agent.detect.naive.wander import Wander

USUAL = 0.01 / 60.0  # K/s
SLOPES = st.floats(-20.0, 20.0).map(lambda times: times * USUAL)


def test_from_any_state_a_slope_teaches_what_the_twin_says() -> None:
    rng, n, scales = np.random.default_rng(2), 700, 6
    shape = (n, scales)
    learned = np.zeros((*shape, 5))
    learned[:, :, WANDER] = USUAL**2 * rng.choice([0.0, 0.1, 1.0, 10.0], shape)
    learned[:, :, WINDOWS] = rng.choice([0.0, 3.0, 19.0, 19.9, 20.0, 21.0, 28.1, 29.9, 112.4], shape)
    learned[:, :, FALL] = USUAL * rng.choice([0.0, 0.3, 2.0, 30.0], shape)
    learned[:, :, POSSIBLE] = rng.random(shape)
    learned[:, :, JUMP] = rng.random(shape)
    tau_s = rng.choice([6.0, 384.0, 1300.0, 1536.0, 6144.0, 86400.0], shape)
    slope = USUAL * rng.choice([0.0, 0.1, -0.1, 1.0, -1.0, -2.9, 5.0, -5.0, -50.0], shape)
    white = USUAL * rng.choice([0.0, 0.3, 1.0, 4.0], shape)
    share = rng.choice([0.25, 0.27, 0.9], shape)
    expected = learned.copy()
    for c, k in np.ndindex(n, scales):
        at = (c, k)
        twin = read_row(Wander, wander, expected[at])
        twin.take(float(tau_s[at]), 5.5, float(slope[at]), float(white[at]), float(share[at]))
        write_row(twin, wander, expected[at])
    for c, k in np.ndindex(n, scales):
        at = (c, k)
        learn_wander(tau_s[at], 5.5, slope[at], white[at], share[at], learned, c, k)
    np.testing.assert_allclose(learned, expected, rtol=1e-9)


@settings(max_examples=25)
@given(st.sampled_from([6.0, 384.0, 6144.0]), st.lists(SLOPES, max_size=150), st.floats(0.0, 2.0))
def test_slope_by_slope_a_signal_is_learned_as_the_twin_learns_it(
    tau_s: float, slopes: list[float], white: float
) -> None:
    learned = np.zeros((1, 1, 5))
    twin = Wander(0.0, 0.0, 0.0, 0.0)
    for slope in slopes:
        twin.take(tau_s, 6.0, slope, white * USUAL, 0.25)
        learn_wander(tau_s, 6.0, slope, white * USUAL, 0.25, learned, 0, 0)
        assert learned[0, 0, POSSIBLE] == pytest.approx(twin.possible, rel=1e-9)


def test_a_steepest_fall_is_reckoned_with_1_3_times_and_forgotten_within_about_a_week() -> None:
    learned = np.zeros((1, 1, 5))
    learned[0, 0, WINDOWS] = 30.0
    learn_wander(6144.0, 5.2, -1.0, 0.0, 0.25, learned, 0, 0)
    learned[0, 0, WANDER] = 0.0
    quarters_of_a_week = round(4 * 7 * 86400 / 6144)
    for _ in range(quarters_of_a_week):
        learn_wander(6144.0, 5.2, 1e-9, 0.0, 0.25, learned, 0, 0)
    assert learned[0, 0, POSSIBLE] == pytest.approx(1.3 / math.e, rel=0.01)


def test_a_sensor_of_which_nothing_is_known_is_reckoned_to_wander_by_a_hundredth_of_a_kelvin_a_minute() -> (
    None
):
    learned = np.zeros((1, 1, 5))
    learn_wander(6.0, 1.0, 0.0, 0.0, 0.0, learned, 0, 0)
    assert 60.0 * learned[0, 0, POSSIBLE] == pytest.approx(0.01)


@pytest.mark.parametrize(("windows", "teaches"), [(19.0, True), (20.0, False)])
def test_a_rise_teaches_until_20_windows_have_been_heard(windows: float, teaches: bool) -> None:
    learned = np.zeros((1, 1, 5))
    learned[0, 0, WINDOWS] = windows
    learn_wander(384.0, 5.7, 1.0, 1.0, 0.25, learned, 0, 0)
    assert (learned[0, 0, WANDER] > 0.0) == teaches
