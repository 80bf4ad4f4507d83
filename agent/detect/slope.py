"""Online thermal slope: how fast a sensor heats, by itself and against its siblings, at several time scales.

At each scale tau a straight line is fitted with weights exp(-age / tau). That is close to the best there is:
for a ramp in white noise, the fit whose tau suits the ramp's age reaches 93 % of the signal-to-noise ratio of
a matched filter that knows onset and baseline; with scales a factor of four apart it is never below 78 %. A
bank of such fits is a generalised likelihood ratio test over onsets, at O(1) per sample and scale.

What is reported is never the slope itself but the *certain* slope: what is left of it when everything that
noise could have made is taken off:
  - `SIGMAS` standard deviations, from the sensor's own white noise (never less than its register step allows)
    or from how the slope at this scale has wandered before, whichever is more;
  - the most that rounding to the register step can do where the noise is too small to dither it;
  - the most that the largest single jump can do: heat is never one jump, a loose contact is.

Everything is relative to the present sample, so that months of uptime cost no digits.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from agent.detect.channels import Flags, Floats

SCALES_S = np.array([6.0, 24.0, 96.0, 384.0, 1536.0, 6144.0])
RECENT, BASE = 1, 4  # a rise is measured from the mean of the longer window without the shorter one

#: One-sided. Gaussian, per scale: 1e-9 per independent look, one look per tau: more than 190 years between
#: false alarms at tau = 6 s. Real noise is worse, which is why it is learned and why rows have delays.
SIGMAS = 6.0

MIN_SAMPLES = 3.0  # effective number below which a fit is no fit
LEARN_AFTER = 2.0  # time constants after which a fit says something about wandering
PRIOR_SLOPE = 0.01 / 60  # K/s: five times what ordinary rooms do in ten minutes; fades as more is learned
PRIOR_WINDOWS = 5.0
MEMORY_S = 86400.0  # rooms breathe daily
WHITE_MEMORY = 3600.0  # samples
GAP_S = 600.0  # values further apart say nothing about noise

# Columns of the moments: weights, weights squared, values. Ages are negative times before now.
S0, S1, S2, V0, V1, V2, Y0, Y1 = range(8)
# Columns of the noise state.
PREVIOUS, MEAN_STEP, STEPS, SD, ROUNDING, LEAP = range(6)
# Columns of what is learned per scale.
WANDER, WINDOWS, AGE, JUMP = range(4)
# Columns of the result.
SLOPE, CERTAIN, SIGMA, NOW, MEAN, WEIGHT = range(6)


@njit(cache=True)
def decay(dt_s: float, out: Floats) -> None:
    """Fill `out` (n_scales, 2) with exp(-dt / tau) and exp(-dt / (4 tau))."""
    for k in range(SCALES_S.size):
        quarter = math.exp(-0.25 * dt_s / SCALES_S[k])
        out[k, 1] = quarter
        out[k, 0] = quarter * quarter * quarter * quarter


@njit(cache=True)  # no fastmath: it may delete the NaN test below
def learn_noise(dt_s: float, value: Floats, step: Floats, noise: Floats) -> None:
    """
    Learn each signal's white noise from the differences of neighbouring samples.

    Parameters
    ----------
    dt_s : float, s
        Time since the last frame, > 0.
    value : (n,) float64, K
        NaN where there is no good value.
    step : (n,) float64, K
        Register step; no sensor is quieter than rounding to it.
    noise : (n, 6) float64, K
        State and output, see `new_state`: SD (standard deviation), ROUNDING (largest error of the mean that
        rounding leaves) and LEAP (how far this sample is from the last, beyond 3 standard deviations).

    Notes
    -----
    Noise of standard deviation s before rounding to steps of q leaves a mean error of at most
    (q / pi) exp(-2 pi^2 (s / q)^2), half a step without any noise (Widrow and Kollar, Quantization Noise,
    2008).
    """
    for c in range(value.size):
        x = value[c]
        noise[c, LEAP] = 0.0
        if np.isnan(x):
            continue
        if not np.isnan(noise[c, PREVIOUS]) and dt_s <= GAP_S:
            difference = abs(x - noise[c, PREVIOUS])
            usual = 3.8 * noise[c, MEAN_STEP] + step[c]
            noise[c, LEAP] = max(0.0, difference - usual)
            noise[c, STEPS] = min(noise[c, STEPS] + 1.0, WHITE_MEMORY)
            noise[c, MEAN_STEP] += (min(difference, usual) - noise[c, MEAN_STEP]) / noise[c, STEPS]
        noise[c, PREVIOUS] = x
        uniform = step[c] * step[c] / 12.0
        variance = max(0.7854 * noise[c, MEAN_STEP] * noise[c, MEAN_STEP], uniform)
        dither = (variance - uniform) / (step[c] * step[c])
        noise[c, SD] = math.sqrt(variance)
        noise[c, ROUNDING] = 0.5 * step[c] * math.exp(-19.74 * dither)


@njit(cache=True)  # no fastmath: it may delete the NaN tests below
def fit_slopes(
    dt_s: float,
    fading: Floats,
    value: Floats,
    restart: Flags,
    noise: Floats,
    moments: Floats,
    learned: Floats,
    fit: Floats,
) -> None:
    """
    Fit each signal's slope at every scale, and say how much of it is certain.

    Parameters
    ----------
    dt_s : float, s
        Time since the last frame, > 0.
    fading : (n_scales, 2) float64
        From `decay`, for this `dt_s`.
    value : (n,) float64, K
        NaN where there is no good value: time passes, nothing is added.
    restart : (n,) bool
        The sensor stepped: forget what was before, keep what is known of its noise.
    noise : (n, 6) float64, K
        From `learn_noise`.
    moments : (n, n_scales, 8), learned : (n, n_scales, 4) float64
        State, see `new_state`.
    fit : (n, n_scales, 6) float64, K/s and K
        Output: SLOPE, CERTAIN (one-sided lower bound), SIGMA, NOW (end of the fitted line), MEAN and WEIGHT
        (samples) of the window. NaN where the scale has too few samples.
    """
    for c in range(value.size):
        x = value[c]
        good = not np.isnan(x)
        if good and restart[c]:
            moments[c] = 0.0
            learned[c, :, AGE] = 0.0
            learned[c, :, JUMP] = 0.0
            noise[c, LEAP] = 0.0
        for k in range(SCALES_S.size):
            _advance(moments[c, k], fading[k, 0], dt_s, x, good)
            past = learned[c, k]
            past[AGE] += dt_s
            past[JUMP] = max(past[JUMP] * fading[k, 1], noise[c, LEAP])
            _judge(moments[c, k], past, noise[c], SCALES_S[k], dt_s, good, fit[c, k])


@njit(cache=True)
def _advance(m: Floats, fading: float, dt_s: float, x: float, good: bool) -> None:
    """Age the moments by `dt_s` and add the sample `x` at age 0."""
    squared = fading * fading
    m[S2] = fading * (m[S2] - 2.0 * dt_s * m[S1] + dt_s * dt_s * m[S0])
    m[S1] = fading * (m[S1] - dt_s * m[S0])
    m[S0] = fading * m[S0]
    m[V2] = squared * (m[V2] - 2.0 * dt_s * m[V1] + dt_s * dt_s * m[V0])
    m[V1] = squared * (m[V1] - dt_s * m[V0])
    m[V0] = squared * m[V0]
    m[Y1] = fading * (m[Y1] - dt_s * m[Y0])
    m[Y0] = fading * m[Y0]
    if good:
        m[S0] += 1.0
        m[V0] += 1.0
        m[Y0] += x
    elif m[S0] < 1e-30:  # far in the past: gone, before it becomes denormal
        m[:] = 0.0


@njit(cache=True)
def _judge(
    m: Floats, past: Floats, noise: Floats, tau_s: float, dt_s: float, good: bool, fit: Floats
) -> None:
    fit[:] = np.nan
    if m[V0] <= 0.0 or m[S0] * m[S0] < MIN_SAMPLES * m[V0]:
        return
    fit[MEAN] = m[Y0] / m[S0]
    fit[WEIGHT] = m[S0]
    det = m[S0] * m[S2] - m[S1] * m[S1]
    if not good or det <= 1e-9 * m[S0] * m[S2]:
        return
    slope = (m[S0] * m[Y1] - m[S1] * m[Y0]) / det
    spread = (m[S0] * m[S0] * m[V2] - 2.0 * m[S0] * m[S1] * m[V1] + m[S1] * m[S1] * m[V0]) / (det * det)
    white = noise[SD] * noise[SD] * spread
    per_length = math.sqrt(spread * m[S0] * m[S0] / m[V0])  # 0.71 / tau once the window is full
    if past[AGE] > LEARN_AFTER * tau_s and dt_s < tau_s:
        _learn_wander(past, slope, white, tau_s, dt_s)
    fit[SLOPE] = slope
    fit[NOW] = fit[MEAN] - slope * m[S1] / m[S0]
    fit[SIGMA] = math.sqrt(max(white, past[WANDER]))
    possible = SIGMAS * fit[SIGMA] + (1.04 * noise[ROUNDING] + 0.67 * past[JUMP]) * per_length
    fit[CERTAIN] = slope - possible


@njit(cache=True)
def _learn_wander(past: Floats, slope: float, white: float, tau_s: float, dt_s: float) -> None:
    """Learn the mean square of the slope; an excursion counts 3 sigma at most, or it would deafen."""
    past[WINDOWS] = min(past[WINDOWS] + dt_s / tau_s, max(MEMORY_S / tau_s, 30.0))
    excess = min(slope * slope, 9.0 * max(past[WANDER], white))
    past[WANDER] += (excess - past[WANDER]) * (dt_s / tau_s) / (PRIOR_WINDOWS + past[WINDOWS])


@dataclass(frozen=True, slots=True)
class SlopeState:
    """The arrays of `fit_slopes` for one kind of signal."""

    moments: Floats
    noise: Floats
    learned: Floats
    fit: Floats

    def forget_values(self) -> None:
        """Forget all samples, keep what was learned of the noise."""
        self.moments[:] = 0.0
        self.learned[:, :, AGE] = 0.0
        self.learned[:, :, JUMP] = 0.0
        self.noise[:, PREVIOUS] = np.nan


def new_state(step: Floats) -> SlopeState:
    """Return the state for signals with these register steps (n,) that have not been seen yet."""
    n, scales = len(step), len(SCALES_S)
    noise = np.full((n, 6), np.nan)
    noise[:, MEAN_STEP] = step  # until it is measured
    noise[:, STEPS] = 3.0
    learned = np.zeros((n, scales, 4))
    learned[:, :, WANDER] = PRIOR_SLOPE**2
    return SlopeState(np.zeros((n, scales, 8)), noise, learned, np.full((n, scales, 6), np.nan))


# Columns of the verdict on a sensor.
SCORE, OWN, AGAINST, COMMON, NOISE, RISE, SCALE = range(7)

OWN_SHARE = 0.5  # of its siblings' heating a sensor may add before it counts: places and loads differ
MIN_RISE_K = 0.4
MIN_RISE_STEPS = 1.5
MIN_RISE_ALONE_K = 2.0


@njit(cache=True)  # no fastmath: it may delete the NaN tests below
def judge_slopes(alone: Floats, against: Floats, step: Floats, own: Floats, relative: Floats) -> None:
    """
    Turn fits into one score per sensor: its largest certain slope of all scales, in K/min.

    Parameters
    ----------
    alone, against : (n, n_scales, 6) float64
        Fits of the sensors themselves and of their deviations from their siblings.
    step : (n,) float64, K
    own, relative : (n, 7) float64
        Output: SCORE, then what explains it: OWN, AGAINST, COMMON slope (K/min), NOISE (1 sigma, K/min), RISE
        (K) and SCALE (s). Score NaN: not known; a rise that is too small to matter scores 0 at most.

    Notes
    -----
    Against siblings, the sensor must itself be heating (when the siblings cool, it only lags), and heating
    that is common to all excuses a share of its own: load heats every cell, though not every sensor alike.
    """
    for c in range(step.size):
        own[c] = np.nan
        relative[c] = np.nan
        for k in range(SCALES_S.size):
            slope = alone[c, k, SLOPE]
            if np.isnan(slope):
                continue
            rise = _rise(alone[c])
            certain = alone[c, k, CERTAIN]
            if not rise >= MIN_RISE_ALONE_K:
                certain = min(certain, 0.0)
            _keep(own[c], 60.0 * certain, slope, np.nan, np.nan, alone[c, k, SIGMA], rise, k)
            gain = against[c, k, SLOPE]
            if np.isnan(gain):
                continue
            common = slope - gain
            rise = _rise(against[c])
            certain = min(against[c, k, CERTAIN] - OWN_SHARE * max(common, 0.0), slope)
            if not rise >= max(MIN_RISE_K, MIN_RISE_STEPS * step[c]):
                certain = min(certain, 0.0)
            _keep(relative[c], 60.0 * certain, slope, gain, common, against[c, k, SIGMA], rise, k)


@njit(cache=True)
def _rise(fit: Floats) -> float:
    """How far the signal stands above where it was in the half hour before the last half minute, K."""
    weight = fit[BASE, WEIGHT]
    before = weight * fit[BASE, MEAN]
    if not np.isnan(fit[RECENT, WEIGHT]):
        weight -= fit[RECENT, WEIGHT]
        before -= fit[RECENT, WEIGHT] * fit[RECENT, MEAN]
    if not weight > 0.5 * MIN_SAMPLES:
        return np.nan
    for k in range(BASE):
        if not np.isnan(fit[k, NOW]):
            return float(fit[k, NOW] - before / weight)
    return np.nan


@njit(cache=True)
def _keep(
    best: Floats, score: float, own: float, against: float, common: float, sigma: float, rise: float, k: int
) -> None:
    if np.isnan(best[SCORE]) or score > best[SCORE]:
        best[SCORE] = score
        best[OWN] = 60.0 * own
        best[AGAINST] = 60.0 * against
        best[COMMON] = 60.0 * common
        best[NOISE] = 60.0 * sigma
        best[RISE] = rise
        best[SCALE] = SCALES_S[k]
