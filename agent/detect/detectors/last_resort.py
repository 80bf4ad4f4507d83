"""The last resort: raw values, no learning, independent of every other detector.

GB 38031-2025 C.5.3.7 calls it thermal runaway when (voltage drop > 25 % or T >= highest operating T) and
dT/dt >= 1 degC/s holds for more than 3 s.
"""

from typing import NamedTuple

import numpy as np

from agent.detect.channels import Floats, Ints
from agent.detect.kernels.arrays import Array, Group, columns
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.inputs import Inputs
from agent.detect.kernels.validity import SENSORS

DROP = 0.25
RATE_K_PER_S = 1.0
HOLD_S = 3.0
MIN_STEP_S = 1.0  # rates over less than this are mostly noise
BACK = 0.3  # of the rise: a reading that falls below was a loose contact
MIN_STEPS = 2  # a sensor that jumps once and stays has not heated
WITHOUT_LARGEST = 0.3  # of the rate is left where the largest step is taken off, or a contact was loose
FORGET_S = 800.0  # time constant with which the highest voltage so far comes down: a discharge is not a drop
FORGET_HOT_S = 21600.0  # the same for the highest temperature: a cell in runaway was not as hot the same day
WITH_DROP_DEGC = 1200.0  # beyond a sensor's range its reading counts only together with a voltage drop
PLAUSIBLE_DEGC = 200.0
DROP_LASTS_S = 60.0  # a runaway may begin at one cell and end at another

# Columns of the state: the last readings at least MIN_STEP_S apart, newest first, their times; how long the
# rate has held, and over how many of them; the highest reading before those. What only comes back to where it
# was, after a frame of zeros or a BMU's restart, has not heated.
ANCHORS = 5
ANCHOR, ANCHOR_T, RISING_S, STEPS, HIGHEST, COLUMNS = columns(ANCHORS, ANCHORS, 1, 1, 1)


class Trips(NamedTuple):
    """Of each cell its highest voltage, and the group of sensors it counts for; of each group, and of cells
    that count for none, the time since a voltage dropped; of each sensor its state and score.
    """

    highest: Floats
    dropped_s: Floats
    group: Ints
    state: Floats
    score: Floats


TRIPS = Group(
    Trips,
    highest=Array(("cells",), kept=SENSORS),
    dropped_s=Array((("groups", 1),), first=np.inf, kept=SENSORS),
    group=Array(("cells",), np.int64, first=None),
    state=Array(("sensors", COLUMNS)),  # it judges a few seconds: a restart begins it anew
    score=Array(("sensors",), first=np.nan),
)


@compiled  # no fastmath: it may delete the NaN test below
def voltage_drop(dt_s: float, bank: Inputs, highest: Floats, dropped_s: Floats, group: Ints) -> None:
    """
    Follow since when a cell of each group of sensors has lost more than a quarter of its voltage.

    Parameters
    ----------
    dt_s : float, s
    bank : Inputs
        The cells, raw.
    highest : (n,) float64, V
        State: 0 at first.
    dropped_s : (n_groups,) float64, s
        State and output: time since a drop was last seen; infinite at first.
    group : (n,) int64
        Index into `dropped_s` for each cell.
    """
    for g in range(dropped_s.size):
        dropped_s[g] += dt_s
    keep = np.exp(-dt_s / FORGET_S)
    for c in range(bank.raw.size):
        volt = bank.raw[c]
        if not -1.0 < volt < 5.5 or (bank.usable[c] == 0 and volt > 0.5 * highest[c]):
            continue  # an unread value; one that collapsed below what is possible is no reason to look away
        highest[c] = max(highest[c] * keep, volt)
        if volt < (1.0 - DROP) * highest[c]:
            dropped_s[group[c]] = 0.0


@compiled  # no fastmath: it may delete the NaN test below
def trip(t_s: float, hot_degc: float, bank: Inputs, dropped_s: Floats, state: Floats, score: Floats) -> None:
    """
    Score 1 each sensor at which the rule holds, 0 where it does not, NaN where it cannot be seen.

    Parameters
    ----------
    t_s : float, s
    hot_degc : float
        Highest operating temperature.
    bank : Inputs
        The sensors, raw.
    dropped_s : (n_groups,) float64, s
        From `voltage_drop`.
    state : (n, COLUMNS) float64
        ANCHOR (degC, NaN at first) .. HIGHEST (degC, -inf at first).
    score : (n,) float64
        Output.
    """
    for c in range(bank.raw.size):
        x = bank.raw[c]
        score[c] = np.nan
        dropped = dropped_s[bank.group[c]] <= DROP_LASTS_S
        if not -40.0 < x < (WITH_DROP_DEGC if dropped else PLAUSIBLE_DEGC):
            continue
        score[c] = 0.0
        elapsed = t_s - state[c, ANCHOR_T]
        if np.isnan(state[c, ANCHOR]) or elapsed >= MIN_STEP_S * 0.999 or elapsed < 0.0:
            if elapsed > 0.0 and (x - state[c, ANCHOR]) >= RATE_K_PER_S * elapsed:
                state[c, RISING_S] += elapsed
                state[c, STEPS] += 1.0
            elif not (dropped and x >= PLAUSIBLE_DEGC):  # a clipped reading
                state[c, RISING_S] = 0.0
                state[c, STEPS] = 0.0
            _forget(max(elapsed, 0.0), state, c)
            for a in range(ANCHORS - 1, 0, -1):
                state[c, ANCHOR + a] = state[c, ANCHOR + a - 1]
                state[c, ANCHOR_T + a] = state[c, ANCHOR_T + a - 1]
            state[c, ANCHOR] = x
            state[c, ANCHOR_T] = t_s
        held = state[c, RISING_S] > HOLD_S and state[c, STEPS] >= MIN_STEPS
        held = held and x - state[c, HIGHEST] >= RATE_K_PER_S * HOLD_S
        beyond = x >= PLAUSIBLE_DEGC
        if beyond and not _credible(state, c, hot_degc):
            continue
        clipped = dropped and beyond and state[c, STEPS] >= 1.0
        if clipped or ((held or _rose(state, c, dropped)) and (x >= hot_degc or dropped)):
            score[c] = 1.0


@compiled
def _forget(elapsed: float, state: Floats, c: int) -> None:
    """Bring the highest reading up to what two of the oldest anchors say, or let it come down towards it."""
    oldest = min(state[c, ANCHOR + ANCHORS - 1], state[c, ANCHOR + ANCHORS - 2])
    if PLAUSIBLE_DEGC > oldest >= state[c, HIGHEST]:
        state[c, HIGHEST] = oldest
    elif oldest < state[c, HIGHEST]:  # neither is true for NaN
        state[c, HIGHEST] = oldest + (state[c, HIGHEST] - oldest) / (1.0 + elapsed / FORGET_HOT_S)


@compiled
def _credible(state: Floats, c: int, hot_degc: float) -> bool:
    """May a sensor that reads what no cell is be believed: it was hot before, or goes on, not with one code.

    Cells of 0 V and sensors of 471 degC are a bad frame.
    """
    same = True
    for a in range(1, ANCHORS):
        before = state[c, ANCHOR + a]
        if not before >= PLAUSIBLE_DEGC:
            return bool(before >= hot_degc)
        same = same and before == state[c, ANCHOR]
    return not same


@compiled
def _rose(state: Floats, c: int, dropped: bool) -> bool:
    """Did the mean rate hold over the last readings, most of them rising and none back where they began.

    One large step among them is a contact, unless a cell has lost its voltage.
    """
    first, last = state[c, ANCHOR + ANCHORS - 1], state[c, ANCHOR]
    elapsed = state[c, ANCHOR_T] - state[c, ANCHOR_T + ANCHORS - 1]
    risen = last - max(first, state[c, HIGHEST])
    if not (elapsed > HOLD_S and risen >= RATE_K_PER_S * elapsed):  # also true for NaN
        return False
    rising = 0
    largest = 0.0
    for a in range(ANCHORS - 1):
        step = state[c, ANCHOR + a] - state[c, ANCHOR + a + 1]
        rising += step > 0.0
        largest = max(largest, step)
        if state[c, ANCHOR + a] < first + BACK * (last - first):
            return False
    steadily = risen - largest >= WITHOUT_LARGEST * RATE_K_PER_S * elapsed
    return rising >= ANCHORS - 2 and (steadily or dropped)


def new_state(n: int) -> Floats:
    """Return the state (n, COLUMNS) of sensors that have not been seen yet."""
    state = np.zeros((n, COLUMNS))
    state[:, ANCHOR : ANCHOR + ANCHORS] = np.nan
    state[:, HIGHEST] = -np.inf
    return state


def new_trips(sensors: int, groups: int, drop_group: Ints) -> Trips:
    """Return the arrays for sensors and cells that have not been seen yet; drop_group (cells,)."""
    given = {"group": drop_group}
    trips: Trips = TRIPS.new(given=given, cells=len(drop_group), groups=groups, sensors=sensors)
    trips.state[:] = new_state(sensors)
    return trips
