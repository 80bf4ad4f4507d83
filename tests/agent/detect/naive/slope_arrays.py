"""A kernel's arrays that say the same as a slow twin of slopes."""

import math

import numpy as np

from agent.detect.channels import Floats
from agent.detect.kernels import noise, slope, wander
from tests.agent.detect.naive import slope as naive
from tests.agent.detect.naive.rows import write_row


def arrays_of(twin: naive.Slopes) -> slope.Slopes:
    """Return the state and the output of a twin as the kernel keeps them."""
    made = slope.new_slopes(
        np.array([sensor.temperature.step for sensor in twin.sensors]), slope.new_repeats()
    )
    for c, sensor in enumerate(twin.sensors):
        _write_signal(sensor.temperature, made.temperature, c)
        _write_signal(sensor.gain, made.gain, c)
        made.moments[c] = [window.moments() for window in sensor.windows]
    for k, clock in enumerate(twin.clocks):
        row = made.scales[k]
        row[slope.WAITED_S], row[slope.JUDGED_S] = clock.waited_s, clock.judged_s
        row[slope.SHARE] = clock.share
        if twin.dt_s > 0.0:
            row[slope.FADING] = math.exp(-twin.dt_s / clock.tau_s)
            row[slope.JUMP_FADING] = math.exp(-0.25 * twin.dt_s / clock.tau_s)
        weights = [math.exp(-age_s / clock.tau_s) for age_s in twin.repeated_s]
        made.repeats[k, slope.S0] = sum(weights)
        made.repeats[k, slope.S1] = -sum(w * age_s for w, age_s in zip(weights, twin.repeated_s, strict=True))
    return made


def _write_signal(twin: naive.Signal, signal: slope.Signal, c: int) -> None:
    signal.age_s[c] = twin.age_s
    signal.fit[c] = twin.fit
    write_row(twin.noise, noise, signal.noise[c])
    for k, learned in enumerate(twin.wander):
        write_row(learned, wander, signal.learned[c, k])
        signal.learned[c, k, wander.JUMP] = twin.jump[k]


def arrays_in(slopes: slope.Slopes) -> dict[str, Floats]:
    """Return all arrays by name."""
    signals = {"temperature": slopes.temperature, "gain": slopes.gain}
    found = {f"{of}.{name}": array for of, s in signals.items() for name, array in s._asdict().items()}
    return found | {name: getattr(slopes, name) for name in ("moments", "scales", "repeats")}
