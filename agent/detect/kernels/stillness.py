"""For how long each value of a unit has stood still, and how often it turned: the kernels of `liveness`."""

import numpy as np
from numba import njit

from agent.detect.channels import Codes, Flags, Floats, Ints
from agent.quality import Quality

LEAST_S = 30.0  # the earliest that standing still counts: units pause for some seconds now and then
BEYOND_ROUNDING = 2  # raw units

_GOOD, _STALE = np.uint8(Quality.GOOD), np.uint8(Quality.STALE)

# Columns of the channels' counts.
STILL, STILL_FRAMES, DIRECTION, REVERSALS, FRAMES, LONGEST = range(6)


@njit(cache=True)
def follow(
    dt_s: float, raw: Ints, quality: Codes, teaches: Codes, last: Ints, seen: Codes, counts: Floats
) -> tuple[bool, bool, bool]:
    """
    Follow every channel through one more frame.

    Parameters
    ----------
    dt_s : float, s
        Time since the last frame.
    raw : (n,) int64, quality : (n,) uint8
        The frame; only values of quality GOOD count.
    teaches : (n,) uint8
        1 where a channel's reversals are noise.
    last : (n,) int64, seen : (n,) uint8
        State: the last good raw value of each channel, and whether there was one.
    counts : (n, 6) float64
        State and output: seconds and frames since the last step, as far as it
        was seen; direction of that step; reversals and good frames in this
        stretch; the most frames that ever lay between two steps.

    Returns
    -------
    answered, moved, reversed : bool
        Whether any value is good, any channel has moved, and one that teaches
        has turned.
    """
    answered, moved, turned = False, False, False
    for i in range(raw.size):
        answered = answered or quality[i] == _GOOD
    if not answered:
        return answered, moved, turned
    for i in range(raw.size):
        if quality[i] == _STALE:  # a state point between its turns
            counts[i, STILL] += dt_s
        if quality[i] != _GOOD:
            continue
        counts[i, STILL] += dt_s
        counts[i, FRAMES] += 1.0
        counts[i, STILL_FRAMES] += 1.0
        if seen[i] == 0:
            seen[i], last[i] = 1, raw[i]
            counts[i, STILL] = counts[i, STILL_FRAMES] = 0.0
            moved = True
            continue
        if raw[i] == last[i]:
            continue
        direction = 1.0 if raw[i] > last[i] else -1.0
        if teaches[i] == 1 and direction == -counts[i, DIRECTION]:
            turned = True
            if abs(raw[i] - last[i]) >= BEYOND_ROUNDING:
                counts[i, REVERSALS] += 1.0
        counts[i, LONGEST] = max(counts[i, LONGEST], counts[i, STILL_FRAMES])
        counts[i, DIRECTION] = direction
        counts[i, STILL] = counts[i, STILL_FRAMES] = 0.0
        last[i] = raw[i]
        moved = True
    return answered, moved, turned


@njit(cache=True)
def find_stuck(counts: Floats, limits: Floats, stuck: Flags) -> bool:
    """
    Find the channels that have stood still for longer than their own noise makes credible.

    Parameters
    ----------
    counts : (n, 6) float64
        See `follow`.
    limits : (n,) float64
        Frames.
    stuck : (n,) bool
        Output.

    Returns
    -------
    found : bool
        Whether there is any.
    """
    found = False
    for i in range(limits.size):
        stuck[i] = counts[i, STILL_FRAMES] >= limits[i] and counts[i, STILL] >= LEAST_S
        found = found or stuck[i]
    return found
