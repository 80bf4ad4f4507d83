"""Cells of unlike capacity, discharged each day: what is told of them, and of a true drift. Simulated.

The same cycles once with a state of charge and once without: what the baseline by charge is worth.
"""

import numpy as np

from agent.detect.channels import Codes, Floats
from agent.detect.watch import UnitDetectors
from hil.plant.chemistry import CHEMISTRIES

Figures = list[tuple[str, float | None, str]]

CELLS, PERIOD_S, DAYS, DAY_S = 16, 60.0, 30, 86400.0
CAPACITY_SD, OHM = 0.015, 1e-3
#: Hours of a day and the charge that was taken out by then; A between them: to 10 %, a rest, and full again.
HOURS, TAKEN = (0.0, 8.0, 12.5, 13.5, 18.5, 24.0), (0.0, 0.0, 0.9, 0.9, 0.0, 0.0)
AMPS = (0.0, -20.0, 0.0, 18.0, 0.0)
LEAK, LEAKS_FROM_DAY, LEAKING = 0.003, 15, 7  # of its charge a day
CHEMISTRY = ("NMC", "LFP")
FRAMES, WARNING = int(DAY_S / PERIOD_S), 2  # a day; a tier


def measure() -> Figures:
    """Return the figures of cells of unlike capacity."""
    found: Figures = []
    for told, name in ((True, ""), (False, "_without_soc")):
        healthy = [_drifts(_frames(chemistry, 0.0), told) for chemistry in CHEMISTRY]
        leaking = [_drifts(_frames(chemistry, LEAK), told)[:, LEAKING] for chemistry in CHEMISTRY]
        at_ends = [tiers[FRAMES - 1 :: FRAMES] for tiers in healthy]
        delays = [np.flatnonzero(tiers[LEAKS_FROM_DAY * FRAMES :] == WARNING) / FRAMES for tiers in leaking]
        found += [
            (f"capacity_drift_cell_days{name}", float(sum(np.count_nonzero(day) for day in at_ends)), "days"),
            (f"leak_drift_days{name}", max(d[0] for d in delays) if all(map(len, delays)) else None, "days"),
        ]
    return found


def _frames(chemistry: str, leak: float) -> Floats:
    """Return frames: cells, V; current, A; state of charge, %."""
    rng, of = np.random.default_rng(1), CHEMISTRIES[chemistry]
    t_s = np.arange(int(DAYS * DAY_S / PERIOD_S)) * PERIOD_S
    hour = t_s / 3600.0 % 24.0
    taken = np.interp(hour, HOURS, TAKEN)
    amps = np.array(AMPS)[np.searchsorted(HOURS, hour, side="right") - 1]
    soc = 1.0 - taken[:, None] / (1.0 + rng.normal(0.0, CAPACITY_SD, CELLS))
    soc[:, LEAKING] -= leak * np.maximum(t_s / DAY_S - LEAKS_FROM_DAY, 0.0)
    volts = np.interp(soc, of.soc, of.ocv_v) + OHM * amps[:, None] * (1.0 + rng.normal(0.0, 0.05, CELLS))
    volts += rng.normal(0.0, 0.0005, volts.shape)
    return np.column_stack([volts.round(3), amps, (100.0 * (1.0 - taken)).round()])


def _drifts(frames: Floats, told: bool) -> Codes:
    """Return the standing tier of `cell-drift` of each cell in each frame; told: so is the charge."""
    places = [*(f"cell{i}" for i in range(CELLS)), "", ""]
    quantities = ["cell_voltage"] * CELLS + ["current", "soc"]
    watch = UnitDetectors(places, quantities, np.array([0.001] * CELLS + [0.1, 1.0]), PERIOD_S)
    quality = np.array([0] * CELLS + [0, 0 if told else 4], np.uint8)
    tiers: Codes = np.zeros((len(frames), CELLS), np.uint8)
    for i, frame in enumerate(frames):
        frame[-1] = frame[-1] if told else np.nan
        watch.judge(i * PERIOD_S, frame, quality)
        tiers[i] = watch.tiers("cell-drift")
    return tiers
