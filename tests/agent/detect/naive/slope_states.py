"""Slow twins of slopes of which much, or little, is known."""

import math

import numpy as np

from tests.agent.detect.naive import slope


def any_signal(rng: np.random.Generator, step: float) -> slope.Signal:
    """Return a signal of which much, or little, is known."""
    one = slope.Signal(step)
    one.age_s = float(rng.choice([0.0, 11.9, 12.1, 47.0, 200.0, 760.0, 3080.0, 12280.0, 12300.0, 1e6]))
    one.noise.previous = float(rng.choice([math.nan, 20.0, 25.0]))
    one.noise.sd = step * float(rng.choice([0.29, 0.35, 0.5, 1.0]))
    for k, tau_s in enumerate(slope.SCALES_S):
        one.wander[k].wander = float(rng.choice([0.0, 1e-4])) / tau_s**2
        one.wander[k].windows = float(rng.choice([3.0, 25.0]))
        one.wander[k].possible = float(rng.choice([0.0, 1e-3, 10.0])) / tau_s
        one.jump[k] = float(rng.choice([0.0, 0.1, 3.0]))
        one.fit[k] = (float(rng.normal()), float(rng.normal()))
    return one


def any_window(rng: np.random.Generator, tau_s: float) -> slope.Window:
    """Return a window of a few samples that rise, or do not; some repeat frames; some are all but gone."""
    n = int(rng.integers(0, 7))
    oldest = tau_s * float(rng.choice([0.1, 1.0, 3.0, 68.98, 69.3]))
    ages = np.sort(
        rng.choice([oldest, rng.uniform(0.0, 1.0) * oldest], n) if n == 1 else rng.uniform(0, oldest, n)
    )
    rising = float(rng.choice([-1.0, 0.0, 1.0, 8.0])) / tau_s
    window = slope.Window(tau_s)
    for age_s in ages[::-1]:
        x = 20.0 - rising * age_s + float(rng.normal(0.0, 0.02))
        g = 1.0 - 2.0 * rising * age_s + float(rng.normal(0.0, 0.02))
        repeated = [age_s + 0.1 * tau_s * (i + 1) for i in range(int(rng.choice([0, 0, 2])))]
        window.samples.append(slope.Sample(age_s, x, g, repeated))
    return window


def any_state(rng: np.random.Generator) -> slope.Slopes:
    """Return two sensors."""
    twin = slope.Slopes([slope.Sensor(float(rng.choice([0.01, 0.1]))) for _ in range(2)])
    for sensor in twin.sensors:
        step = sensor.temperature.step
        sensor.temperature = any_signal(rng, step)
        sensor.gain = any_signal(rng, math.sqrt(2.0) * step)
        sensor.windows = [any_window(rng, tau_s) for tau_s in slope.SCALES_S]
    for clock in twin.clocks:
        clock.waited_s = clock.tau_s * float(rng.choice([0.0, 0.2, 0.24, 0.3]))
        clock.judged_s = clock.tau_s * float(rng.choice([0.0, 0.01, 0.019]))
    twin.repeated_s = [3.0, 8.0][: int(rng.integers(0, 3))]
    return twin
