"""What the parts of the scoreboard share."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from agent.detect.channels import Codes, Flags, Floats
from agent.detect.watch import UnitDetectors

YEAR_S = 365.25 * 86400.0


def data_folder() -> Path | None:
    """Return the folder of recordings: $CELLWARDEN_DATA, else shared/data beside the checkout, or None."""
    beside = Path(__file__).resolve().parents[4] / "shared" / "data"
    folder = Path(os.environ.get("CELLWARDEN_DATA", beside))
    return folder if folder.is_dir() else None


def sensors(n: int, per_string: int, step: float, period_s: float) -> UnitDetectors:
    """Return the watch over `n` temperature sensors, siblings string by string."""
    places = [f"string{1 + i // per_string}/sensor{1 + i % per_string}" for i in range(n)]
    return UnitDetectors(places, ["cell_temperature"] * n, np.full(n, step), period_s)


def feed(watch: UnitDetectors, frames: Floats, t_s: float, period_s: float) -> Iterator[tuple[int, Flags]]:
    """Judge frames; give (frame, which sensors the slope detector has standing) where that changes."""
    quality: Codes = np.zeros(frames.shape[1], np.uint8)
    tier = watch.tiers("thermal-slope")
    before = tier.copy()
    for i in range(len(frames)):
        watch.judge(t_s + i * period_s, frames[i], quality)
        if not np.array_equal(tier, before):
            before = tier.copy()
            yield i, before > 0


def upper_bound(events: int, years: float) -> float:
    """Return the upper 95 % bound of a Poisson rate, per year."""
    low, high = 0.0, 3.0 + 4.0 * events + 10.0
    for _ in range(60):
        mean = 0.5 * (low + high)
        term = total = math.exp(-mean)
        for k in range(1, events + 1):
            term *= mean / k
            total += term
        low, high = (mean, high) if total > 0.05 else (low, mean)
    return high / years


def reference_samples(sigma: float, k_per_min: float, period_s: float) -> float:
    """Return the reference delay of a ramp in white noise, in samples: gamma is 10 sensor-years."""
    log_gamma = math.log(10 * YEAR_S / period_s)
    return float((6.0 * sigma**2 * log_gamma / (k_per_min / 60.0 * period_s) ** 2) ** (1 / 3))
