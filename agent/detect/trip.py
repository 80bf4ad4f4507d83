"""The last resort: raw values, no learning, independent of every other detector.

GB 38031-2025 C.5.3.7 calls it thermal runaway when (voltage drop > 25 % or T >= highest operating T) and
dT/dt >= 1 degC/s holds for more than 3 s.
"""

import numpy as np
from numba import njit

from agent.detect.channels import Codes, Floats, Ints

MAX_OPERATING_DEGC = 60.0
DROP = 0.25
RATE_K_PER_S = 1.0
HOLD_S = 3.0
MIN_STEP_S = 1.0  # rates over less than this are mostly noise
MIN_STEPS = 2  # a sensor that jumps once and stays has not heated
FORGET_S = 800.0  # time constant with which the highest voltage so far comes down: a discharge is not a drop

ANCHOR, ANCHOR_T, RISING_S, STEPS = range(4)


@njit(cache=True)  # no fastmath: it may delete the NaN tests below
def voltage_drop(
    dt_s: float, volts: Floats, usable: Codes, highest: Floats, group: Ints, dropped: Codes
) -> None:
    """
    Mark the groups in which a cell has lost more than a quarter of its voltage.

    Parameters
    ----------
    dt_s : float, s
    volts : (n,) float64, V
    usable : (n,) uint8
        1 where the value is good and possible.
    highest : (n,) float64, V
        State: 0 at first.
    group : (n,) int64
        Index into `dropped` for each cell.
    dropped : (n_groups,) uint8
        Output.
    """
    dropped[:] = 0
    keep = np.exp(-dt_s / FORGET_S)
    for c in range(volts.size):
        if usable[c] == 0:
            continue
        highest[c] = max(highest[c] * keep, volts[c])
        if volts[c] < (1.0 - DROP) * highest[c]:
            dropped[group[c]] = 1


@njit(cache=True)  # no fastmath: it may delete the NaN tests below
def trip(
    t_s: float, temp_degc: Floats, usable: Codes, group: Ints, dropped: Codes, state: Floats, score: Floats
) -> None:
    """
    Score 1 each sensor at which the rule holds, 0 where it does not, NaN where it cannot be seen.

    Parameters
    ----------
    t_s : float, s
    temp_degc : (n,) float64, degC
    usable : (n,) uint8
        1 where the value is good and possible.
    group : (n,) int64, dropped : (n_groups,) uint8
        Where a voltage drop counts, from `voltage_drop`.
    state : (n, 4) float64
        ANCHOR (degC, NaN at first), ANCHOR_T, RISING_S, STEPS.
    score : (n,) float64
        Output.
    """
    for c in range(temp_degc.size):
        score[c] = np.nan
        if usable[c] == 0:
            continue
        anchor = state[c]
        score[c] = 0.0
        elapsed = t_s - anchor[ANCHOR_T]
        if np.isnan(anchor[ANCHOR]) or elapsed >= MIN_STEP_S * 0.999:
            if not np.isnan(anchor[ANCHOR]) and (temp_degc[c] - anchor[ANCHOR]) >= RATE_K_PER_S * elapsed:
                anchor[RISING_S] += elapsed
                anchor[STEPS] += 1.0
            else:
                anchor[RISING_S] = 0.0
                anchor[STEPS] = 0.0
            anchor[ANCHOR] = temp_degc[c]
            anchor[ANCHOR_T] = t_s
        if anchor[RISING_S] > HOLD_S and anchor[STEPS] >= MIN_STEPS:
            hot = temp_degc[c] >= MAX_OPERATING_DEGC
            if hot or dropped[group[c]] == 1:
                score[c] = 1.0


def new_state(n: int) -> Floats:
    """Return the state of `n` sensors that have not been seen yet."""
    state = np.zeros((n, 4))
    state[:, ANCHOR] = np.nan
    return state
