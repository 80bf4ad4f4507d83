"""Cell imbalance: a cell that leaves its siblings, against its own past and against what the others do now.

What counts is the deviation from the median of the siblings, less the cell's own learned deviation: cells
differ for life. The baseline is kept apart for rest, charge and discharge, for a cell of higher resistance
deviates with every load. The excursion is averaged over seconds, minutes, hours and a day: steps (a short)
show in the first two, drift (self-discharge) in the last two. No reading moves a mean by more than a bounded
excursion would: one or two that are wrong are no cell that has left. What the gate holds back counts as that
too: a cell that leaves by volts is not told after one that leaves by millivolts. The yardstick of each mean
is, whichever is more,
  - how this mean has wandered before (its mean square, excursions clipped);
  - how far the others stand from their own baselines now: load and the ends of the charge curve spread all;
  - the register step.
Cells of unlike capacity part at the end of each discharge. Below LOW_SOC a cell has an offset to its
baseline, a line between a few knots of the state of charge, and the baseline rests. A knot is learned as a
baseline is, but plainly in its first hour; where no state of charge is told there is none.
A cell whose neighbours left together with it (a module that warms, a busbar) is excused their share: one cell
fails, not eight in a row.
"""

import math
from typing import NamedTuple

import numpy as np

from agent.detect.channels import Floats, Ints
from agent.detect.kernels.arrays import Array, Group, Part, columns
from agent.detect.kernels.compiled import compiled, inlined
from agent.detect.kernels.inputs import Inputs
from agent.detect.kernels.load import UNKNOWN, Circuits

SCALES_S = np.array([4.0, 120.0, 7200.0, 86400.0])
SIGMAS = np.array([15.0, 12.0, 3.5, 3.5])
FLOOR_V = np.array([0.0, 0.001, 0.003, 0.003])  # of the yardstick; daily cycles of charge are learned in days
DUE = 0.02  # of a time constant: how often a mean is judged
DRIFT = 2  # the first scale that means drift
LEARN_BELOW = 2.0  # sigmas: what a drift is learned from; a cell that has left is no example of itself

BASELINE_S = 60 * 86400.0
START_S = 60.0  # baseline of a new cell: what it did in its first minute
LEARNT_S = 3600.0  # good input after which the baseline is the cell's own
LOW_SOC, KNOT_SOC = 30.0, 10.0  # %: a knot at 0 and each so much; at the first, where it is 0, it ends
KNOTS = 3
FIRST_S = 3600.0  # near a knot: it is the mean of what was seen so far
LEARN_WINDOWS = 12.0  # of a scale, before the scale is judged without reserve
WANDER_S = 30 * 86400.0
GAP_S = 60.0  # a gap is no evidence for its length
MIN_SIBLINGS = 2
BOUND_V, BOUND_SIGMAS = 0.02, 10.0  # from its mean: what one reading tells at most; whichever is more
BEYOND_SHARE = 0.05  # how fast what is beyond doubt becomes usual, against what is not
SPREAD_QUANTILE = (
    0.85  # of the siblings' excursions: structured spread (end cells, warm rows) is not Gaussian
)
NEIGHBOURS = 2  # on each side
QUANTILE_STEPS, LEAST_SPREAD_V = 60, 2e-5

# Columns of the state: one baseline and age per regime, then mean excursion, mean square and windows per
# scale, V and s.
REGIMES, SCALES = UNKNOWN + 1, len(SCALES_S)
BASELINE, AGE, MEAN, SQUARE, WINDOWS, COLUMNS = columns(REGIMES, REGIMES, SCALES, SCALES, SCALES)
# Columns of the verdict: mV (sudden, drifting), V, V, then by scale V^2.
SUDDEN, DRIFTING, DEVIATION, EXPECTED, NOISE2, VERDICTS = columns(1, 1, 1, 1, SCALES)


class Cells(NamedTuple):
    """State and verdict for n cells.

    state (n, 20), verdict (n, 8): see the columns above; offset (n, 2 KNOTS): at each, V, and for how long
    that was learned, s; at_soc, knot (circuits,): where its charge is in the frame, and that in knots;
    left (n, scales), V: how far its mean has left the siblings, 0 where that is not beyond doubt; quantile
    (scales, groups): of the excursions, V; waited_s (scales,): since a mean was judged; gain (scales,): of
    the means, this frame.
    """

    state: Floats
    offset: Floats
    at_soc: Ints
    knot: Floats
    verdict: Floats
    left: Floats
    quantile: Floats
    waited_s: Floats
    gain: Floats


CELLS_PART = Part("cells", 1)
CELLS = Group(
    Cells,
    state=Array(("cells", COLUMNS), kept=CELLS_PART),
    offset=Array(("cells", 2 * KNOTS), kept=Part("cells-by-charge", 1), seldom=True),
    at_soc=Array(("circuits",), np.int64, first=None),
    knot=Array(("circuits",), first=np.nan),
    verdict=Array(("cells", VERDICTS), first=np.nan, kept=CELLS_PART),
    left=Array(("cells", SCALES), kept=CELLS_PART, seldom=True),
    quantile=Array((SCALES, "groups"), first=1e-3, kept=CELLS_PART),
    waited_s=Array((SCALES,), kept=CELLS_PART),
    gain=Array((SCALES,)),
)


def new_cells(cells: int, groups: int, at_soc: Ints) -> Cells:
    """Return the state of cells that have not been seen yet; at_soc (circuits,): see `Cells`."""
    new: Cells = CELLS.new(given={"at_soc": at_soc}, cells=cells, groups=groups, circuits=len(at_soc))
    return new


@compiled  # no fastmath: it may delete the NaN tests below
def judge_imbalance(dt_s: float, frame: Floats, bank: Inputs, load: Circuits, cells: Cells) -> None:
    """
    Score each cell: how far it has left its siblings, in mV; 0 where that is not beyond doubt.

    Parameters
    ----------
    dt_s : float, s
        Time since the last frame, > 0.
    frame : (n_frame,) float64
        What the gate lets pass: the state of charge of each circuit, %.
    bank : Inputs
        The cells' voltages and their siblings' medians, V.
    load : Circuits
        Tells the regime of each cell's circuit.
    cells : Cells
        State, and output in `verdict`: SUDDEN and DRIFTING (mV; NaN: not known), DEVIATION from the siblings,
        EXPECTED deviation, V; by scale NOISE2 (variance); and in `left`.
    """
    counted_s = min(dt_s, GAP_S)
    for k in range(SCALES_S.size):
        cells.gain[k] = 1.0 - math.exp(-counted_s / SCALES_S[k])
    for j in range(cells.at_soc.size):
        soc = frame[cells.at_soc[j]] if cells.at_soc[j] >= 0 else np.nan
        cells.knot[j] = max(soc, 0.0) / KNOT_SOC if soc < LOW_SOC else np.nan
    for c in range(bank.value.size):
        deviation = bank.away[c] if bank.usable[c] else np.nan
        cells.verdict[c, DEVIATION] = deviation
        if np.isnan(deviation):
            cells.verdict[c, SUDDEN] = np.nan
            cells.verdict[c, DRIFTING] = np.nan
        else:
            j = bank.circuit[c]
            _follow(counted_s, deviation, load.regime[j], cells.knot[j], bank.step[c], cells, c)
    for k in range(SCALES_S.size):
        cells.waited_s[k] += counted_s
        if cells.waited_s[k] >= DUE * SCALES_S[k]:
            for g in range(bank.start.size - 1):
                _judge_scale(bank, cells, g, k, cells.waited_s[k])
            cells.waited_s[k] = 0.0
    for c in range(bank.value.size):
        v, left = cells.verdict, cells.left
        if not np.isnan(v[c, DEVIATION]):
            v[c, SUDDEN] = 1e3 * max(left[c, 0], left[c, 1])
            v[c, DRIFTING] = 1e3 * max(left[c, 2], left[c, 3])


@inlined
def _follow(
    dt_s: float, deviation: float, regime: int, knot: float, step: float, cells: Cells, c: int
) -> None:
    """Bring a cell's means and its baseline, or the offset to it, up to a deviation, V."""
    s, o = cells.state, cells.offset
    if s[c, AGE + regime] == 0.0:
        _begin_regime(s, c, regime, deviation)
    bound = _bound(cells.verdict[c, NOISE2])
    excursion = deviation - s[c, BASELINE + regime]
    low = knot < KNOTS and s[c, AGE + regime] >= LEARNT_S  # False for NaN
    if low:
        excursion -= _offset(o, c, knot)
        _learn_offset(o, c, knot, dt_s, excursion, 0.0, FIRST_S)
    if s[c, AGE + regime] < START_S and abs(excursion) > bound:
        _begin_anew(s, c, regime, deviation)
        excursion = 0.0
    for k in range(SCALES_S.size):
        away = excursion - s[c, MEAN + k]
        s[c, MEAN + k] += cells.gain[k] * min(max(away, -bound), bound)
    usual = 2.0 * max(step, math.sqrt(s[c, SQUARE]))  # what is learned follows no fault at full speed
    bounded = min(max(excursion, -usual), usual)
    if cells.left[c, 0] > 0.0 or cells.left[c, 1] > 0.0:
        bounded *= BEYOND_SHARE
    if not low:
        age_s = s[c, AGE + regime] + dt_s
        s[c, AGE + regime] = age_s
        s[c, BASELINE + regime] += bounded * min(1.0, dt_s / min(max(age_s, 0.25 * START_S), BASELINE_S))
        cells.verdict[c, EXPECTED] = s[c, BASELINE + regime]
    else:
        _learn_offset(o, c, knot, dt_s, bounded, FIRST_S, np.inf)
        cells.verdict[c, EXPECTED] = s[c, BASELINE + regime] + _offset(o, c, knot)


@inlined
def _offset(offset: Floats, c: int, knot: float) -> float:
    """Return how far from its baseline a cell is where its charge is, V."""
    k = int(knot)
    beyond = offset[c, k + 1] if k + 1 < KNOTS else 0.0
    return float(offset[c, k] + (knot - k) * (beyond - offset[c, k]))


@inlined
def _learn_offset(
    offset: Floats, c: int, knot: float, dt_s: float, lesson: float, from_s: float, to_s: float
) -> None:
    """Let the knots on both sides learn an excursion, V, by how near they are: those that are so old, s."""
    for k in range(int(knot), min(int(knot) + 2, KNOTS)):
        near = 1.0 - abs(knot - k)
        age_s = offset[c, KNOTS + k]
        if from_s <= age_s < to_s and near > 0.0:
            age_s += near * dt_s
            offset[c, KNOTS + k] = age_s
            offset[c, k] += lesson * min(1.0, near * dt_s / min(age_s, BASELINE_S))


@inlined
def _bound(noise2: float) -> float:
    """Return how far from a mean, V, one reading counts; noise2 (V^2) is NaN of a cell not judged yet."""
    return BOUND_V if np.isnan(noise2) else max(BOUND_V, BOUND_SIGMAS * math.sqrt(noise2))


@inlined
def _begin_anew(s: Floats, c: int, regime: int, deviation: float) -> None:
    """Take this deviation for the baseline: in the first minute, two readings must agree on one."""
    s[c, BASELINE + regime] = deviation
    s[c, AGE + regime] = 0.0
    s[c, MEAN : MEAN + SCALES_S.size] = 0.0


@inlined
def _begin_regime(s: Floats, c: int, regime: int, deviation: float) -> None:
    """Take a new regime's baseline from the best known one: a fault may be what brought the regime about."""
    known = 0
    for other in range(1, UNKNOWN + 1):
        if s[c, AGE + other] > s[c, AGE + known]:
            known = other
    if s[c, AGE + known] > 0.0:
        s[c, BASELINE + regime] = s[c, BASELINE + known]
        s[c, AGE + regime] = min(s[c, AGE + known], START_S)
    else:
        s[c, BASELINE + regime] = deviation


@compiled
def _judge_scale(bank: Inputs, cells: Cells, g: int, k: int, waited_s: float) -> None:
    first, last = bank.start[g], bank.start[g + 1]
    spread = _spread(bank, cells, first, last, g, k)
    if np.isnan(spread):
        return
    for a in range(first, last):
        c = bank.member[a]
        if not np.isnan(cells.verdict[c, DEVIATION]):
            _judge_cell(bank, cells, first, last, a, k, spread, waited_s)


@inlined
def _judge_cell(
    bank: Inputs, cells: Cells, first: int, last: int, a: int, k: int, spread: float, waited_s: float
) -> None:
    c = bank.member[a]
    s, step = cells.state, bank.step[c]
    mean = s[c, MEAN + k]
    windows = s[c, WINDOWS + k]
    known = s[c, SQUARE + k] * (6.0 + windows) / (2.0 + windows)  # it is an estimate itself
    floor = FLOOR_V[k] * max(0.0, 1.0 - windows / LEARN_WINDOWS)
    noise2 = known + spread * spread + step * step / 12.0 + floor * floor
    cells.verdict[c, NOISE2 + k] = noise2
    left = 0.0
    if mean * mean > SIGMAS[k] * SIGMAS[k] * noise2:
        alone = mean - _neighbours(bank, cells, first, last, a, k)
        left = min(abs(mean), abs(alone)) if mean * alone > 0.0 else 0.0
    beyond = left * left > SIGMAS[k] * SIGMAS[k] * noise2
    ripe = windows >= 1.0 or k < DRIFT
    if beyond and ripe:
        cells.left[c, k] = left
    elif cells.left[c, k] > 0.0:  # else its page stays untouched
        cells.left[c, k] = 0.0
    share = min(waited_s / SCALES_S[k], 1.0)
    least = (0.5 * step) ** 2
    square = min(mean * mean, 4.0 * max(s[c, SQUARE + k], least))
    if k < DRIFT or mean * mean < LEARN_BELOW * LEARN_BELOW * noise2:
        slower = BEYOND_SHARE if beyond else 1.0
        s[c, SQUARE + k] += (square - s[c, SQUARE + k]) * slower * share / (LEARN_WINDOWS + windows)
    s[c, WINDOWS + k] = min(windows + share, max(WANDER_S / SCALES_S[k], 30.0))


@inlined
def _neighbours(bank: Inputs, cells: Cells, first: int, last: int, a: int, k: int) -> float:
    """Return what the cells beside one have in common, V: the excursion that all of them share, else 0."""
    low, high = np.inf, -np.inf
    seen = 0
    for b in range(max(first, a - NEIGHBOURS), min(last, a + NEIGHBOURS + 1)):
        c = bank.member[b]
        if b != a and not np.isnan(cells.verdict[c, DEVIATION]):
            low = min(low, cells.state[c, MEAN + k])
            high = max(high, cells.state[c, MEAN + k])
            seen += 1
    if seen < 2 or last - first <= 2 * NEIGHBOURS + 1:
        return 0.0
    return float(low if low > 0.0 else high if high < 0.0 else 0.0)


@compiled
def _spread(bank: Inputs, cells: Cells, first: int, last: int, g: int, k: int) -> float:
    """
    Return the 1-sigma spread of a group's excursions, V; NaN for too few.

    Its quantile moves little between frames: instead of sorting, the last one is moved until the share below
    it is right to within one cell or a tenth of its size.
    """
    quantile = cells.quantile[k, g]
    good = 0
    for a in range(first, last):
        good += not np.isnan(cells.verdict[bank.member[a], DEVIATION])
    if good <= MIN_SIBLINGS:
        return np.nan
    wanted = int(SPREAD_QUANTILE * (good - 1))
    went = 0
    for _ in range(QUANTILE_STEPS):
        below = 0
        for a in range(first, last):
            below += abs(cells.state[bank.member[a], MEAN + k]) < quantile
        if below > wanted and went >= 0 and quantile > LEAST_SPREAD_V:
            quantile *= 0.9
            went = 1
        elif below <= wanted and went <= 0:
            quantile /= 0.9
            went = -1
        else:
            break
    cells.quantile[k, g] = quantile
    return float(quantile / 1.44)


def learnt_s(cells: Cells) -> Floats:
    """Return for how long each cell has been learned from, s (n,)."""
    ages: Floats = cells.state[:, AGE : AGE + UNKNOWN + 1].max(axis=1)
    return ages
