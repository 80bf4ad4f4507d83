"""What every bank takes from a frame: its usable values, its siblings' medians, its ages."""

from typing import NamedTuple

import numpy as np
from numba import njit

from agent.detect.channels import Bank, Codes, Flags, Floats, Ints
from agent.detect.siblings import sibling_median
from agent.detect.validity import GOOD, HELD, RESTART

BLIND_S = 60.0
BLIND_POLLS = 10  # the longer of the two, as for a unit's knowledge


class Inputs(NamedTuple):
    """Preallocated arrays of one bank, all (n,) but `start`; a tuple, so that kernels take it whole.

    at: `Bank.index`. member, start, step: see `Bank`. raw: as read, jumps included. value: NaN where no
    detector may use it. usable: 1 where raw is good and possible. restart: the sensor has stepped. median: of
    the siblings. age_s: since the last usable value, infinite before the first. blind: the same, 0 before the
    first (there is no sensor to go blind). order: scratch.
    """

    at: Ints
    group: Ints
    member: Ints
    start: Ints
    step: Floats
    order: Ints
    raw: Floats
    value: Floats
    usable: Codes
    restart: Flags
    median: Floats
    age_s: Floats
    blind: Floats


def new_inputs(bank: Bank) -> Inputs:
    """Return the arrays for a bank of which nothing has been seen yet."""
    n = bank.n
    return Inputs(
        at=bank.index,
        group=bank.group,
        member=bank.member,
        start=bank.start,
        step=bank.step,
        order=bank.member.copy(),
        raw=np.full(n, np.nan),
        value=np.full(n, np.nan),
        usable=np.zeros(n, np.uint8),
        restart=np.zeros(n, np.bool_),
        median=np.full(n, np.nan),
        age_s=np.full(n, np.inf),
        blind=np.zeros(n),
    )


@njit(cache=True)  # no fastmath: it may delete the NaN test below
def take_inputs(dt_s: float, si: Floats, value: Floats, verdict: Codes, bank: Inputs) -> None:
    """
    Pick a bank's values out of a frame that has passed the gate.

    Parameters
    ----------
    dt_s : float, s
        Time since the last frame.
    si, value : (n_frame,) float64, verdict : (n_frame,) uint8
        The frame, and what `validity.gate` made of it.
    bank : Inputs
        State and output.
    """
    for c in range(bank.at.size):
        i = bank.at[c]
        x = value[i]
        bank.raw[c] = si[i]
        bank.value[c] = x
        bank.usable[c] = verdict[i] in (GOOD, HELD, RESTART)
        bank.restart[c] = verdict[i] == RESTART
        bank.age_s[c] = bank.age_s[c] + dt_s if np.isnan(x) else 0.0
        bank.blind[c] = 0.0 if np.isinf(bank.age_s[c]) else bank.age_s[c]
    sibling_median(bank.value, bank.member, bank.start, bank.order, bank.median)


def blind_limit_s(period_s: float) -> float:
    """Return the age at which a channel is blind."""
    return max(BLIND_S, BLIND_POLLS * period_s)
