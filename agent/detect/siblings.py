"""The leave-one-out median: what the siblings of a channel say, without the channel itself."""

import numpy as np
from numba import njit

from agent.detect.channels import Floats, Ints


@njit(cache=True)  # no fastmath: it may delete the NaN test below
def sibling_median(value: Floats, member: Ints, start: Ints, order: Ints, out: Floats) -> None:
    """
    Median of all good siblings of each channel, the channel itself left out.

    Parameters
    ----------
    value : (n,) float64
        NaN where there is no good value.
    member, start : (n,), (n_groups + 1,) int64
        Channels of group g are ``member[start[g]:start[g + 1]]``.
    order : (n,) int64
        Scratch that the caller keeps: `member`, sorted within each group as of the last frame, so that
        sorting again costs little.
    out : (n,) float64
        NaN where no sibling has a good value; also given for channels that have none themselves.
    """
    for g in range(start.size - 1):
        first, last = start[g], start[g + 1]
        good = first
        for a in range(first, last):  # insertion sort of the good ones to the front, the others behind
            c = order[a]
            x = value[c]
            if np.isnan(x):
                continue
            order[a] = order[good]
            b = good
            while b > first and value[order[b - 1]] > x:
                order[b] = order[b - 1]
                b -= 1
            order[b] = c
            good += 1
        m = good - first
        for a in range(first, last):
            rank = a - first  # of the channel among the good ones; at or above m it is not good itself
            others = m - 1 if rank < m else m
            if others < 1:
                out[order[a]] = np.nan
                continue
            low = (others - 1) // 2
            high = others // 2
            if low >= rank:
                low += 1
            if high >= rank:
                high += 1
            out[order[a]] = 0.5 * (value[order[first + low]] + value[order[first + high]])
