"""Cell imbalance: a cell that leaves its siblings, against its own past and against what the others do now.

What counts is the deviation from the median of the siblings, less the cell's own learned deviation: cells
differ for life. Load and the ends of the charge curve spread all cells, so the spread of the others *now* is
part of the yardstick, beside the cell's own usual excursions and the register step.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from agent.detect.channels import Floats, Ints
from agent.detect.inputs import Inputs

FAST_S = 4.0  # what is averaged before anything is said of a cell
BASELINE_S = 6 * 3600.0
USUAL_S = 86400.0
START_S = 60.0  # baseline of a new cell: what it did in its first minute
LEARNT_S = 3600.0  # good input after which the baseline is the cell's own
GAP_S = 60.0  # a gap is not evidence for its length
SIGMAS = 10.0
MIN_SIBLINGS = 2
SPREAD_QUANTILE = 0.8  # of the siblings' excursions: structured spread (end cells, warm rows) is not Gaussian

# Columns of the state, V and s; USUAL is a mean absolute excursion.
BASELINE, USUAL, FAST, AGE = range(4)
# Columns of the verdict: mV, then V.
SCORE, DEVIATION, EXPECTED, NOISE = range(4)


class Cells(NamedTuple):
    """State and verdict for n cells; `order` is scratch: the members of each group by excursion."""

    state: Floats
    order: Ints
    verdict: Floats


def new_cells(member: Ints) -> Cells:
    """Return the state of cells that have not been seen yet; member (n,): see `Bank`."""
    n = len(member)
    return Cells(np.zeros((n, 4)), member.copy(), np.full((n, 4), np.nan))


@njit(cache=True)  # no fastmath: it may delete the NaN tests below
def judge_imbalance(dt_s: float, bank: Inputs, cells: Cells) -> None:
    """
    Score each cell: how far it has left its siblings, in mV; 0 where that is not beyond doubt.

    Parameters
    ----------
    dt_s : float, s
        Time since the last frame, > 0.
    bank : Inputs
        The cells' voltages and their siblings' medians, V.
    cells : Cells
        State, and output in `verdict` (n, 4): SCORE (mV; NaN: not known), DEVIATION from the siblings,
        EXPECTED deviation, NOISE (1 sigma), V.
    """
    fast = 1.0 - math.exp(-dt_s / FAST_S)
    for c in range(bank.value.size):
        deviation = bank.value[c] - bank.median[c]
        cells.verdict[c, SCORE] = np.nan
        cells.verdict[c, DEVIATION] = deviation
        if not np.isnan(deviation):
            if cells.state[c, AGE] == 0.0:
                cells.state[c, BASELINE] = deviation
                cells.state[c, USUAL] = 0.5 * bank.step[c]
            cells.state[c, FAST] += fast * (deviation - cells.state[c, BASELINE] - cells.state[c, FAST])
    for g in range(bank.start.size - 1):
        first, last = bank.start[g], bank.start[g + 1]
        good = _sort_by_excursion(cells, first, last)
        if good <= MIN_SIBLINGS:
            continue
        middle = cells.order[first + int(SPREAD_QUANTILE * (good - 1))]
        spread = abs(cells.state[middle, FAST]) / 1.2816
        for a in range(first, first + good):
            c = cells.order[a]
            _judge_cell(cells.state, cells.verdict, c, spread, bank.step[c], min(dt_s, GAP_S))


@njit(cache=True)
def _sort_by_excursion(cells: Cells, first: int, last: int) -> int:
    """Sort the cells that have a value to the front of their group, smallest excursion first; return how
    many.

    They are nearly sorted from the last frame: insertion costs little.
    """
    good = first
    for a in range(first, last):
        c = cells.order[a]
        if np.isnan(cells.verdict[c, DEVIATION]):
            continue
        x = abs(cells.state[c, FAST])
        cells.order[a] = cells.order[good]
        b = good
        while b > first and abs(cells.state[cells.order[b - 1], FAST]) > x:
            cells.order[b] = cells.order[b - 1]
            b -= 1
        cells.order[b] = c
        good += 1
    return good - first


@njit(cache=True)
def _judge_cell(state: Floats, verdict: Floats, c: int, spread: float, step: float, dt_s: float) -> None:
    age = state[c, AGE]
    usual = 1.2533 * state[c, USUAL]  # Gaussian: standard deviation from mean absolute value
    noise = math.sqrt(usual * usual + spread * spread + step * step / 12.0)
    left = abs(state[c, FAST])
    verdict[c, EXPECTED] = state[c, BASELINE]
    verdict[c, NOISE] = noise
    verdict[c, SCORE] = 1e3 * left if left > SIGMAS * noise else 0.0
    excursion = verdict[c, DEVIATION] - state[c, BASELINE]
    bounded = min(max(excursion, -usual), usual)  # what is learned follows no fault at full speed
    state[c, AGE] = age + dt_s
    state[c, BASELINE] += bounded * min(1.0, dt_s / min(max(age + dt_s, 0.25 * START_S), BASELINE_S))
    state[c, USUAL] += (
        (min(abs(excursion), 1.8 * usual) - state[c, USUAL]) * dt_s / min(age + START_S, USUAL_S)
    )
