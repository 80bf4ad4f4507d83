"""Slopes against their slow twin, which keeps all samples: frame by frame, and from any state."""

import copy
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.detect.channels import Floats
from agent.detect.kernels import slope
from tests.agent.detect.naive import slope as naive
from tests.agent.detect.naive.slope_arrays import arrays_in, arrays_of
from tests.agent.detect.naive.slope_states import any_state

#: s. Two, three frames of a quarter window, of a fiftieth, of a whole one, and gaps.
DT_S = [0.01, 0.12, 0.48, 1.5, 5.0, 6.0, 23.0, 24.0, 96.0, 500.0, 1536.0, 7000.0, 1e6, 1e10]
VALUES = st.sampled_from([math.nan, 20.0, 20.1, 20.5, 21.0, 30.0, -40.0])
FRAMES = st.lists(st.tuples(st.sampled_from(DT_S[:10]), st.booleans(), VALUES, VALUES, VALUES), max_size=14)


def assert_same(kernel: slope.Slopes, twin: naive.Slopes) -> None:
    """A slope is what is left of sums that cancel, hence its tolerance."""
    expected = arrays_in(arrays_of(twin))
    for name, array in arrays_in(kernel).items():
        lost = 1e-40 if name == "moments" else 1e-12
        np.testing.assert_allclose(array, expected[name], rtol=1e-6, atol=lost, err_msg=name)


def judge(dt_s: float, moved: bool, x: Floats, g: Floats, stepped: Floats, of: slope.Slopes) -> None:
    slope.follow_repeats(dt_s, moved, of.repeats)
    slope.fit_slopes(dt_s, x, g, stepped.astype(np.uint8), of)


def take(dt_s: float, moved: bool, x: Floats, g: Floats, stepped: Floats, twin: naive.Slopes) -> None:
    twin.follow_repeats(dt_s, moved)
    twin.take(dt_s, x.tolist(), g.tolist(), (stepped == 1).tolist())


@pytest.mark.parametrize(("sensors", "frames"), [(1, 60), (3, 25), (40, 2)])
def test_frame_by_frame_slopes_are_those_of_the_kept_samples(sensors: int, frames: int) -> None:
    rng = np.random.default_rng(sensors)
    twin = naive.Slopes([naive.Sensor(step) for step in rng.choice([0.01, 0.1], sensors)])
    kernel = slope.new_slopes(np.array([one.temperature.step for one in twin.sensors]), slope.new_repeats())
    x, held, t_s = np.full(sensors, 20.0), False, 0.0
    for i in range(frames):
        dt_s = float(rng.choice([1.0, 2.0, 5.0, 20.0, 120.0]))
        t_s += dt_s
        held = i > 0 and rng.random() < 0.3
        x = x if held else 20.0 + 0.05 * t_s + np.round(rng.normal(0.0, 0.05, sensors), 2)
        x[rng.random(sensors) < 0.1] = np.nan
        g = x - 20.0
        g[rng.random(sensors) < 0.1] = np.nan
        stepped = rng.choice([0, 0, 0, 0, 0, 0, 0, 1, 2], sensors)
        judge(dt_s, not held, x, g, stepped, kernel)
        take(dt_s, not held, x, g, stepped, twin)
        assert_same(kernel, twin)


@settings(max_examples=10)
@given(FRAMES)
def test_any_frames_give_slopes_of_the_kept_samples(
    frames: list[tuple[float, bool, float, float, float]],
) -> None:
    twin = naive.Slopes([naive.Sensor(0.1), naive.Sensor(0.1)])
    kernel = slope.new_slopes(np.full(2, 0.1), slope.new_repeats())
    for i, (dt_s, moved, *values) in enumerate(frames):
        x, g = np.array(values[:2]), np.array([values[2], values[2] + 1.0])
        for do, of in ((judge, kernel), (take, twin)):
            do(dt_s, moved or i == 0, x, g, np.zeros(2), of)
    assert_same(kernel, twin)


def test_from_any_state_a_frame_makes_what_the_twin_says() -> None:
    rng, certain = np.random.default_rng(5), 0
    for _ in range(110):
        twin = any_state(rng)
        kernel = arrays_of(twin)
        dt_s, moved = float(rng.choice(DT_S)), bool(rng.random() < 0.5)
        x, g = rng.choice([np.nan, 20.0, 21.0, 25.0, 25.0], 2), rng.choice([np.nan, 1.0, 2.0, 5.0, 5.0], 2)
        stepped = rng.choice([0, 0, 1, 2], 2)
        judge(dt_s, moved, x, g, stepped, kernel)
        take(dt_s, moved, x, g, stepped, twin)
        assert_same(kernel, twin)
        certain += int((kernel.gain.fit[:, :, slope.CERTAIN] > 0.0).sum())
    assert certain > 50


def test_the_rise_is_that_of_the_line_over_the_mean_of_the_half_hour_before() -> None:
    rng, known = np.random.default_rng(6), 0
    for _ in range(60):
        twin = any_state(rng)
        sensor = twin.sensors[1]
        for k in range(int(rng.integers(0, 5))):
            sensor.temperature.fit[k] = (math.nan, math.nan)
        for window in (sensor.windows[1], sensor.windows[4]):  # of the same samples
            window.samples = copy.deepcopy(sensor.windows[int(rng.choice([3, 4]))].samples)
        if not all(window.samples for window in sensor.windows):
            continue
        kernel = arrays_of(twin)
        for signal, first_sum in (("x", slope.X0), ("g", slope.G0)):
            expected = sensor.rise(signal)
            assert slope.rise(kernel, 1, first_sum) == pytest.approx(expected, rel=1e-6, nan_ok=True)
            known += not math.isnan(expected)
    assert known > 10


def fits_one_more(samples: float, squares: float) -> bool:
    """Return whether so many samples, whose squared times add up to so much, and one more make a line."""
    slopes = slope.new_slopes(np.full(1, 0.1), slope.new_repeats())
    for moment, value in ((slope.S0, samples), (slope.V0, samples), (slope.S2, squares)):
        slopes.moments[0, :, moment] = value
    slopes.scales[:, slope.JUDGED_S] = slope.SCALES_S
    slope.fit_slopes(1e-300, np.array([1.0]), np.array([1.0]), np.zeros(1, np.uint8), slopes)
    return bool(np.isfinite(slopes.gain.fit).all())


@pytest.mark.parametrize(("samples", "fits"), [(2.0, False), (3.0, True)])
def test_three_samples_make_a_line(samples: float, fits: bool) -> None:
    assert fits_one_more(samples - 1.0, 5.0) == fits


@pytest.mark.parametrize(("times", "fits"), [(1.0, False), (2.0, True)])
def test_samples_at_one_time_make_no_line(times: float, fits: bool) -> None:
    assert fits_one_more(3.0, times * 4e-9) == fits


def test_values_are_forgotten_and_what_was_learned_is_not() -> None:
    twin = any_state(np.random.default_rng(7))
    kernel, forgotten = arrays_of(twin), arrays_of(twin)
    slope.forget_values(forgotten)
    for sensor in twin.sensors:
        for window in sensor.windows:
            window.samples = []
        for signal in (sensor.temperature, sensor.gain):
            signal.start()
    twin.repeated_s = []
    assert_same(forgotten, twin)
    np.testing.assert_array_equal(
        forgotten.gain.learned[:, :, slope.POSSIBLE], kernel.gain.learned[:, :, slope.POSSIBLE]
    )


def test_a_new_sensor_is_reckoned_to_wander_and_to_be_rounded() -> None:
    steps = np.array([0.1, 1.0])
    assert_same(
        slope.new_slopes(steps, slope.new_repeats()), naive.Slopes([naive.Sensor(0.1), naive.Sensor(1.0)])
    )


@pytest.mark.parametrize(("weight", "kept"), [(1.05e-30, True), (1e-30, True), (0.95e-30, False)])
def test_a_window_whose_samples_weigh_nothing_any_more_is_empty(weight: float, kept: bool) -> None:
    moments = np.ones((2, 2, slope.new_slopes(np.ones(1), slope.new_repeats()).moments.shape[2]))
    moments[1, 1, slope.S0] = 2.0 * weight
    slope._advance(moments, 1, 1, 0.5, 0.0)
    assert bool(moments[1, 1].any()) == kept
    assert moments[0].all()
    assert moments[1, 0].all()
