"""The leave-one-out median: what the siblings of a channel say, without the channel itself."""

import numpy as np

from agent.detect.channels import Floats, Ints
from agent.detect.kernels.compiled import compiled


@compiled  # no fastmath: it may delete the NaN test below
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
        Scratch that the caller keeps: `member`, arranged within each group as of the last frame, so that
        arranging again costs little.
    out : (n,) float64
        NaN where no sibling has a good value; also given for channels that have none themselves.

    Notes
    -----
    Three order statistics in the middle are all that is needed: taking out a value at or below the middle
    moves the median up, any other one moves it down.
    """
    for g in range(start.size - 1):
        first, last = start[g], start[g + 1]
        good = first
        for a in range(first, last):
            c = order[a]
            if not np.isnan(value[c]):
                order[a] = order[good]
                order[good] = c
                good += 1
        _leave_each_out(value, member, order, out, first, last, good)


@compiled
def _leave_each_out(
    value: Floats, member: Ints, order: Ints, out: Floats, first: int, last: int, good: int
) -> None:
    m = good - first
    k = max(m - 2, 0) // 2  # of the others, the lower one in the middle
    low, middle, high = np.nan, np.nan, np.nan
    if m > 0:
        low = _select(value, order, first, good - 1, first + k)
    for a in range(first + k + 1, good):
        x = value[order[a]]
        if not x >= middle:  # also true while it is NaN
            high = middle
            middle = x
        elif not x >= high:
            high = x
    for a in range(first, last):
        c = member[a]
        x = value[c]
        if np.isnan(x):
            out[c] = low if m == 1 else middle if m % 2 == 1 else 0.5 * (low + middle)
        elif m == 1:
            out[c] = np.nan
        elif m % 2 == 0:
            out[c] = middle if x <= low else low
        elif x <= low:
            out[c] = 0.5 * (middle + high)
        else:
            out[c] = 0.5 * (low + (high if x <= middle else middle))


@compiled
def _select(value: Floats, order: Ints, left: int, right: int, k: int) -> float:
    """Arrange order[left..right] so that none before k is larger than the value at k; return it (Hoare)."""
    while left < right:
        pivot = value[order[(left + right) // 2]]
        i, j = left, right
        while i <= j:
            while value[order[i]] < pivot:
                i += 1
            while value[order[j]] > pivot:
                j -= 1
            if i <= j:
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        if k <= j:
            right = j
        elif k >= i:
            left = i
        else:
            break
    return float(value[order[k]])
