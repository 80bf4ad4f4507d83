"""Blindness: how long a channel has given nothing a detector can use. Silence is never health."""

import numpy as np
from numba import njit

from agent.detect.channels import Floats

BLIND_S = 60.0
BLIND_POLLS = 10  # the longer of the two, as for a unit's knowledge


@njit(cache=True)  # no fastmath: it may delete the NaN test below
def age_channels(dt_s: float, value: Floats, age_s: Floats, score: Floats) -> None:
    """
    Age every channel by the time between frames.

    Parameters
    ----------
    dt_s : float, s
        Time since the last frame.
    value : (n,) float64
        NaN where there is no usable value.
    age_s : (n,) float64, s
        State: since the last usable value; infinite until the first.
    score : (n,) float64, s
        Output: the age; 0 for a channel that never had a value (there is no sensor to go blind).
    """
    for c in range(value.size):
        if np.isnan(value[c]):
            age_s[c] += dt_s
        else:
            age_s[c] = 0.0
        score[c] = 0.0 if np.isinf(age_s[c]) else age_s[c]


def limit_s(period_s: float) -> float:
    """Return the age at which a channel is blind."""
    return max(BLIND_S, BLIND_POLLS * period_s)
