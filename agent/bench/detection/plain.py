"""Plain rules, judged beside ours on the same frames: raw values, no delay, hardly any memory. Pure.

fixed 60 degC    a sensor at 60 degC
1 K/min          a sensor that rose by 1 K within the last minute
100 mV           a cell 100 mV from the median of its siblings; alone, 100 mV below where it was a minute ago
GB 38031         60 degC, or a quarter of the voltage lost, while 1 K/s holds for more than 3 s (C.5.3.7)
PCA residual     what two principal components of an hour of rest leave of all sensors, thrice as far as ever
                 in that hour

Each takes t_s (n,), s; temps (n, sensors), degC; volts (n, cells), V; NaN where there is none; and gives
(n,) bool.
"""

import warnings
from collections.abc import Callable, Mapping

import numpy as np

from agent.detect.channels import Flags, Floats

Rule = Callable[[Floats, Floats, Floats], Flags]
FIXED_DEGC = 60.0
COMPONENTS, REST_S, TIMES_EVER = 2, 3600.0, 3.0


def fixed(_t_s: Floats, temps: Floats, _volts: Floats) -> Flags:
    """A fixed limit of temperature."""
    return _any(temps >= FIXED_DEGC)


def slope(t_s: Floats, temps: Floats, _volts: Floats) -> Flags:
    """A rise of 1 K within a minute, or between two frames further apart."""
    return _any(temps - _before(t_s, temps, 60.0) >= 1.0)


def deviation(t_s: Floats, _temps: Floats, volts: Floats) -> Flags:
    """100 mV from the median; a cell alone has only its past."""
    if volts.shape[1] > 2:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a frame without a cell
            return _any(np.abs(volts - np.nanmedian(volts, axis=1, keepdims=True)) >= 0.1)
    return _any(volts - _before(t_s, volts, 60.0) <= -0.1)


def gb_38031(t_s: Floats, temps: Floats, volts: Floats) -> Flags:
    """GB 38031-2025 C.5.3.7."""
    before_s = _before(t_s, t_s, 3.01)
    with np.errstate(invalid="ignore", divide="ignore"):
        fast = (temps - _before(t_s, temps, 3.01)) / (t_s - before_s)[:, None] >= 1.0
    highest = np.fmax.accumulate(volts, axis=0)
    dropped = _any(volts < 0.75 * highest)
    stands: Flags = fast & ((temps >= FIXED_DEGC) | dropped[:, None])
    return _any(stands)


def pca_residual(t_s: Floats, temps: Floats, _volts: Floats) -> Flags:
    """The residual of all sensors that were read all through an hour of rest; nothing before its end."""
    rest = t_s - t_s[0] < REST_S
    whole = temps[:, np.isfinite(temps).all(axis=0)]
    if rest.sum() <= COMPONENTS or rest.all() or whole.shape[1] <= COMPONENTS:
        return np.zeros(len(t_s), bool)
    centred = whole - whole[rest].mean(axis=0)
    axes = np.linalg.svd(centred[rest], full_matrices=False)[2][:COMPONENTS]
    left = np.linalg.norm(centred - centred @ axes.T @ axes, axis=1)
    found: Flags = np.logical_and(left > TIMES_EVER * left[rest].max(), ~rest)
    return found


RULES: Mapping[str, Rule] = {
    "fixed 60 degC": fixed,
    "1 K/min": slope,
    "100 mV": deviation,
    "GB 38031": gb_38031,
    "PCA residual": pca_residual,
}


def first_s(t_s: Floats, stands: Flags) -> float:
    """Return when a rule speaks first, infinite: never."""
    at = np.flatnonzero(stands)
    return float(t_s[at[0]]) if at.size else np.inf


def alarms(stands: Flags) -> int:
    """Return how many times a rule begins to speak."""
    return int(np.count_nonzero(stands[1:] & ~stands[:-1]) + np.count_nonzero(stands[:1]))


def _before(t_s: Floats, x: Floats, ago_s: float) -> Floats:
    """Return what was read at least `ago_s` before each frame, the last of it; at first the first."""
    at = np.searchsorted(t_s, t_s - ago_s + 1e-6, side="right") - 1
    found: Floats = x[np.maximum(at, 0)]
    return found


def _any(stands: Flags) -> Flags:
    return np.asarray(stands.any(axis=1), bool)
