"""What sensors share: cooling that fails or degrades over weeks, lead batteries over their room."""

import math
from typing import NamedTuple

import numpy as np

from agent.detect.channels import Floats
from agent.detect.kernels.arrays import Array, Group, Part
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.heating import doubt
from agent.detect.kernels.inputs import Inputs
from agent.detect.kernels.load import CHARGE, DISCHARGE, NOW, REST, SLOW, Circuits
from agent.detect.kernels.slope import CERTAIN, SCALES_S, Slopes, fit_slopes

SLOWEST = 2  # scales from here on: a room does not fail within a minute
MIN_RISE_K, WINDOW = 3.0, 2.0  # over so many time constants: a fit looks back about as far
MIN_SENSORS = 3

FAST_S, BASELINE_S = 86400.0, 30 * 86400.0
DEGRADED_SIGMAS = 4.0
DEGRADED_AFTER_S = 5 * 86400.0  # of learning
GAP_S = 600.0

#: A rack follows its room within half an hour; a lead block, of 30 kJ/K and 2 to 3 W/K, within hours: where
#: the room cools, a healthy one is for so long warmer than it.
ROOM_LAGS_S = np.array([1800.0, 3 * 3600.0])
RACK, BLOCK, ROOM_AGE_S, ROOM_COLUMNS = range(4)

# Columns of a group's scores and state: K/min, K; how far over the room, its fast mean, baseline, mean
# square, age; for how long it has not been seen.
COOLING, DEGRADED, OVER, FAST, BASELINE, SQUARE, AGE, UNSEEN_S, GROUP_COLUMNS = range(9)
# Columns of a circuit: float current: fast, baseline, age, ratio; 1: it floats, below 0: so many seconds
# until a recharge must be over.
FLOAT, FLOAT_BASELINE, FLOAT_AGE, FLOAT_RATIO, FLOATS, CIRCUIT_COLUMNS = range(6)

# A charge that tapers off when learning begins makes the baseline too high, and errs to the quiet side.
FLOAT_FAST_S, FLOAT_BASELINE_S, FLOAT_AFTER_S = 3600.0, 14 * 86400.0, 6 * 3600.0
FLOAT_GROWN = 1.7  # times: from here on it is no lesson
RECHARGED_S = 2 * 86400.0


class Surroundings(NamedTuple):
    """State of g groups and m circuits: median (g,), nothing (g,) NaN, restart (g,); group (g, 8), circuit
    (m, 5), room (3,): the room's temperature as a RACK and a BLOCK follow it, and for how long it has not
    been seen; over_room (n,): score of each sensor.
    """

    median: Floats
    nothing: Floats
    restart: "np.ndarray[tuple[int], np.dtype[np.uint8]]"
    group: Floats
    circuit: Floats
    room: Floats
    over_room: Floats


SURROUNDINGS = Part("surroundings", 3)
AROUND = Group(
    Surroundings,
    median=Array(("groups",), first=np.nan),
    nothing=Array(("groups",), first=np.nan),
    restart=Array(("groups",), np.uint8),
    group=Array(("groups", GROUP_COLUMNS), kept=SURROUNDINGS),
    circuit=Array(("circuits", CIRCUIT_COLUMNS), kept=SURROUNDINGS),
    room=Array((ROOM_COLUMNS,), kept=SURROUNDINGS),
    over_room=Array(("sensors",), first=np.nan),
)


def new_surroundings(groups: int, circuits: int, sensors: int) -> Surroundings:
    """Return the state of groups that have not been seen yet."""
    around: Surroundings = AROUND.new(groups=groups, circuits=circuits, sensors=sensors)
    around.group[:, [COOLING, OVER, FAST, BASELINE]] = np.nan
    around.circuit[:, [FLOAT, FLOAT_BASELINE]] = np.nan
    around.room[[RACK, BLOCK]] = np.nan
    return around


@compiled  # no fastmath: it may delete the NaN tests below
def judge_surroundings(
    dt_s: float, bank: Inputs, load: Circuits, slopes: Slopes, around: Surroundings
) -> None:
    """
    Score the groups of a bank and the circuits.

    Parameters
    ----------
    dt_s : float, s
    bank : Inputs
        Sensors, after `take_inputs`.
    load : Circuits
        Brought up to this frame.
    slopes : Slopes
        State of the groups' medians.
    around : Surroundings
        State, and output: COOLING (K/min, certain), DEGRADED (K over the usual distance from the room) per
        group; FLOAT_RATIO per circuit; over_room, K, per sensor. NaN: not known.
    """
    room = load.ambient[0]
    _follow_room(dt_s, room, around.room)
    for c in range(bank.value.size):
        around.over_room[c] = bank.value[c] - max(room, around.room[BLOCK]) if not np.isnan(room) else np.nan
    for g in range(bank.start.size - 1):
        around.median[g] = _median(bank, g)
        around.group[g, UNSEEN_S] += dt_s
        if not np.isnan(around.median[g]):
            if around.group[g, UNSEEN_S] > GAP_S:
                doubt(dt_s, slopes, g)
            around.group[g, UNSEEN_S] = 0.0
    fit_slopes(dt_s, around.median, around.nothing, around.restart, slopes)
    for g in range(bank.start.size - 1):
        j = bank.circuit[bank.member[bank.start[g]]]
        _judge_cooling(load.regime[j], slopes, around, g)
        _judge_degraded(min(dt_s, GAP_S), around, g)
    for j in range(load.at.size):
        _judge_circuit(min(dt_s, GAP_S), load, around.circuit, j)


@compiled
def _follow_room(dt_s: float, degc: float, room: Floats) -> None:
    """Let a rack and a block follow the room; what happened unseen is taken to have been as it is now."""
    room[ROOM_AGE_S] += dt_s
    if np.isnan(degc):
        return
    for k in range(ROOM_LAGS_S.size):
        if np.isnan(room[k]):
            room[k] = degc
        room[k] += (1.0 - math.exp(-room[ROOM_AGE_S] / ROOM_LAGS_S[k])) * (degc - room[k])
    room[ROOM_AGE_S] = 0.0


@compiled
def _median(bank: Inputs, g: int) -> float:
    """Return about the median of a group's good values: the one that is nearest to its siblings' median."""
    good = 0
    middle = np.nan
    for a in range(bank.start[g], bank.start[g + 1]):
        c = bank.member[a]
        if not np.isnan(bank.value[c] - bank.median[c]):
            good += 1
            nearer = abs(bank.value[c] - bank.median[c])
            if not nearer >= abs(middle - bank.median[c]):
                middle = bank.value[c]
    return float(middle) if good >= MIN_SENSORS else np.nan


@compiled
def _judge_cooling(regime: int, slopes: Slopes, around: Surroundings, g: int) -> None:
    score = np.nan
    for k in range(SLOWEST, SCALES_S.size):
        certain = slopes.temperature.fit[g, k, CERTAIN]
        if np.isnan(certain):
            continue
        risen = certain * WINDOW * SCALES_S[k] >= MIN_RISE_K
        score = max(score if not np.isnan(score) else 0.0, 60.0 * certain if risen else 0.0)
    if regime in (CHARGE, DISCHARGE):
        score = 0.0
    around.group[g, COOLING] = score


@compiled
def _judge_degraded(dt_s: float, around: Surroundings, g: int) -> None:
    s = around.group
    over = around.median[g] - around.room[RACK]
    s[g, OVER] = over
    if np.isnan(over):
        return
    if np.isnan(s[g, BASELINE]):
        s[g, BASELINE] = over
        s[g, FAST] = over
        s[g, SQUARE] = 0.25
    s[g, AGE] += dt_s
    s[g, FAST] += dt_s / min(s[g, AGE], FAST_S) * (over - s[g, FAST])
    left = s[g, FAST] - s[g, BASELINE]
    beyond = left > DEGRADED_SIGMAS * math.sqrt(s[g, SQUARE]) and s[g, AGE] > DEGRADED_AFTER_S
    s[g, DEGRADED] = left if beyond else 0.0
    if not beyond:
        s[g, SQUARE] += dt_s / BASELINE_S * (left * left - s[g, SQUARE])
        s[g, BASELINE] += dt_s / min(s[g, AGE], BASELINE_S) * (over - s[g, BASELINE])


@compiled
def _judge_circuit(dt_s: float, load: Circuits, s: Floats, j: int) -> None:
    current = load.state[j, SLOW]
    if np.isnan(load.state[j, NOW]):  # what it was is no evidence
        s[j, FLOAT_RATIO] = np.nan
        return
    # A float current that runs away looks like a charge, one that no discharge came before; the tail of a
    # recharge looks like a float current. A battery floats once it draws about as little as it used to, or
    # long after its last discharge.
    if load.regime[j] == DISCHARGE:
        s[j, FLOATS] = -RECHARGED_S
    elif s[j, FLOATS] < 0.0:
        back = load.regime[j] == REST and current < FLOAT_GROWN * s[j, FLOAT_BASELINE]
        s[j, FLOATS] = 1.0 if back else min(s[j, FLOATS] + dt_s, 0.0)
    elif load.regime[j] == REST:
        s[j, FLOATS] = 1.0
    if s[j, FLOATS] <= 0.0 or current <= 0.0:
        return
    if np.isnan(s[j, FLOAT]):
        s[j, FLOAT] = current
        s[j, FLOAT_BASELINE] = current
    s[j, FLOAT_AGE] += dt_s
    s[j, FLOAT] += dt_s / min(s[j, FLOAT_AGE], FLOAT_FAST_S) * (current - s[j, FLOAT])
    ripe = s[j, FLOAT_AGE] > FLOAT_AFTER_S
    s[j, FLOAT_RATIO] = s[j, FLOAT] / s[j, FLOAT_BASELINE] if ripe else 0.0
    if s[j, FLOAT_RATIO] < FLOAT_GROWN:
        s[j, FLOAT_BASELINE] += (
            dt_s / min(s[j, FLOAT_AGE], FLOAT_BASELINE_S) * (current - s[j, FLOAT_BASELINE])
        )
