"""From slopes to verdicts: how fast a sensor heats by itself, and against its siblings."""

from typing import NamedTuple

import numpy as np
from numba import njit

from agent.detect import noise
from agent.detect.channels import Floats
from agent.detect.inputs import Inputs
from agent.detect.slope import (
    CERTAIN,
    G0,
    POSSIBLE,
    SCALES_S,
    SIGMAS,
    SLOPE,
    X0,
    Signal,
    Slopes,
    fit_slopes,
    rise,
)

# Columns of a verdict: K/min, and which scale says so.
SCORE, SCALE = range(2)

OWN_SHARE = 0.5  # of its siblings' heating a sensor may add before it counts: places and loads differ

#: A slope that has not yet amounted to this much is never more than advice, however certain it is.
MIN_RISE_K, MIN_RISE_STEPS = 0.4, 1.5
ADVICE_AT_MOST = 0.09  # K/min; below the warning's limit
MIN_RISE_ALONE_K = 2.0


@njit(cache=True, error_model="numpy")  # no fastmath: it may delete the NaN tests below
def judge_heating(dt_s: float, bank: Inputs, slopes: Slopes, own: Floats, relative: Floats) -> None:
    """
    Score each sensor: its largest certain slope of all scales, by itself and against its siblings, in K/min.

    Parameters
    ----------
    dt_s : float, s
        Time since the last frame, > 0.
    bank : Inputs
        The sensors' values and their siblings' medians, degC.
    slopes : Slopes
        State.
    own, relative : (n, 2) float64
        Output: SCORE (NaN: not known) and SCALE.

    Notes
    -----
    Against siblings, the sensor must itself be heating (when the siblings cool, it only lags), and heating
    that is common to all excuses a share of its own: load heats every cell, though not every sensor alike.
    """
    fit_slopes(dt_s, bank.value, bank.median, bank.restart, slopes)
    alone, against = slopes.temperature.fit, slopes.gain.fit
    for c in range(bank.value.size):
        own[c, SCORE] = np.nan
        relative[c, SCORE] = np.nan
        for k in range(SCALES_S.size):
            slope = alone[c, k, SLOPE]
            excused = OWN_SHARE * max(slope - against[c, k, SLOPE], 0.0)
            _keep(own, c, k, 60.0 * alone[c, k, CERTAIN])
            _keep(relative, c, k, 60.0 * min(against[c, k, CERTAIN] - excused, slope))
        if own[c, SCORE] > 0.0 and not rise(slopes, c, X0) >= MIN_RISE_ALONE_K:
            own[c, SCORE] = 0.0
        if relative[c, SCORE] > ADVICE_AT_MOST and not rise(slopes, c, G0) >= max(
            MIN_RISE_K, MIN_RISE_STEPS * bank.step[c]
        ):
            relative[c, SCORE] = ADVICE_AT_MOST


@njit(cache=True)
def _keep(best: Floats, c: int, k: int, score: float) -> None:
    if score > best[c, SCORE] or np.isnan(best[c, SCORE]):
        best[c, SCORE] = score
        best[c, SCALE] = k


class Seen(NamedTuple):
    """What explains a verdict: slopes and noise (1 sigma), K/min; `certain` is what noise cannot do."""

    certain: float
    own: float
    against: float
    noise: float
    rise_k: float
    for_s: float


def seen(slopes: Slopes, verdict: Floats, c: int, signal: Signal) -> Seen:
    """Return what explains the verdict on sensor `c`; `signal` is the one that was scored."""
    k = int(verdict[c, SCALE])
    slope = float(signal.fit[c, k, SLOPE])
    risen = rise(slopes, c, X0 if signal is slopes.temperature else G0)
    return Seen(
        certain=float(verdict[c, SCORE]),
        own=60.0 * float(slopes.temperature.fit[c, k, SLOPE]),
        against=60.0 * float(slopes.gain.fit[c, k, SLOPE]),
        noise=60.0 * max(_white(slopes, c, k, signal), float(signal.learned[c, k, POSSIBLE] / SIGMAS[k])),
        rise_k=risen,
        for_s=min(risen / slope, 2.0 * float(SCALES_S[k])) if slope > 0.0 else 0.0,
    )


def _white(slopes: Slopes, c: int, k: int, signal: Signal) -> float:
    s0, s1, s2, v0, v1, v2 = slopes.moments[c, k, :6]
    spread = (s0 * s0 * v2 - 2.0 * s0 * s1 * v1 + s1 * s1 * v0) / (s0 * s2 - s1 * s1) ** 2
    return float(signal.noise[c, noise.SD] * np.sqrt(max(spread, 0.0)))
