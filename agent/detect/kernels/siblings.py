"""The leave-one-out median: what the siblings of a channel say, without the channel itself."""

import numpy as np

from agent.detect.channels import Floats, Ints
from agent.detect.kernels.compiled import compiled


@compiled  # no fastmath: it may delete the NaN tests below
def sibling_median(value: Floats, member: Ints, start: Ints, rest: Floats, out: Floats) -> None:
    """
    Median of all good siblings of each channel, the channel itself left out.

    Parameters
    ----------
    value : (n,) float64
        NaN where there is no good value.
    member, start : (n,), (n_groups + 1,) int64
        Channels of group g are ``member[start[g]:start[g + 1]]``.
    rest : (n,) float64
        Scratch.
    out : (n,) float64
        The medians before, which these are seldom far from, and output: NaN where no sibling has a good
        value; also given for channels that have none themselves.

    Notes
    -----
    Three order statistics in the middle are all that is needed: taking out a value at or below the middle
    moves the median up, any other one moves it down.
    """
    for g in range(start.size - 1):
        first, last = start[g], start[g + 1]
        good = 0
        for a in range(first, last):
            x = value[member[a]]
            rest[good] = x
            good += not np.isnan(x)
        _leave_each_out(value, member, rest, out, first, last, good)


@compiled
def _leave_each_out(
    value: Floats, member: Ints, rest: Floats, out: Floats, first: int, last: int, good: int
) -> None:
    k = max(good - 2, 0) // 2  # of the others, the lower one in the middle
    low, at_most = _select(rest, good, k, out[member[first]]) if good > 0 else (np.nan, 0)
    middle, high = low, low
    if at_most <= k + 2:
        middle, high = _next_two(value, member, first, last, low)
        if at_most > k + 1:
            middle, high = low, middle
    # what is left, by which of the values in the middle is taken out
    if good % 2 == 0:
        without_low, without_middle, without_high, without_none = middle, low, low, 0.5 * (low + middle)
    else:
        without_low, without_middle = 0.5 * (middle + high), 0.5 * (low + high)
        without_high, without_none = 0.5 * (low + middle), middle
    if good == 1:
        without_low, without_none = np.nan, low
    for a in range(first, last):
        x = value[member[a]]
        others = without_high
        if x <= middle:
            others = without_middle
        if x <= low:
            others = without_low
        if np.isnan(x):
            others = without_none
        out[member[a]] = others


@compiled
def _select(rest: Floats, n: int, k: int, guess: float) -> tuple[float, int]:
    """Return which of the first n values is larger than k of them, and how many are not larger than it; the
    values are lost. `guess`: it may be this.
    """
    dropped = 0
    while True:
        below = 0
        equal = 0
        for a in range(n):
            below += rest[a] < guess
            equal += rest[a] == guess
        if below <= k < below + equal:
            return guess, dropped + below + equal
        kept = 0
        for a in range(n):  # no step asks which way to go: of noise a processor guesses that wrong
            x = rest[a]
            rest[kept] = x
            kept += x < guess if k < below else not x <= guess  # also all where the guess is NaN
        if k >= below:
            k -= below + equal
            dropped += below + equal
        n = kept
        guess = rest[n // 2]


@compiled
def _next_two(value: Floats, member: Ints, first: int, last: int, low: float) -> tuple[float, float]:
    """Return the two values above `low`; NaN where there are none."""
    middle, high = np.inf, np.inf
    for a in range(first, last):
        x = value[member[a]]
        if not x > low:
            x = np.inf
        high = min(high, max(x, middle))
        middle = min(x, middle)
    return middle if middle < np.inf else np.nan, high if high < np.inf else np.nan
