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


def any_signal(rng: np.random.Generator, step: float) -> naive.Signal:
    """Return a signal of which much, or little, is known."""
    one = naive.Signal(step)
    one.age_s = float(rng.choice([0.0, 11.9, 12.1, 47.0, 200.0, 760.0, 3080.0, 12280.0, 12300.0, 1e6]))
    one.noise.previous = float(rng.choice([math.nan, 20.0, 25.0]))
    one.noise.sd = step * float(rng.choice([0.29, 0.35, 0.5, 1.0]))
    for k, tau_s in enumerate(naive.SCALES_S):
        one.wander[k].wander = float(rng.choice([0.0, 1e-4])) / tau_s**2
        one.wander[k].windows = float(rng.choice([3.0, 25.0]))
        one.wander[k].possible = float(rng.choice([0.0, 1e-3, 10.0])) / tau_s
        one.jump[k] = float(rng.choice([0.0, 0.1, 3.0]))
        one.fit[k] = (float(rng.normal()), float(rng.normal()))
    return one


def any_window(rng: np.random.Generator, tau_s: float) -> naive.Window:
    """Return a window of a few samples that rise, or do not; some repeat frames; some are all but gone."""
    n = int(rng.integers(0, 7))
    oldest = tau_s * float(rng.choice([0.1, 1.0, 3.0, 68.98, 69.3]))
    ages = np.sort(
        rng.choice([oldest, rng.uniform(0.0, 1.0) * oldest], n) if n == 1 else rng.uniform(0, oldest, n)
    )
    rising = float(rng.choice([-1.0, 0.0, 1.0, 8.0])) / tau_s
    window = naive.Window(tau_s)
    for age_s in ages[::-1]:
        x = 20.0 - rising * age_s + float(rng.normal(0.0, 0.02))
        g = 1.0 - 2.0 * rising * age_s + float(rng.normal(0.0, 0.02))
        repeated = [age_s + 0.1 * tau_s * (i + 1) for i in range(int(rng.choice([0, 0, 2])))]
        window.samples.append(naive.Sample(age_s, x, g, repeated))
    return window


def any_state(rng: np.random.Generator) -> naive.Slopes:
    twin = naive.Slopes([naive.Sensor(float(rng.choice([0.01, 0.1]))) for _ in range(2)])
    for sensor in twin.sensors:
        step = sensor.temperature.step
        sensor.temperature = any_signal(rng, step)
        sensor.gain = any_signal(rng, math.sqrt(2.0) * step)
        sensor.windows = [any_window(rng, tau_s) for tau_s in naive.SCALES_S]
    for clock in twin.clocks:
        clock.waited_s = clock.tau_s * float(rng.choice([0.0, 0.2, 0.24, 0.3]))
        clock.judged_s = clock.tau_s * float(rng.choice([0.0, 0.01, 0.019]))
    twin.repeated_s = [3.0, 8.0][: int(rng.integers(0, 3))]
    return twin


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
