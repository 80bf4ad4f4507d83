"""From slopes to verdicts: how fast a sensor heats by itself, against its siblings, and while nothing loads.

Both signals are residuals: what load and room explain (see `load`) is taken off first.
"""

import math
from typing import NamedTuple

import numpy as np

from agent.detect.channels import Floats
from agent.detect.kernels import noise
from agent.detect.kernels.arrays import Array, Group
from agent.detect.kernels.compiled import compiled, inlined
from agent.detect.kernels.inputs import RETURNED, Inputs
from agent.detect.kernels.load import NOW, RESTED_S, Circuits, Model, explain_by_load
from agent.detect.kernels.slope import (
    CERTAIN,
    G0,
    SCALES_S,
    SIGMAS,
    SLOPE,
    X0,
    Signal,
    Slopes,
    fit_slopes,
    rise,
)
from agent.detect.kernels.validity import SENSORS
from agent.detect.kernels.wander import JUMP, POSSIBLE

# Columns of a verdict, K/min and degC; then which scale says so of the first two.
AGAINST, ALONE, AT_REST, HOT, AGAINST_SCALE, ALONE_SCALE, COLUMNS = range(7)

OWN_SHARE = 0.5  # of its siblings' heating a sensor may add before it counts: places and loads differ

#: A slope that has not yet amounted to this much is never more than advice, or no more than a warning,
#: however certain it is.
MIN_RISE_K, MIN_RISE_STEPS = 0.4, 1.5
ADVICE_AT_MOST = 0.09  # K/min; below the warning's limit
CRITICAL_RISE_K = 1.0
WARNING_AT_MOST = 0.45
MIN_RISE_ALONE_K = 2.0
REST_RISE_K, REST_WARNING_AT_MOST = 4.0, 1.45

#: The battery rests when its current says so, or, where that is not measured, when its voltages stand still:
#: a load that heats a cell by 1 K/min pulls its voltage down at once, and further as it discharges.
QUIET_V, QUIET_LAG_S = 0.03, 1800.0
RESTED_AFTER_S, QUIET_AFTER_S = 300.0, 60.0


class Heat(NamedTuple):
    """State and verdicts on n sensors: signal, gain (n,), verdict (n, 6); slow_v (n_cells,); quiet_s (1,)."""

    signal: Floats
    gain: Floats
    verdict: Floats
    slow_v: Floats
    quiet_s: Floats


HEAT = Group(
    Heat,
    signal=Array(("sensors",), first=np.nan),
    gain=Array(("sensors",), first=np.nan),
    verdict=Array(("sensors", COLUMNS), first=np.nan),
    slow_v=Array(("cells",), first=np.nan, kept=SENSORS),
    quiet_s=Array((1,), kept=SENSORS),
)


def new_heat(sensors: int, cells: int) -> Heat:
    """Return the state for sensors and cells that have not been seen yet."""
    heat: Heat = HEAT.new(sensors=sensors, cells=cells)
    return heat


@compiled  # no fastmath: it may delete the NaN tests below
def judge_heating(
    dt_s: float,
    bank: Inputs,
    load: Circuits,
    own: Model,
    against: Model,
    slopes: Slopes,
    hot: Floats,
    heat: Heat,
) -> None:
    """
    Score each sensor: its largest certain slope of all scales, by itself and against its siblings, in K/min.

    Parameters
    ----------
    dt_s : float, s
        Time since the last frame, > 0.
    bank : Inputs
        The sensors' values and their siblings' medians, degC.
    load : Circuits
        Brought up to this frame.
    own, against : Model
        What load and room explain of the sensors, and of their distance from their siblings.
    slopes : Slopes
    hot : (n,) float64, degC
        What may be compared with limits: see `doubt`.
    heat : Heat
        State, and output in `verdict`; NaN: not known.

    Notes
    -----
    Against siblings, the sensor must itself be heating, and the more the faster the siblings cool (else it is
    in the lee of their draught); heating that is common to all excuses a share of its own: load heats every
    cell, though not every sensor alike.
    """
    n = bank.value.size
    for c in range(n):
        heat.gain[c] = bank.value[c] - bank.median[c]
    explain_by_load(dt_s, bank.value, bank, load, own)
    explain_by_load(dt_s, heat.gain, bank, load, against)
    for c in range(n):
        heat.signal[c] = bank.value[c] - own.explained[c]
        heat.gain[c] -= against.explained[c]
        if bank.restart[c] == RETURNED:
            doubt(dt_s, slopes, c)
    fit_slopes(dt_s, heat.signal, heat.gain, bank.restart, slopes)
    quiet = heat.quiet_s[0] >= QUIET_AFTER_S
    for c in range(n):
        _judge_sensor(bank, slopes, heat.verdict, quiet, c)
        heat.verdict[c, HOT] = hot[c]


@inlined
def doubt(dt_s: float, slopes: Slopes, c: int) -> None:
    """
    Let a sensor that returns after a silence teach nothing until its windows are full.

    Values in them stay: what it did meanwhile may be the fault. But a slope over few values is noise, and one
    such fall would be reckoned with for a week. To be called before `fit_slopes`, which lets `dt_s` pass.
    """
    slopes.temperature.age_s[c] = -dt_s
    slopes.gain.age_s[c] = -dt_s


@inlined
def _judge_sensor(bank: Inputs, slopes: Slopes, verdict: Floats, quiet: bool, c: int) -> None:
    alone, gain = slopes.temperature.fit, slopes.gain.fit
    best_alone, best_against = -np.inf, -np.inf
    for k in range(SCALES_S.size):
        certain = alone[c, k, CERTAIN]
        if certain > best_alone:
            best_alone = certain
            verdict[c, ALONE_SCALE] = k
        certain = gain[c, k, CERTAIN]
        if certain > 0.0:
            slope = alone[c, k, SLOPE]
            common = slope - gain[c, k, SLOPE]
            certain = min(certain - OWN_SHARE * max(common, 0.0), slope - OWN_SHARE * max(-common, 0.0))
        if certain > best_against:
            best_against = certain
            verdict[c, AGAINST_SCALE] = k
    verdict[c, ALONE] = 60.0 * best_alone if best_alone > -np.inf else np.nan
    verdict[c, AGAINST] = 60.0 * best_against if best_against > -np.inf else np.nan
    if verdict[c, ALONE] > 0.0:
        risen = rise(slopes, c, X0)
        if not risen >= MIN_RISE_ALONE_K:
            verdict[c, ALONE] = 0.0
        verdict[c, AT_REST] = verdict[c, ALONE] if quiet else 0.0
        if not risen >= REST_RISE_K:
            verdict[c, AT_REST] = min(verdict[c, AT_REST], REST_WARNING_AT_MOST)
    else:
        verdict[c, AT_REST] = verdict[c, ALONE]
    if verdict[c, AGAINST] > ADVICE_AT_MOST:
        risen = rise(slopes, c, G0)
        climbed = risen - _stepped(slopes, c, int(verdict[c, AGAINST_SCALE]))
        if not climbed >= max(MIN_RISE_K, MIN_RISE_STEPS * bank.step[c]):
            verdict[c, AGAINST] = ADVICE_AT_MOST
        elif not risen >= max(CRITICAL_RISE_K, 2.0 * MIN_RISE_STEPS * bank.step[c]):
            verdict[c, AGAINST] = min(verdict[c, AGAINST], WARNING_AT_MOST)


@inlined
def _stepped(slopes: Slopes, c: int, k: int) -> float:
    """
    Return how far a sensor at least stepped in one frame, in the window of scale `k`, K: no heat is one step.

    Known of a step is what was beyond the noise of the sensor itself: at most half of it, or the whole (see
    `noise`). It is 0 where the sensor leaps in this frame too, for then it was not one step; and where it is
    wholly beyond the noise of its gain, for then the slope is without it already.
    """
    own, gain = slopes.temperature, slopes.gain
    beyond = own.learned[c, k, JUMP]
    height = beyond if beyond > noise.usual_step(own.step[c], own.noise, c) else 2.0 * beyond
    known = height <= 2.0 * noise.usual_step(gain.step[c], gain.noise, c)
    return height if known and own.noise[c, noise.LEAP] == 0.0 else 0.0


@compiled
def follow_rest(dt_s: float, cells: Inputs, load: Circuits, heat: Heat) -> None:
    """Follow for how long the battery has rested, by its currents and by its voltages."""
    known = False
    rests = True
    for j in range(load.at.size):
        if not np.isnan(load.state[j, NOW]):
            known = True
            rests = rests and load.state[j, RESTED_S] >= RESTED_AFTER_S
    away = 0.0
    seen = 0
    gain = 1.0 - math.exp(-dt_s / QUIET_LAG_S)
    for c in range(cells.value.size):
        x = cells.value[c]
        if np.isnan(x):
            continue
        if np.isnan(heat.slow_v[c]):
            heat.slow_v[c] = x
        heat.slow_v[c] += gain * (x - heat.slow_v[c])
        away += abs(x - heat.slow_v[c])
        seen += 1
    if seen > 0:
        known = True
        rests = rests and away / seen <= QUIET_V
    heat.quiet_s[0] = heat.quiet_s[0] + min(dt_s, QUIET_AFTER_S) if known and rests else 0.0


class Heating(NamedTuple):
    """How a sensor heats. certain, K/min: the part of the slope that is beyond noise. own, against, noise,
    K/min: its slope by itself and against its siblings, and one sigma of that. rise_k, for_s: how far it has
    risen, and in what time; 0 where it has not.
    """

    certain: float
    own: float
    against: float
    noise: float
    rise_k: float
    for_s: float


def heating_of(slopes: Slopes, verdict: Floats, c: int, column: int) -> Heating:
    """Return how sensor `c` heats by the verdict in `column`: AGAINST, ALONE or AT_REST."""
    by_siblings = column == AGAINST
    signal = slopes.gain if by_siblings else slopes.temperature
    at = verdict[c, AGAINST_SCALE if by_siblings else ALONE_SCALE]
    k = 0 if math.isnan(at) else int(at)
    slope = float(signal.fit[c, k, SLOPE])
    risen = rise(slopes, c, G0 if by_siblings else X0)
    return Heating(
        certain=float(verdict[c, column]),
        own=60.0 * float(slopes.temperature.fit[c, k, SLOPE]),
        against=60.0 * float(slopes.gain.fit[c, k, SLOPE]),
        noise=60.0 * max(_white(slopes, c, k, signal), float(signal.learned[c, k, POSSIBLE] / SIGMAS[k])),
        rise_k=risen,
        for_s=risen / slope if slope > 0.0 and risen > 0.0 else 0.0,
    )


def slackens(slopes: Slopes, verdict: Floats, c: int, column: int) -> bool:
    """Return whether sensor `c` has come, beyond doubt, to less than half the rate that its verdict is of:
    shorter scales see that first.
    """
    at, signal = verdict[c, AGAINST_SCALE if column == AGAINST else ALONE_SCALE], slopes.temperature
    scales = range(0 if math.isnan(at) else int(at))
    half = 0.5 * signal.fit[c, len(scales), SLOPE]
    now = [(k, signal.fit[c, k, SLOPE]) for k in scales if not math.isnan(signal.fit[c, k, SLOPE])]
    return any(slope + 2.0 * _white(slopes, c, k, signal) < half for k, slope in now)


def _white(slopes: Slopes, c: int, k: int, signal: Signal) -> float:
    s0, s1, s2, v0, v1, v2 = slopes.moments[c, k, :6]
    spread = (s0 * s0 * v2 - 2.0 * s0 * s1 * v1 + s1 * s1 * v0) / (s0 * s2 - s1 * s1) ** 2
    return float(signal.noise[c, noise.SD] * np.sqrt(max(spread, 0.0)))
