"""Limits of voltage: how soon a cell beyond one is critical; none is in any ordinary year. Simulated.

A year has a frame each ten minutes: float with the day's wave of the room, a discharge to the end each
month, a boost and an equalising charge after it, cells that differ for life, and noise.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from agent.bench.detection.periods import PERIODS_S
from agent.detect.limits import CELL_V
from agent.detect.settings import Settings
from agent.detect.table import CRITICAL
from agent.detect.watch import UnitDetectors

CELLS, STEP_V, NOISE_V, SPREAD = 12, 0.001, 0.001, 0.004
QUIET, BEYOND_V = 60, 0.05  # frames before a cell passes its limit, and by how much
YEAR_S, FRAME_S, MONTH_S = 365 * 86400.0, 600.0, 30 * 86400.0
DISCHARGE_S, BOOST_S, EQUALISE_S = 3600.0, 8 * 3600.0, 24 * 3600.0
COLDEST_K = 20.0  # below 20 degC, and as much above, in the course of the year


class Ordinary(NamedTuple):
    """A cell in ordinary use, V: afloat, discharged, boosted, equalised; and V more for each K colder."""

    float_v: float
    end_v: float
    boost_v: float
    equalise_v: float
    v_per_k: float = 0.0


#: Chemistry -> how its makers let it be used (the sources of `CELL_V`).
ORDINARY: Mapping[str, Ordinary] = {
    "LFP": Ordinary(3.375, 2.5, 3.55, 3.65),
    "NMC": Ordinary(4.05, 2.5, 4.2, 4.35),
    "NCA": Ordinary(4.05, 2.5, 4.2, 4.2),
    "LCO": Ordinary(4.1, 2.75, 4.2, 4.45),
    "LMO": Ordinary(4.05, 2.5, 4.2, 4.2),
    "LTO": Ordinary(2.35, 1.5, 2.7, 2.9),
    "VRLA": Ordinary(2.27, 1.6, 2.4, 2.5, 0.004),
    "NiCd": Ordinary(1.42, 1.0, 1.6, 1.71),
}


def measure() -> list[tuple[str, float | None, str]]:
    """Return the figures of limits."""
    figures: list[tuple[str, float | None, str]] = [
        (f"limit_critical_s_{period_s:g}s", max(_critical_s(c, period_s) for c in CELL_V), "s")
        for period_s in PERIODS_S
    ]
    alarms = sum(len(_alarms(chemistry, year)) for chemistry, year in ORDINARY.items())
    return [*figures, ("limit_alarms_healthy", float(alarms), "alarms")]


def _watch(chemistry: str, period_s: float) -> UnitDetectors:
    places = [f"string1/cell{i + 1}" for i in range(CELLS)]
    settings = Settings(chemistry=chemistry)
    return UnitDetectors(places, ["cell_voltage"] * CELLS, np.full(CELLS, STEP_V), period_s, settings)


def _critical_s(chemistry: str, period_s: float) -> float:
    """Return the longest time from when a cell passes a limit to its critical alarm, s, over and under."""
    found = []
    for beyond_v in (CELL_V[chemistry][0] - BEYOND_V, CELL_V[chemistry][1] + BEYOND_V):
        watch, t_s, told_s = _watch(chemistry, period_s), 0.0, np.inf
        frame = np.full(CELLS, ORDINARY[chemistry].float_v)
        quality = np.zeros(CELLS, np.uint8)
        for i in range(2 * QUIET):
            if i == QUIET:
                frame[4] = beyond_v
            t_s = i * period_s
            if any(e.severity == CRITICAL and e.state == "NEW" for e in watch.judge(t_s, frame, quality)):
                told_s = min(told_s, t_s - QUIET * period_s)
        found.append(told_s)
    return max(found)


def _alarms(chemistry: str, use: Ordinary) -> list[str]:
    """Return what limits say of a year of ordinary use."""
    rng = np.random.default_rng(7)
    watch, quality = _watch(chemistry, FRAME_S), np.zeros(CELLS, np.uint8)
    differ = SPREAD * rng.uniform(-1.0, 1.0, CELLS)
    said = []
    for t_s in np.arange(0.0, YEAR_S, FRAME_S):
        frame = np.clip(_string_v(use, t_s) + differ, use.end_v, np.inf)
        frame = np.round((frame + NOISE_V * rng.standard_normal(CELLS)) / STEP_V) * STEP_V
        events = watch.judge(t_s, frame, quality)
        said += [e.text for e in events if e.state == "NEW" and e.detector.startswith("voltage-limit")]
    return said


def _string_v(use: Ordinary, t_s: float) -> float:
    """Return the voltage of a mean cell at a time of the year, V."""
    colder_k = -COLDEST_K * np.sin(2.0 * np.pi * t_s / YEAR_S) + 3.0 * np.sin(2.0 * np.pi * t_s / 86400.0)
    in_month_s = t_s % MONTH_S
    for lasts_s, from_v, to_v in (
        (DISCHARGE_S, use.float_v, use.end_v),
        (BOOST_S, use.boost_v, use.boost_v),
        (EQUALISE_S, use.equalise_v, use.equalise_v),
    ):
        if in_month_s < lasts_s:
            volts = from_v + (to_v - from_v) * in_month_s / lasts_s
            return float(volts + (use.v_per_k * colder_k if to_v > use.float_v else 0.0))
        in_month_s -= lasts_s
    return float(use.float_v + use.v_per_k * colder_k)
