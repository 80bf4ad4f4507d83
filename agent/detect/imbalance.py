"""Cell imbalance: a cell that leaves its siblings, against its own past and against what the others do now.

What counts is the deviation from the median of the siblings, less the cell's own learned deviation: cells
differ for life. Load and the ends of the charge curve spread all cells, so the spread of the others *now* is
part of the yardstick, beside the cell's own usual excursions and the register step. Deviations beyond any
yardstick (a quarter of a volt from the siblings) count by themselves.
"""

import math

import numpy as np
from numba import njit

from agent.detect.channels import Floats, Ints

FAST_S = 4.0  # what is averaged before anything is said of a cell
BASELINE_S = (
    6 * 3600.0
)  # long enough that a drift of days shows in it late, short enough to follow the season
USUAL_S = 86400.0
START_S = 60.0  # baseline of a new cell: what it did in its first minute
LEARNT_S = 3600.0  # good input after which the baseline is the cell's own
SIGMAS = 10.0
MIN_SIBLINGS = 2
SPREAD_QUANTILE = (
    0.8  # of the siblings' excursions: structured spread (end cells, warm rows) has no Gaussian core
)

# Columns of the state.
BASELINE, USUAL, FAST, AGE = range(4)
# Columns of the verdict.
SCORE, DEVIATION, EXPECTED, NOISE = range(4)


@njit(cache=True)  # no fastmath: it may delete the NaN tests below
def judge_imbalance(
    dt_s: float,
    value: Floats,
    median: Floats,
    member: Ints,
    start: Ints,
    step: Floats,
    state: Floats,
    scratch: Floats,
    verdict: Floats,
) -> None:
    """
    Score each cell: how far beyond doubt it has left its siblings, in mV.

    Parameters
    ----------
    dt_s : float, s
        Time since the last frame, > 0.
    value, median : (n,) float64, V
        The cells and the leave-one-out medians of their siblings; NaN where not known.
    member, start : (n,), (n_groups + 1,) int64
        Sibling groups.
    step : (n,) float64, V
        Register step.
    state : (n, 4) float64
        BASELINE, USUAL (mean absolute excursion), FAST (mean of excursions), AGE (s of good input).
    scratch : (n,) float64
    verdict : (n, 4) float64
        Output: SCORE (mV; NaN: not known), DEVIATION from the siblings, EXPECTED deviation, NOISE (1 sigma),
        V.
    """
    fast = 1.0 - math.exp(-dt_s / FAST_S)
    counted_s = min(dt_s, 60.0)  # a gap is not evidence for its length
    for g in range(start.size - 1):
        good = 0
        for a in range(start[g], start[g + 1]):
            c = member[a]
            verdict[c] = np.nan
            deviation = value[c] - median[c]
            if np.isnan(deviation):
                continue
            if state[c, AGE] == 0.0:
                state[c, BASELINE] = deviation
                state[c, USUAL] = step[c]
            state[c, FAST] += fast * (deviation - state[c, BASELINE] - state[c, FAST])
            verdict[c, DEVIATION] = deviation
            _insert(scratch, start[g], good, abs(state[c, FAST]))
            good += 1
        if good <= MIN_SIBLINGS:
            continue
        spread = scratch[start[g] + int(SPREAD_QUANTILE * (good - 1))] / 1.2816
        for a in range(start[g], start[g + 1]):
            c = member[a]
            if np.isnan(verdict[c, DEVIATION]):
                continue
            _judge_cell(state[c], verdict[c], spread, step[c], counted_s)


@njit(cache=True)
def _insert(scratch: Floats, first: int, count: int, x: float) -> None:
    b = first + count
    while b > first and scratch[b - 1] > x:
        scratch[b] = scratch[b - 1]
        b -= 1
    scratch[b] = x


@njit(cache=True)
def _judge_cell(state: Floats, verdict: Floats, spread: float, step: float, counted_s: float) -> None:
    deviation = verdict[DEVIATION]
    usual = 1.2533 * state[USUAL]
    verdict[EXPECTED] = state[BASELINE]
    verdict[NOISE] = math.sqrt(usual * usual + spread * spread + step * step / 12.0)
    verdict[SCORE] = 1e3 * abs(state[FAST]) if abs(state[FAST]) > SIGMAS * verdict[NOISE] else 0.0
    state[AGE] += counted_s
    excursion = deviation - state[BASELINE]
    bounded = min(max(excursion, -3.0 * usual), 3.0 * usual)  # what is learned follows no fault at full speed
    state[BASELINE] += bounded * min(1.0, counted_s / min(max(state[AGE], START_S / 4), BASELINE_S))
    gain = min(1.0, counted_s / min(state[AGE] + START_S, USUAL_S))
    state[USUAL] += (min(abs(excursion), 4.0 * usual) - state[USUAL]) * gain


def new_state(n: int) -> Floats:
    """Return the state of `n` cells that have not been seen yet."""
    return np.zeros((n, 4))
