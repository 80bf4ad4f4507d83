"""Sensors whose contact chatters, known within a handful of frames: they leap up, and come back.

No thermal mass does that several times. A flame leaps too, but within a heat, and what has burned does not
come back by a leap to what it read before: of the 692 sensors of the abuse tests, polled every 1, 5, 10 and
30 s, none makes as many leaps with as many turns and comes home among them. Not counted are the leaps of a
sensor that was hot, or heated, before the first of them, or rose twice as heat does: what burns cuts its own
wires. Nor those within a heat that is believed (see `doubt`), nor those of a frame in which more than
TOGETHER sensors of a group leapt: a bad frame, or a fire.
"""

import math

import numpy as np

from agent.detect.channels import Floats
from agent.detect.kernels.arrays import Array
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.heating import AGAINST, ALONE, Heat
from agent.detect.kernels.inputs import Inputs

LEAP_K, LEAP_K_PER_S, LEAP_MOST_K = (
    10.0,
    2.0,
    30.0,
)  # between two readings: at least, and in their time; at most
RISEN_K, RISEN_STEPS = 3.0, 3.0  # over what it usually reads, the larger: it heated before it leapt
RISES_K_PER_S = 3.5  # two rises in a row that are no faster are heat that is polled slowly
HOME_K = 5.0  # so near to the lowest reading since the first leap, and below a heat: it has come home
TOGETHER = 2
FADE_S, FADE_FRAMES = 120.0, 12.0  # time constant of the counts, the later
AFRESH = 0.3  # of a leap is left: the next one is the first
#: A contact: so many leaps, turns among them, and leaps that came home, of which all but the last have faded.
#: Two readings that are wrong are four leaps, and do not reach as far.
LEAPS_LEAST, TURNS_LEAST, HOMES_LEAST = 4.0, 2.4, 0.6

HEATS = 0.1  # K/min, certain: the slope of a warning

# Columns of a sensor: its last reading; by how much it leapt in this frame, K; by how much the last time, K;
# how long ago, s; leaps, turns and homes, fading; its lowest reading since the first, degC, below all others
# where it burns; what this frame says (NOTHING, LEAPT, CHATTERS).
LAST, MOVED, BEFORE, AGO_S, LEAPS, TURNS, HOMES, HOME, SAYS, COLUMNS = range(10)
NOTHING, LEAPT, CHATTERS = 0.0, 1.0, 2.0
LEAP_ARRAY = Array(("sensors", COLUMNS))  # of minutes: a restart begins it anew


@compiled  # no fastmath: it may delete the NaN test below
def leaps(dt_s: float, x: float, leap: Floats, c: int) -> bool:
    """Take a reading, degC, NaN where there is none; return whether it leapt."""
    leap[c, AGO_S] += dt_s
    leap[c, MOVED] = 0.0
    leap[c, SAYS] = NOTHING
    if np.isnan(x):
        return False
    moved = x - leap[c, LAST]
    leap[c, LAST] = x
    if not abs(moved) >= min(max(LEAP_K, LEAP_K_PER_S * dt_s), LEAP_MOST_K):
        return False
    leap[c, MOVED] = moved
    return True


@compiled
def count_leaps(dt_s: float, hot_degc: float, temps: Inputs, heat: Heat, usual: Floats, leap: Floats) -> None:
    """
    Count the leaps of a frame; say which sensors chatter.

    Parameters
    ----------
    dt_s : float, s
    hot_degc : float
        Where a heat begins.
    temps : Inputs
        Tells the groups of sensors.
    heat : Heat
        Of the frame before.
    usual : (sensors,) float64, degC
        What each read before.
    leap : (sensors, COLUMNS) float64
        State, after `leaps` of each sensor, and output in SAYS.
    """
    for g in range(temps.start.size - 1):
        together = 0
        for a in range(temps.start[g], temps.start[g + 1]):
            together += leap[temps.member[a], MOVED] != 0.0
        for a in range(temps.start[g], temps.start[g + 1]):
            c = temps.member[a]
            if leap[c, MOVED] != 0.0 and together <= TOGETHER:
                heats = heat.verdict[c, AGAINST] >= HEATS or heat.verdict[c, ALONE] >= HEATS
                risen = leap[c, LAST] - leap[c, MOVED] - usual[c]
                heats = heats or risen >= max(RISEN_K, RISEN_STEPS * temps.step[c])
                _count(dt_s, hot_degc, heats, leap, c)


@compiled
def _count(dt_s: float, hot_degc: float, heats: bool, leap: Floats, c: int) -> None:
    x, moved = leap[c, LAST], leap[c, MOVED]
    fade = math.exp(-leap[c, AGO_S] / max(FADE_S, FADE_FRAMES * dt_s))
    leap[c, AGO_S] = 0.0
    for count in range(LEAPS, HOMES + 1):
        leap[c, count] *= fade
    if leap[c, LEAPS] < AFRESH:
        for count in range(LEAPS, HOMES + 1):
            leap[c, count] = 0.0
        leap[c, HOME] = -np.inf if heats or x - moved >= hot_degc else min(x, x - moved)
    elif moved * leap[c, BEFORE] < 0.0:
        leap[c, TURNS] += 1.0
    elif leap[c, TURNS] == 0.0 and 0.0 < max(moved, leap[c, BEFORE]) <= RISES_K_PER_S * dt_s:
        leap[c, HOME] = -np.inf
    leap[c, BEFORE] = moved
    leap[c, LEAPS] += 1.0
    if moved < 0.0 and x < hot_degc and abs(x - leap[c, HOME]) <= HOME_K:
        leap[c, HOMES] += 1.0
    leap[c, HOME] = min(leap[c, HOME], x)
    chatters = leap[c, LEAPS] >= LEAPS_LEAST and leap[c, TURNS] >= TURNS_LEAST
    leap[c, SAYS] = CHATTERS if chatters and leap[c, HOMES] >= HOMES_LEAST else LEAPT
