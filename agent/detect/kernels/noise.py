"""The white noise of a signal, learned from neighbouring samples, and what rounding leaves."""

import math

import numpy as np

from agent.detect.channels import Floats
from agent.detect.kernels.compiled import inlined

MEMORY = 3600.0  # samples
GAP_S = 600.0  # values further apart say nothing about noise

# Columns: the last sample, mean absolute difference, samples learned from; then the output.
PREVIOUS, DIFFERENCE, SAMPLES, SD, LEAP, COLUMNS = range(6)


@inlined  # no fastmath: it may delete the NaN test below
def learn_noise(dt_s: float, x: float, step: float, noise: Floats, c: int) -> None:
    """
    Learn one signal's noise from one more sample.

    Parameters
    ----------
    dt_s : float, s
        Time since the last frame, > 0.
    x : float, K
        NaN where there is no good value.
    step : float, K
        Register step, > 0; no sensor is quieter than rounding to it.
    noise : (n, 5) float64, K
        State and output: SD (standard deviation), LEAP (how far this sample
        is from the last, beyond 3 standard deviations; wholly, beyond 6).
    c : int
        Which signal.

    Notes
    -----
    A mean absolute difference d of neighbours means a variance of pi / 4 d^2.
    """
    noise[c, LEAP] = 0.0
    if np.isnan(x):
        return
    previous, mean = noise[c, PREVIOUS], noise[c, DIFFERENCE]
    noise[c, PREVIOUS] = x
    if np.isnan(previous) or dt_s > GAP_S:
        return
    difference = abs(x - previous)
    usual = usual_step(step, noise, c)
    # twice as far is no noise at all: then the whole of it is a jump
    noise[c, LEAP] = difference if difference > 2.0 * usual else max(0.0, difference - usual)
    noise[c, SAMPLES] = min(noise[c, SAMPLES] + 1.0, MEMORY)
    mean += (min(difference, usual) - mean) / noise[c, SAMPLES]
    noise[c, DIFFERENCE] = mean
    noise[c, SD] = math.sqrt(max(0.25 * math.pi * mean * mean, step * step / 12.0))


@inlined
def usual_step(step: float, noise: Floats, c: int) -> float:
    """Return how far neighbouring samples are apart at most by noise and rounding alone, K."""
    return float(3.8 * noise[c, DIFFERENCE] + step)


@inlined
def rounding_left(step: float, noise: Floats, c: int) -> float:
    """
    Return the largest error of a mean that rounding to steps leaves, K.

    Noise of standard deviation s before rounding to steps of q leaves about (q / pi) exp(-2 pi^2 (s / q)^2),
    and half a step without any noise (Widrow and Kollar, Quantization Noise, 2008).
    """
    variance = noise[c, SD] * noise[c, SD] / (step * step) - 1.0 / 12.0
    return 0.5 * step * math.exp(-2.0 * math.pi**2 * variance)


def new_noise(step: Floats) -> Floats:
    """Return the (n, COLUMNS) state of signals with these register steps (n,) that have not been seen yet."""
    noise = np.zeros((len(step), COLUMNS))
    noise[:, PREVIOUS] = np.nan
    noise[:, DIFFERENCE] = step  # until it is measured
    noise[:, SD] = math.sqrt(math.pi) / 2.0 * step
    noise[:, SAMPLES] = 3.0
    return noise
