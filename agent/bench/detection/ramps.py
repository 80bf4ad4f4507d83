"""Ramps in white noise, from onset to the first alarm, over the reference delay. Simulated."""

import math

import numpy as np

from agent.bench.detection.common import feed, reference_samples, sensors
from agent.detect.channels import Floats
from agent.detect.watch import Learned

SIGMAS_K = (0.03, 0.1, 0.29)
RAMPS_K_PER_MIN = (0.02, 0.05, 0.1, 0.2, 0.5)
SENSORS, HOT_EVERY, PERIOD_S, STEP_K = 128, 16, 10.0, 0.01
LEARN_FRAMES = 3 * 8640  # three days
SETTLE_FRAMES = 1100
ROUNDS = 3
LONGEST = 6.0  # reference delays; what takes longer counts as this


def measure() -> list[tuple[str, float | None, str]]:
    """Return the figures of ramps in white noise."""
    rng = np.random.default_rng(11)
    ratios = []
    false = 0
    for sigma in SIGMAS_K:
        watch = sensors(SENSORS, SENSORS, STEP_K, PERIOD_S)
        noise = 25.0 + sigma * rng.standard_normal((LEARN_FRAMES, SENSORS))
        false += sum(1 for _ in feed(watch, noise, 0.0, PERIOD_S))
        learned = watch.learned()
        for ramp in RAMPS_K_PER_MIN:
            ratios += [_ratios(rng, learned, sigma, ramp) for _ in range(ROUNDS)]
    found = np.concatenate(ratios)
    return [
        ("ramp_delay_ratio_median", float(np.median(found)), "ratio"),
        ("ramp_delay_ratio_p95", float(np.quantile(found, 0.95)), "ratio"),
        ("white_noise_false_alarms", float(false), "alarms"),
    ]


def _ratios(rng: np.random.Generator, learned: Learned, sigma: float, ramp: float) -> Floats:
    """Return delay over reference of each sensor that heats."""
    reference = reference_samples(sigma, ramp, PERIOD_S)
    after = int(LONGEST * reference) + 2
    frames = 25.0 + sigma * rng.standard_normal((SETTLE_FRAMES + after, SENSORS))
    hot = np.arange(0, SENSORS, HOT_EVERY)
    frames[SETTLE_FRAMES:, hot] += (ramp / 60.0 * PERIOD_S * np.arange(1, after + 1))[:, None]
    watch = sensors(SENSORS, SENSORS, STEP_K, PERIOD_S)
    watch.take_up(learned, math.nan, sure=False)
    delay = np.full(SENSORS, float(after))
    for i, standing in feed(watch, frames, 0.0, PERIOD_S):
        if i >= SETTLE_FRAMES:
            delay[standing] = np.minimum(delay[standing], i - SETTLE_FRAMES + 1)
    ratios: Floats = delay[hot] / reference
    return ratios
