"""Online slopes at several time scales, and how much of each is certain.

At each scale tau a straight line is fitted with weights exp(-age / tau). That is close to the best there is:
for a ramp in white noise, the fit whose tau suits the ramp's age reaches 93 % of the signal-to-noise ratio of
a matched filter that knows onset and baseline; with scales a factor of four apart it is never below 78 %. A
bank of such fits is a generalised likelihood ratio test over onsets, at O(1) per sample and scale.

What is reported is never the slope itself but the *certain* slope: what is left of it when everything that
noise could have made is taken off:
  - `SIGMAS` standard deviations, from the signal's own white noise (never less than its register step allows)
    or from how the slope at this scale has wandered before, whichever is more;
  - or 1.3 times the steepest fall at this scale in about a week, where that is more. Noise, rooms and
    loads go both ways, faults only heat: falls tell how heavy the tails are, and no fault can spoil the
    sample (see `wander`);
  - the most that rounding to the register step can do where the noise is too small to dither it;
  - the most that the largest single jump can do: heat is never one jump, a loose contact is.

A frame that repeats the one before it in every value tells nothing twice: its samples add to the fit, and as
one error that lasts, not as many that average out. Else whatever the last sample's noise was would be beyond
doubt as soon as a unit holds its frame.

Everything is relative to the present sample, so that months of uptime cost no digits.
"""

import math
from typing import NamedTuple

import numpy as np

from agent.detect.channels import Codes, Floats
from agent.detect.kernels import noise
from agent.detect.kernels.arrays import Array, Group, Part
from agent.detect.kernels.compiled import compiled, inlined
from agent.detect.kernels.wander import COLUMNS as WANDER_COLUMNS
from agent.detect.kernels.wander import JUMP, POSSIBLE, PRIOR_SLOPE, PRIOR_WINDOWS, learn_wander

SCALES_S = np.array([6.0, 24.0, 96.0, 384.0, 1536.0, 6144.0])
RECENT, BEFORE = 1, 4  # a rise is measured from the mean of the longer window without the shorter one

#: One-sided, per scale: in white Gaussian noise about 60 sensor-years between false alarms at each scale, so
#: 10 for all six together: (h / tau) phi(h) = 1 / (60 a), the crossing rate of a process that forgets within
#: tau.
SIGMAS = np.array([6.4, 6.2, 5.95, 5.7, 5.45, 5.2])

MIN_SAMPLES = 3.0  # effective number below which a fit is no fit
LEARN_AFTER = 2.0  # time constants after which a fit says something about wandering

LEARN_EVERY = 0.25  # of a time constant: neighbouring slopes say the same
JUDGE_EVERY = 0.02

# Columns of the moments: weights, weights squared, and two signals. Ages are negative times before now.
S0, S1, S2, V0, V1, V2, X0, X1, G0, G1, MOMENTS_COLUMNS = range(11)
# Columns of the result, K/s.
SLOPE, CERTAIN, FIT_COLUMNS = range(3)
# Columns of the table of scales: how much is left of a weight, of a jump, and how much there is to learn (0:
# not now); then the time since the last learning, and since the last judgement (0: judge now).
FADING, JUMP_FADING, SHARE, WAITED_S, JUDGED_S, SCALES_COLUMNS = range(6)


#: A sensor is learned when so many windows of so long a scale have passed.
LEARNT_SCALE, LEARNT_WINDOWS = BEFORE, PRIOR_WINDOWS


class Signal(NamedTuple):
    """State and result for one signal of each of n sensors; a tuple, so that kernels take it whole.

    step (n,) float64, K: rounding. noise (n, 5): see `noise`. age_s (n,): since the first sample. learned (n,
    n_scales, 5): see `wander`. fit (n, n_scales, 2): result, SLOPE and CERTAIN (one-sided lower bound), K/s;
    NaN where a scale has too few samples.
    """

    step: Floats
    noise: Floats
    age_s: Floats
    learned: Floats
    fit: Floats


class Slopes(NamedTuple):
    """Slopes of two signals per sensor: its temperature, and its gain, the deviation from its siblings.

    Both are sampled at the same times, so that they share the moments of the weights. moments (n, n_scales,
    10), scales (n_scales, 5), repeats (n_scales, 2), see `follow_repeats`: state.
    """

    temperature: Signal
    gain: Signal
    moments: Floats
    scales: Floats
    repeats: Floats


SCALES = len(SCALES_S)
HELD_S = 60.0  # of frames that repeat each other: a unit may answer faster than it measures
SLOPES = Part("slopes", 1)
SIGNAL = Group(
    Signal,
    step=Array(("n",), first=None),
    noise=Array(("n", noise.COLUMNS), kept=SLOPES),
    age_s=Array(("n",), kept=SLOPES),
    learned=Array(("n", SCALES, WANDER_COLUMNS), kept=SLOPES),
    fit=Array(("n", SCALES, FIT_COLUMNS), first=np.nan),
)
MOMENTS = Group(None, moments=Array(("n", SCALES, MOMENTS_COLUMNS), kept=SLOPES))
TIMES = Group(None, scales=Array((SCALES, SCALES_COLUMNS), kept=SLOPES))
REPEATS = Group(None, repeats=Array((SCALES, 2)))


def new_repeats() -> Floats:
    """Return the state of frames of which none was seen yet."""
    repeats: Floats = REPEATS.new()
    return repeats


def new_slopes(step: Floats, repeats: Floats) -> Slopes:
    """Return the state for sensors with these register steps (n,) that have not been seen yet."""
    n = len(step)
    # a difference of two rounded values has twice the variance of rounding
    signals = _new_signal(step), _new_signal(step * math.sqrt(2.0))
    return Slopes(*signals, MOMENTS.new(n=n), TIMES.new(), repeats)


def _new_signal(step: Floats) -> Signal:
    signal: Signal = SIGNAL.new(given={"step": step}, n=len(step))
    signal.noise[:] = noise.new_noise(step)
    signal.learned[:, :, POSSIBLE] = SIGMAS * PRIOR_SLOPE
    return signal


def forget_values(slopes: Slopes) -> None:
    """Forget all samples, keep what was learned of the noise."""
    slopes.moments[:] = 0.0
    slopes.repeats[:] = 0.0
    for signal in (slopes.temperature, slopes.gain):
        signal.noise[:, noise.PREVIOUS] = np.nan
        signal.age_s[:] = 0.0
        signal.learned[:, :, JUMP] = 0.0


@compiled  # no fastmath: it may delete the NaN tests below
def fit_slopes(dt_s: float, value: Floats, gain: Floats, restart: Codes, slopes: Slopes) -> None:
    """
    Fit the slopes of each sensor and of its gain on its siblings at every scale; say how much is certain.

    Parameters
    ----------
    dt_s : float, s
        Time since the last frame, > 0.
    value, gain : (n,) float64, K
        The sensors, and how far each is from its siblings. NaN where that is not known: time passes, nothing
        is added. A gain that comes back starts afresh, its siblings may be others than before.
    restart : (n,) uint8
        1: the sensor stepped. Take it that it always was where it is now, keep what is known of its noise.
    slopes : Slopes
        State and output.
    """
    _pass_time(dt_s, slopes.scales)
    for c in range(value.size):
        x, g = value[c], gain[c]
        good, paired = not np.isnan(x), not np.isnan(g)
        _hear(dt_s, x, g, restart[c] == 1, slopes, c)
        for k in range(SCALES_S.size):
            _advance(slopes.moments, c, k, slopes.scales[k, FADING], dt_s)
        if good:
            _add(slopes.moments, slopes.repeats, c, x, g if paired else 0.0)
        for k in range(SCALES_S.size):
            if slopes.scales[k, JUDGED_S] == 0.0 or not paired:
                _fit(slopes, c, k, good, paired)


@inlined
def _hear(dt_s: float, x: float, g: float, restart: bool, slopes: Slopes, c: int) -> None:
    """Learn the noise of both signals, and make them start afresh where they must."""
    alone, against = slopes.temperature, slopes.gain
    if restart and not np.isnan(x):
        _start_at(alone, slopes.moments, c, X0, x)
    if not np.isnan(g) and (restart or np.isnan(against.noise[c, noise.PREVIOUS])):
        _start_at(against, slopes.moments, c, G0, g)
    if not np.isnan(x) and np.isnan(g):
        against.noise[c, noise.PREVIOUS] = np.nan  # siblings that come back may be others than before
    noise.learn_noise(dt_s, x, alone.step[c], alone.noise, c)
    noise.learn_noise(dt_s, g, against.step[c], against.noise, c)
    _age(alone, dt_s, slopes.scales, c)
    _age(against, dt_s, slopes.scales, c)


@inlined
def _age(signal: Signal, dt_s: float, scales: Floats, c: int) -> None:
    signal.age_s[c] += dt_s
    leap = signal.noise[c, noise.LEAP]
    for k in range(SCALES_S.size):
        signal.learned[c, k, JUMP] = max(signal.learned[c, k, JUMP] * scales[k, JUMP_FADING], leap)


@compiled
def _pass_time(dt_s: float, scales: Floats) -> None:
    for k in range(SCALES_S.size):
        tau_s = SCALES_S[k]
        quarter = math.exp(-0.25 * dt_s / tau_s)
        scales[k, FADING] = quarter * quarter * quarter * quarter
        scales[k, JUMP_FADING] = quarter
        scales[k, WAITED_S] += dt_s
        scales[k, SHARE] = 0.0
        if scales[k, WAITED_S] >= LEARN_EVERY * tau_s:
            # after a gap as long as the window its slope is not this scale's
            scales[k, SHARE] = scales[k, WAITED_S] / tau_s if dt_s < tau_s else 0.0
            scales[k, WAITED_S] = 0.0
        scales[k, JUDGED_S] += dt_s
        if scales[k, JUDGED_S] >= JUDGE_EVERY * tau_s or scales[k, SHARE] > 0.0:
            scales[k, JUDGED_S] = 0.0


@inlined
def _advance(m: Floats, c: int, k: int, fading: float, dt_s: float) -> None:
    """Age the moments by `dt_s`."""
    s0, s1, v0, v1 = m[c, k, S0], m[c, k, S1], m[c, k, V0], m[c, k, V1]
    if fading * s0 < 1e-30:  # long gone; before it becomes denormal, and slow
        m[c, k, :] = 0.0
        return
    squared = fading * fading
    dt2 = dt_s * dt_s
    m[c, k, S2] = fading * (m[c, k, S2] - 2.0 * dt_s * s1 + dt2 * s0)
    m[c, k, S1] = fading * (s1 - dt_s * s0)
    m[c, k, S0] = fading * s0
    m[c, k, V2] = squared * (m[c, k, V2] - 2.0 * dt_s * v1 + dt2 * v0)
    m[c, k, V1] = squared * (v1 - dt_s * v0)
    m[c, k, V0] = squared * v0
    m[c, k, X1] = fading * (m[c, k, X1] - dt_s * m[c, k, X0])
    m[c, k, X0] = fading * m[c, k, X0]
    m[c, k, G1] = fading * (m[c, k, G1] - dt_s * m[c, k, G0])
    m[c, k, G0] = fading * m[c, k, G0]


@compiled
def follow_repeats(dt_s: float, moved: bool, repeats: Floats) -> None:
    """
    Follow by how much of each window the frame before this one is repeated.

    Parameters
    ----------
    dt_s : float, s
        Time since the last frame.
    moved : bool
        Any value is another than in the frames before.
    repeats : (n_scales, 2) float64
        State and output: S0 and S1 of the samples that this frame repeats; 0 where it does not.
    """
    for k in range(SCALES_S.size):
        s0, s1 = repeats[k, S0] + 1.0, repeats[k, S1]
        fading = 0.0 if moved else math.exp(-dt_s / SCALES_S[k])
        repeats[k, S0] = fading * s0
        repeats[k, S1] = fading * (s1 - dt_s * s0)


@inlined
def is_held(dt_s: float, repeats: Floats) -> bool:
    """Has this frame, and each of the last HELD_S, been the one before it."""
    return bool(repeats[-1, S0] * dt_s > HELD_S)


@inlined
def _add(m: Floats, repeats: Floats, c: int, x: float, g: float) -> None:
    """Add a sample at age 0; its error is that of the samples which it repeats."""
    for k in range(SCALES_S.size):
        m[c, k, S0] += 1.0
        m[c, k, V0] += 1.0 + 2.0 * repeats[k, S0]
        m[c, k, V1] += repeats[k, S1]
        m[c, k, X0] += x
        m[c, k, G0] += g


@inlined
def _start_at(signal: Signal, m: Floats, c: int, first_sum: int, y: float) -> None:
    """Make the past of a signal as if it had always been `y`."""
    signal.noise[c, noise.PREVIOUS] = np.nan
    signal.age_s[c] = 0.0
    for k in range(SCALES_S.size):
        m[c, k, first_sum] = y * m[c, k, S0]
        m[c, k, first_sum + 1] = y * m[c, k, S1]
        signal.learned[c, k, JUMP] = 0.0


@inlined
def _fit(slopes: Slopes, c: int, k: int, good: bool, paired: bool) -> None:
    m = slopes.moments
    s0, s1, v0 = m[c, k, S0], m[c, k, S1], m[c, k, V0]
    det = s0 * m[c, k, S2] - s1 * s1
    if not good or s0 * s0 < MIN_SAMPLES * v0 or det <= 1e-9 * s0 * s0:
        _no_fit(slopes.temperature, c, k)
        _no_fit(slopes.gain, c, k)
        return
    per_det = 1.0 / det
    spread = math.sqrt(max(0.0, s0 * s0 * m[c, k, V2] - 2.0 * s0 * s1 * m[c, k, V1] + s1 * s1 * v0)) * per_det
    x_slope = (s0 * m[c, k, X1] - s1 * m[c, k, X0]) * per_det
    _judge(slopes.temperature, c, k, x_slope, spread, s0, v0, slopes.scales[k, SHARE])
    if paired:
        g_slope = (s0 * m[c, k, G1] - s1 * m[c, k, G0]) * per_det
        _judge(slopes.gain, c, k, g_slope, spread, s0, v0, slopes.scales[k, SHARE])
    else:
        _no_fit(slopes.gain, c, k)


@inlined
def _no_fit(signal: Signal, c: int, k: int) -> None:
    signal.fit[c, k, SLOPE] = np.nan
    signal.fit[c, k, CERTAIN] = np.nan


@inlined
def _judge(
    signal: Signal, c: int, k: int, slope: float, spread: float, s0: float, v0: float, share: float
) -> None:
    """Say how much of `slope` is certain. `spread`: its standard deviation for white noise of 1 K."""
    white = signal.noise[c, noise.SD] * spread
    if share > 0.0 and signal.age_s[c] > LEARN_AFTER * SCALES_S[k]:
        learn_wander(SCALES_S[k], SIGMAS[k], slope, white, share, signal.learned, c, k)
    certain = slope - max(SIGMAS[k] * white, signal.learned[c, k, POSSIBLE])
    if certain > 0.0:  # the rest matters only then
        jump = signal.learned[c, k, JUMP]
        crooked = 1.04 * noise.rounding_left(signal.step[c], signal.noise, c) + 0.75 * jump
        certain -= crooked * spread * s0 / math.sqrt(v0)  # 0.71 / tau per kelvin once the window is full
    signal.fit[c, k, SLOPE] = slope
    signal.fit[c, k, CERTAIN] = certain


@inlined
def rise(slopes: Slopes, c: int, first_sum: int) -> float:
    """
    How far a signal stands above where it was in the half hour before the last half minute, K.

    `first_sum`: X0 for the temperature, G0 for the gain. NaN: not known.
    """
    m = slopes.moments
    weight = m[c, BEFORE, S0] - m[c, RECENT, S0]
    if weight <= 1.0:
        return np.nan
    before = (m[c, BEFORE, first_sum] - m[c, RECENT, first_sum]) / weight
    for k in range(BEFORE):
        if not np.isnan(slopes.temperature.fit[c, k, SLOPE]):
            signal = slopes.temperature if first_sum == X0 else slopes.gain
            mean, mean_age = m[c, k, first_sum] / m[c, k, S0], m[c, k, S1] / m[c, k, S0]
            return float(mean - signal.fit[c, k, SLOPE] * mean_age - before)
    return np.nan
