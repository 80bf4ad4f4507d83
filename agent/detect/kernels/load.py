"""What the battery is asked for: current, regime, and the features that explain temperatures.

A temperature follows heat and surroundings with its own inertia. Instead of fitting that inertia, each sensor
is regressed on what first-order bodies of 5 and 50 minutes would make of I^2, one of 10 minutes of I (the
reversible heat), and one of 50 minutes of the room. All sensors of a circuit share the features, hence one
4 x 4 covariance; each keeps its own four cross-covariances. Exponential memory, ridge, and a weight that
grows with experience: a model that has seen nothing explains nothing.
"""

from typing import NamedTuple

import numpy as np

from agent.detect.channels import Floats, Ints
from agent.detect.kernels.arrays import Array, Group, Part
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.inputs import Inputs

REST, CHARGE, DISCHARGE, UNKNOWN = range(4)
FEATURES = 4
LAG_S = np.array([300.0, 3000.0, 600.0, 3000.0])

MEMORY_S = 7 * 86400.0
TRUST_S = 12 * 3600.0  # after so much learning half of the model counts
RIDGE = 0.1
MAX_S = 30 * 86400.0  # memory of the largest current
REST_SHARE, REST_SIGMAS, REST_A = 0.05, 4.0, 0.2  # of it, of noise, or so little: the battery rests
GAP_S = 600.0
WILD_TIMES, WILD_A = 3.0, 1.0  # a current so far beyond the largest so far is believed when it has stayed
STAYED = 3  # frames, on one side; one register that reads 0x7FFF once would be the load of a month

# Columns of a circuit's state: current now, over 10 s, its noise, the largest so far, seconds of rest, of
# experience; how many frames in a row it was wild, below 0: on discharge; power over 10 s, NaN: not measured.
NOW, SLOW, NOISE, LARGEST, RESTED_S, AGE_S, WILD, POWER, COLUMNS = range(9)
SLOW_S = 10.0


class Circuits(NamedTuple):
    """Arrays of m circuits that load the battery.

    at, at_power (m,): where current and power are in the frame, -1 nowhere; at_ambient (1,).

    state (m, 8): see above. ambient (1,): degC, NaN if unknown. regime (m,). feature, mean (m, 4);
    covariance, inverse (m, 4, 4).
    """

    at: Ints
    at_power: Ints
    at_ambient: Ints
    state: Floats
    ambient: Floats
    regime: Ints
    feature: Floats
    mean: Floats
    covariance: Floats
    inverse: Floats


class Model(NamedTuple):
    """What explains one signal of n sensors: cross (n, 4), mean, age_s (n,); explained (n,) is output."""

    cross: Floats
    mean: Floats
    age_s: Floats
    explained: Floats


LOAD = Part("load", 2)
CIRCUITS = Group(
    Circuits,
    at=Array(("circuits",), np.int64, first=None),
    at_power=Array(("circuits",), np.int64, first=None),
    at_ambient=Array((1,), np.int64, first=None),
    state=Array(("circuits", COLUMNS), kept=LOAD),
    ambient=Array((1,), first=np.nan),
    regime=Array(("circuits",), np.int64, first=UNKNOWN),
    feature=Array(("circuits", FEATURES), kept=LOAD),
    mean=Array(("circuits", FEATURES), kept=LOAD),
    covariance=Array(("circuits", FEATURES, FEATURES), kept=LOAD),
    inverse=Array(("circuits", FEATURES, FEATURES)),
)
MODEL = Group(
    Model,
    cross=Array(("sensors", FEATURES), kept=LOAD),
    mean=Array(("sensors",), first=np.nan, kept=LOAD),
    age_s=Array(("sensors",), kept=LOAD),
    explained=Array(("sensors",), kept=LOAD),
)


def new_load(at: Ints, at_power: Ints, at_ambient: int) -> Circuits:
    """Return circuits of which nothing has been seen yet."""
    given = {"at": at, "at_power": at_power, "at_ambient": np.array([at_ambient], np.int64)}
    load: Circuits = CIRCUITS.new(given=given, circuits=len(at))
    load.state[:, [NOW, SLOW, POWER]] = np.nan
    return load


def new_model(n: int) -> Model:
    """Return the model of sensors that have not been seen yet."""
    model: Model = MODEL.new(sensors=n)
    return model


@compiled  # no fastmath: it may delete the NaN tests below
def take_load(dt_s: float, value: Floats, load: Circuits) -> None:
    """
    Bring the circuits up to a frame; `value` (n_frame,) float64 is what the gate let pass.

    A current that is not known leaves the regime unknown and the features as they were.
    """
    if load.at_ambient[0] >= 0:
        load.ambient[0] = value[load.at_ambient[0]]
    counted_s = min(dt_s, GAP_S)
    for j in range(load.at.size):
        s = load.state
        current = _believed(value[load.at[j]], load, j) if load.at[j] >= 0 else np.nan
        _take_current(counted_s, current, load, j)
        _take_power(counted_s, value[load.at_power[j]] if load.at_power[j] >= 0 else np.nan, s, j)
        first = s[j, AGE_S] == 0.0
        s[j, AGE_S] += counted_s
        for k in range(FEATURES):
            drive = 0.0
            if k == 3:
                drive = load.ambient[0]
            elif not np.isnan(current):
                drive = current if k == 2 else current * current
            elif load.at[j] >= 0:
                drive = np.nan
            if not np.isnan(drive):
                gain = 1.0 if first else 1.0 - np.exp(-dt_s / LAG_S[k])
                load.feature[j, k] += gain * (drive - load.feature[j, k])
        _learn_features(counted_s, load, j)


@compiled
def _believed(current: float, load: Circuits, j: int) -> float:
    """Return a current, or NaN where it is wild and has not stayed."""
    s = load.state
    if np.isnan(current) or abs(current) <= WILD_TIMES * s[j, LARGEST] + WILD_A:
        s[j, WILD] = 0.0
        return current
    side = 1.0 if current > 0.0 else -1.0
    s[j, WILD] = s[j, WILD] + side if s[j, WILD] * side > 0.0 else side
    return current if abs(s[j, WILD]) >= STAYED else np.nan


@compiled
def _take_current(dt_s: float, current: float, load: Circuits, j: int) -> None:
    s = load.state
    if np.isnan(current):
        s[j, NOW] = np.nan
        load.regime[j] = UNKNOWN
        s[j, RESTED_S] = 0.0
        return
    if np.isnan(s[j, SLOW]):
        s[j, SLOW] = current
    elif not np.isnan(s[j, NOW]):
        step = min(abs(current - s[j, NOW]), 4.0 * s[j, NOISE] + 0.01 * s[j, LARGEST] + 1e-3)
        s[j, NOISE] += 0.02 * (step - s[j, NOISE])
    s[j, NOW] = current
    s[j, SLOW] += (1.0 - np.exp(-dt_s / SLOW_S)) * (current - s[j, SLOW])
    s[j, LARGEST] = max(s[j, LARGEST] * (1.0 - dt_s / MAX_S), abs(s[j, SLOW]))
    quiet = max(REST_SHARE * s[j, LARGEST], REST_SIGMAS * s[j, NOISE], REST_A)
    if abs(s[j, SLOW]) <= quiet:
        load.regime[j] = REST
        s[j, RESTED_S] += dt_s
    else:
        load.regime[j] = CHARGE if s[j, SLOW] > 0.0 else DISCHARGE
        s[j, RESTED_S] = 0.0


@compiled
def _take_power(dt_s: float, power: float, s: Floats, j: int) -> None:
    if np.isnan(power) or np.isnan(s[j, POWER]):
        s[j, POWER] = power
    else:
        s[j, POWER] += (1.0 - np.exp(-dt_s / SLOW_S)) * (power - s[j, POWER])


@compiled
def _learn_features(dt_s: float, load: Circuits, j: int) -> None:
    gain = dt_s / min(load.state[j, AGE_S], MEMORY_S)
    c = load.covariance
    for a in range(FEATURES):
        da = load.feature[j, a] - load.mean[j, a]
        for b in range(a + 1):
            db = load.feature[j, b] - load.mean[j, b]
            c[j, a, b] += gain * (da * db - c[j, a, b])
    for a in range(FEATURES):
        load.mean[j, a] += gain * (load.feature[j, a] - load.mean[j, a])
    _invert(c, load.inverse, j)


@compiled
def _invert(c: Floats, out: Floats, j: int) -> None:
    """Invert the lower triangle of a covariance, ridge added (Gauss-Jordan); features at rest: zeros."""
    for a in range(FEATURES):
        for b in range(FEATURES):
            out[j, a, b] = c[j, a, b] if b <= a else c[j, b, a]
        out[j, a, a] *= 1.0 + RIDGE
    for p in range(FEATURES):
        pivot = out[j, p, p]
        moves = c[j, p, p] > 1e-12
        for b in range(FEATURES):
            out[j, p, b] = out[j, p, b] / pivot if moves else 0.0
        for a in range(FEATURES):
            if a == p:
                continue
            share = out[j, a, p]
            for b in range(FEATURES):
                out[j, a, b] -= share * out[j, p, b]
            out[j, a, p] = -share / pivot if moves else 0.0
        out[j, p, p] = 1.0 / pivot if moves else 0.0


@compiled
def explain_by_load(dt_s: float, signal: Floats, bank: Inputs, load: Circuits, model: Model) -> None:
    """
    Say how much of each sensor's signal the load and the room explain, then learn from it.

    Parameters
    ----------
    dt_s : float, s
    signal : (n,) float64, K
        NaN where not known.
    bank : Inputs
        Whose circuits they are on.
    load : Circuits
        Brought up to this frame.
    model : Model
        State, and output in `explained`, K: the signal's expected distance from its mean.
    """
    counted_s = min(dt_s, GAP_S)
    for c in range(signal.size):
        x = signal[c]
        if np.isnan(x):
            continue
        if np.isnan(model.mean[c]):
            model.mean[c] = x
        elif bank.restart[c] == 1:  # a step of the sensor is no lesson about load
            model.mean[c] = x - model.explained[c]
        j = bank.circuit[c]
        model.age_s[c] += counted_s
        gain = counted_s / min(model.age_s[c], MEMORY_S)
        trust = model.age_s[c] / (model.age_s[c] + TRUST_S)
        explained = 0.0
        for a in range(FEATURES):
            weight = 0.0
            for b in range(FEATURES):
                weight += load.inverse[j, a, b] * model.cross[c, b]
            explained += weight * (load.feature[j, a] - load.mean[j, a])
        model.explained[c] = trust * explained
        away = x - model.mean[c]
        for a in range(FEATURES):
            distance = load.feature[j, a] - load.mean[j, a]
            model.cross[c, a] += gain * (away * distance - model.cross[c, a])
        model.mean[c] += gain * away
