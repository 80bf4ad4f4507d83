"""Both sides of a sensor that jumps to a heat: a broken sensor, or a fire between two frames.

A reading that has jumped is doubted while it stands alone. Any witness ends the doubt in that frame: a
sibling that rose too, a cell of the same place that collapsed or vanished, an insulation that fell, an alarm
of the unit's own that no temperature sensor can have raised. A witness is a measurement (see `measured`), and
there is none where all siblings moved by one offset, by one factor or to one number: that is a bad frame.
What is believed is told with the next frame that does not take it back, also where it does not read the
sensor any more: what burns cuts its wires. What stands alone is told as unproven when its time is over; so is
what was hot alone when it was read last, once two frames did not read it any more: no bad frame stays away. A
cable that breaks again and again so is one alarm, until it was home for a day. A sensor that jumps again and
again chatters (`leaps` knows one that never stays within a handful of frames): what it says alone is not
believed for a day.
"""

import math
from typing import NamedTuple

import numpy as np

from agent.detect.channels import Codes, Floats, Ints
from agent.detect.kernels.arrays import Array, Group, Part
from agent.detect.kernels.compiled import compiled, inlined
from agent.detect.kernels.heating import AGAINST, Heat
from agent.detect.kernels.heating import ALONE as BY_ITSELF
from agent.detect.kernels.inputs import BLIND, STEPPED, SUSPECT, Inputs
from agent.detect.kernels.inputs import FAULTY as INPUT_FAULTY
from agent.detect.kernels.leaps import CHATTERS as IS_CONTACT
from agent.detect.kernels.leaps import HEATS, LEAP_ARRAY, LEAPT, MOVED, SAYS, count_leaps, leaps
from agent.detect.kernels.leaps import LAST as LEAP_LAST
from agent.detect.kernels.measured import MEASURED, TOGETHER, ZEROS
from agent.detect.kernels.validity import HELD, IMPOSSIBLE, RESTART, RESUMED
from agent.detect.kernels.voltage_drop import Drops

ALONE_S = 30.0  # the longest doubt
STEADY_S, STEADY_FRAMES = 10.0, 2.0  # so long and so often it moved as matter does: no contact heats or cools
STEADY_K, STEADY_STEPS = 1.0, 3.0  # by so much each time, the larger, in one direction
ALIKE_FRAMES = 3.0  # and after so many more where all siblings moved alike: bad frames come in threes
RISE_K = 10.0  # over what it read before (over its siblings, where it is seen for the first time): a jump
BACK = 0.5  # of the jump: what has fallen by so much has taken it back, unless what is witnessed cools

RISEN_K, RISEN_STEPS = 3.0, 3.0  # a sibling that rose by so much, the larger, is a witness
SAME_K, SAME_STEPS, SAME_SHARE = 2.0, 3.0, 0.05  # so alike, all moved by one offset, or by one factor
FELL_V, FELL_ALONE_V = 0.25, 0.2  # a cell that fell by so much, and by so much below its siblings (a cell
# without siblings: by FELL_LONE of its voltage, which no load takes at once)
FELL_LONE = 1.0 / 6.0
VANISHED_S = 60.0  # since a cell was seen that is not measured now
FELL_OHM = 0.25  # an insulation that fell to so much of what it was, or less
SAID_S = 60.0  # since the unit raised its alarm: what stands for longer is no news
USUAL_S = 60.0  # time constant of what a sensor, or a cell, read before

FAULTY_S = 60.0  # so long a sensor is at fault before that is told; a contact that chatters is at once

CHATTERS, CHATTER_S, QUIET_S = 3.0, 7200.0, 86400.0  # so many jumps within about so long; until it is still
WORST_S = 3600.0

# Columns of a sensor's state: what it read before it jumped, and below what it has taken that back; whether
# it is doubted (NOT .. TOLD), and for how long (below 0: for so long each rise is a jump); jumps, fading;
# seconds until it chatters no more; its worst reading of the last hour, and the age of that; its usual one;
# its last witness (NOBODY .. UNIT), which sensor or cell that is, and what is told of it: degC, V, ohm; what
# it read last while doubted (NaN: it was not read), and how often it has moved up (down: below 0) since;
# seconds, in which it is read, until it is forgotten that a heat cut its cable.
BEFORE, BACK_AT, DOUBTED, DOUBTED_S, JUMPS, CHATTERS_S, WORST, WORST_AGE_S, USUAL = range(9)
WITNESS, WITNESS_AT, WITNESS_X, READ, STEADY, BROKE_S, COLUMNS = range(9, 16)
NOBODY, SENSOR, CELL_FELL, CELL_GONE, INSULATION, UNIT = range(6)
NOT, ALONE, WITNESSED, TOLD = 0.0, 1.0, 2.0, 3.0
STILL, ROSE, ALIKE = range(3)  # its siblings
# Columns of the scores: heat with a witness; without one, a reading that stands, or one that was hot when it
# was read last; a fault. And for how long the sensor has been at fault, below 0: it is not.
SUDDEN, UNPROVEN, GONE, FAULTY, STANDS_S, SCORES = range(6)


class Doubt(NamedTuple):
    """Of n sensors: state (n, COLUMNS), score (n, SCORES), heard (n,), NaN where this frame tells nothing of
    it; hot (n,), degC: what may be compared with limits, 0 where the sensor is doubted; x (n,), degC: what it
    reads, NaN where that is no measurement; risen (n,), K: since it was usual. usual_v (cells,), V.
    at_insulation (1,): where it is in the frame, -1 nowhere; usual_ohm (1,). said_s (1,), s: since the unit
    raised an alarm of its own that is a witness; given with each frame, infinite for none. leap: see `leaps`.
    """

    state: Floats
    score: Floats
    heard: Floats
    hot: Floats
    x: Floats
    risen: Floats
    usual_v: Floats
    at_insulation: Ints
    usual_ohm: Floats
    said_s: Floats
    leap: Floats


DOUBT_PART = Part("doubt", 2)
DOUBT = Group(
    Doubt,
    state=Array(("sensors", COLUMNS), first=np.nan, kept=DOUBT_PART),
    score=Array(("sensors", SCORES)),
    heard=Array(("sensors",), first=np.nan),
    hot=Array(("sensors",), first=np.nan),
    x=Array(("sensors",), first=np.nan),
    risen=Array(("sensors",), first=np.nan),
    usual_v=Array(("cells",), first=np.nan, kept=DOUBT_PART),
    at_insulation=Array((1,), np.int64, first=None),
    usual_ohm=Array((1,), first=np.nan, kept=DOUBT_PART),
    said_s=Array((1,), first=np.inf),
    leap=LEAP_ARRAY,
)


def new_doubt(sensors: int, cells: int, at_insulation: int = -1) -> Doubt:
    """Return the state of sensors and cells that have not been seen yet."""
    given = {"at_insulation": np.array([at_insulation], np.int64)}
    doubt: Doubt = DOUBT.new(given=given, sensors=sensors, cells=cells)
    doubt.state[
        :, [DOUBTED, DOUBTED_S, JUMPS, CHATTERS_S, WORST_AGE_S, WITNESS, WITNESS_AT, STEADY, BROKE_S]
    ] = 0.0
    doubt.score[:, STANDS_S] = -1.0
    doubt.leap[:, LEAP_LAST] = np.nan
    return doubt


def doubted_before(doubt: Doubt, c: int, doubted: float) -> None:
    """Go on where an alarm of a sensor stood before a restart: it is no news, however old the state is."""
    state = doubt.state[c]
    if state[DOUBTED] < doubted:
        state[[DOUBTED, BEFORE, BACK_AT]] = doubted, np.nan, np.nan
    if doubted == ALONE:
        state[DOUBTED_S] = max(state[DOUBTED_S], ALONE_S)
        doubt.score[c, UNPROVEN] = 1.0


@compiled  # no fastmath: it may delete the NaN tests below
def judge_doubt(
    dt_s: float,
    hot_degc: float,
    si: Floats,
    verdict: Codes,
    why: Codes,
    temps: Inputs,
    volts: Inputs,
    drops: Drops,
    heat: Heat,
    doubt: Doubt,
) -> None:
    """
    Score each sensor: heat with a witness, heat without one, a fault of the sensor; say what may be judged.

    Parameters
    ----------
    dt_s : float, s
    hot_degc : float
        Highest operating temperature: what is below it is no heat.
    si : (n_frame,) float64, verdict, why : (n_frame,) uint8
        The frame, what `validity.gate` made of it, and `measured.judge_measured`.
    temps, volts : Inputs
        After `take_inputs`.
    drops : Drops
        Tells which cells are where a group of sensors is.
    heat : Heat
        Of the frame before.
    doubt : Doubt
        State and output.
    """
    s, fade = doubt.state, math.exp(-dt_s / CHATTER_S)
    leapt = False
    for c in range(temps.raw.size):
        doubt.x[c] = si[temps.at[c]] if why[temps.at[c]] in (MEASURED, TOGETHER) else np.nan
        before = s[c, USUAL] if s[c, DOUBTED] == NOT else s[c, BEFORE]
        doubt.risen[c] = doubt.x[c] - before
        if leaps(dt_s, doubt.x[c], doubt.leap, c):
            leapt = True
            if doubt.x[c] >= hot_degc and s[c, DOUBTED] > ALONE:
                doubt.leap[c, MOVED] = 0.0  # it is believed: these are flames
    if leapt:
        count_leaps(dt_s, hot_degc, temps, heat, s[:, USUAL], doubt.leap)
    for c in range(temps.raw.size):
        said = verdict[temps.at[c]]
        # what jumps within a heat may be flames: a contact comes back (a jump is known by its third frame)
        hot_before = s[c, USUAL] >= hot_degc or (s[c, DOUBTED] != NOT and s[c, DOUBTED_S] >= 2.0 * dt_s)
        burns = doubt.x[c] >= hot_degc and hot_before
        jumped = said in (RESTART, RESUMED) and not burns
        _count_jumps(dt_s, fade, jumped, doubt.leap[c, SAYS], doubt.x[c], s, c)
        if s[c, CHATTERS_S] > 0.0 and doubt.leap[c, SAYS] >= LEAPT:
            temps.restart[c] = STEPPED  # no slope reaches across
        _begin(dt_s, said, hot_degc, temps, doubt, c)
    for c in range(temps.raw.size):
        _doubt(dt_s, hot_degc, si, verdict, why, temps, volts, drops, heat, doubt, c)
    gain = 1.0 - math.exp(-dt_s / USUAL_S)
    for c in range(temps.raw.size):
        if s[c, DOUBTED] == NOT:
            _follow(gain, doubt.x[c], s[:, USUAL], c)
    for c in range(volts.raw.size):
        _follow(gain, volts.raw[c] if volts.usable[c] else np.nan, doubt.usual_v, c)
    _follow(gain, _insulation(si, why, doubt), doubt.usual_ohm, 0)


@compiled
def _follow(gain: float, x: float, usual: Floats, c: int) -> None:
    if np.isnan(usual[c]):
        usual[c] = x
    elif not np.isnan(x):
        usual[c] += gain * (x - usual[c])


@compiled
def _insulation(si: Floats, why: Codes, doubt: Doubt) -> float:
    at = doubt.at_insulation[0]
    return float(si[at]) if at >= 0 and why[at] == MEASURED else np.nan


@compiled
def _count_jumps(dt_s: float, fade: float, jumped: bool, leapt: float, x: float, s: Floats, c: int) -> None:
    s[c, JUMPS] *= fade
    s[c, CHATTERS_S] = max(s[c, CHATTERS_S] - dt_s, 0.0)
    s[c, WORST_AGE_S] += dt_s
    if jumped:
        s[c, JUMPS] += 1.0
    known = leapt == IS_CONTACT or (jumped and s[c, JUMPS] >= CHATTERS)
    if known or (s[c, CHATTERS_S] > 0.0 and (jumped or leapt == LEAPT)):
        s[c, CHATTERS_S] = QUIET_S
    if not np.isnan(x) and not (x <= s[c, WORST] and s[c, WORST_AGE_S] <= WORST_S):
        s[c, WORST] = x
        s[c, WORST_AGE_S] = 0.0


@inlined
def _begin(dt_s: float, said: int, hot_degc: float, temps: Inputs, doubt: Doubt, c: int) -> None:
    """Doubt a sensor that jumped to a heat, or is found far above its siblings when it is first seen."""
    s, x = doubt.state, doubt.x[c]
    before, median = s[c, USUAL], temps.median[c]
    if s[c, DOUBTED] != NOT and np.isnan(s[c, BACK_AT]) and not np.isnan(x):  # see `doubted_before`
        s[c, BEFORE] = median if np.isnan(before) else before
        s[c, BACK_AT] = hot_degc
        if s[c, BEFORE] < x:
            s[c, BACK_AT] = min(hot_degc, s[c, BEFORE] + BACK * (x - s[c, BEFORE]))
        doubt.risen[c] = x - s[c, BEFORE]
    if s[c, DOUBTED] != NOT or not x >= hot_degc or doubt.hot[c] >= hot_degc:  # it was believed, a frame ago
        return
    jumped = said in (HELD, RESTART, RESUMED, IMPOSSIBLE) or s[c, DOUBTED_S] < 0.0
    if np.isnan(before):
        before = median
        jumped = True
    elif temps.memory[c, SUSPECT] > 0.0 and x - median >= RISE_K:
        jumped = True
    if jumped and x - before >= RISE_K:
        s[c, BEFORE] = before
        s[c, BACK_AT] = min(hot_degc, before + BACK * (x - before))
        s[c, DOUBTED] = ALONE
        s[c, DOUBTED_S] = -dt_s  # this frame passes yet
        s[c, WITNESS] = NOBODY
        s[c, READ] = x
        s[c, STEADY] = 0.0
        doubt.risen[c] = x - before


@inlined
def _doubt(
    dt_s: float,
    hot_degc: float,
    si: Floats,
    verdict: Codes,
    why: Codes,
    temps: Inputs,
    volts: Inputs,
    drops: Drops,
    heat: Heat,
    doubt: Doubt,
    c: int,
) -> None:
    """Bring the doubt of a sensor up to a frame."""
    s, score, x = doubt.state, doubt.score, doubt.x[c]
    doubt.heard[c] = x
    siblings = STILL
    if s[c, DOUBTED] == NOT:
        s[c, DOUBTED_S] = min(s[c, DOUBTED_S] + dt_s, 0.0)
    else:
        s[c, DOUBTED_S] += dt_s
        witnessed = False
        if s[c, DOUBTED] != TOLD and not np.isnan(x):
            siblings = _siblings(verdict, why, temps, doubt, c)
            witnessed = siblings == ROSE or _cell_fell(why, volts, drops, doubt, temps.group[c], c)
            witnessed = witnessed or (siblings != ALIKE and _unit_says(si, why, doubt, c))
        cools = s[c, DOUBTED] == WITNESSED and witnessed and x - s[c, BEFORE] >= RISE_K
        if x < s[c, BACK_AT] and not cools:
            s[c, DOUBTED] = NOT
            s[c, DOUBTED_S] = -CHATTER_S
        elif np.isnan(x):
            s[c, DOUBTED] = TOLD if s[c, DOUBTED] != ALONE else ALONE
        elif s[c, DOUBTED] != TOLD:
            _believe(witnessed, s[c, DOUBTED_S] - dt_s <= ALONE_S, s, c)
        if s[c, DOUBTED] == TOLD:
            doubt.heard[c] = 1.0  # also where it is not read any more
    if s[c, DOUBTED] > ALONE:
        temps.memory[c, SUSPECT] = 0.0
    alone, chatters = s[c, DOUBTED] == ALONE, s[c, CHATTERS_S] > 0.0
    score[c, SUDDEN] = 1.0 if s[c, DOUBTED] == TOLD else 0.0
    doubt_s = max(ALONE_S, ALIKE_FRAMES * dt_s) if siblings == ALIKE else ALONE_S
    if alone and siblings != ALIKE and _is_steady(temps.step[c], x, s, c):
        doubt_s = STEADY_S
    over = s[c, DOUBTED_S] > 0.0 and s[c, DOUBTED_S] + 0.5 * dt_s >= doubt_s  # no period is exact
    unproven = alone and over and not chatters
    if alone and np.isnan(x):
        stood = score[c, UNPROVEN] > 0.0
        gone = unproven and not stood and np.isnan(s[c, READ]) and _one_of_them(temps, s, c)
        unproven = unproven and stood
        s[c, READ], s[c, STEADY] = np.nan, 0.0
        if gone:
            s[c, BROKE_S] = QUIET_S
            doubt.heard[c] = 1.0
    elif not np.isnan(x):
        s[c, BROKE_S] = max(s[c, BROKE_S] - dt_s, 0.0)
    if s[c, DOUBTED] > ALONE or chatters:
        s[c, BROKE_S] = 0.0  # that is told otherwise
    score[c, UNPROVEN] = 1.0 if unproven else 0.0
    score[c, GONE] = 1.0 if s[c, BROKE_S] > 0.0 else 0.0
    # what stands beyond the limit, did so an hour ago, or heats, is no fault, nor is who stands still beside
    # it; a contact that chatters is
    faulty = temps.score[c, INPUT_FAULTY] > 0.0 and s[c, DOUBTED] == NOT and s[c, DOUBTED_S] >= 0.0
    faulty = faulty and not _one_heats(hot_degc, temps, heat, doubt, c)
    if not np.isnan(temps.value[c]):
        stands_s = score[c, STANDS_S] + dt_s if score[c, STANDS_S] >= 0.0 else 0.0
        score[c, STANDS_S] = stands_s if faulty else -1.0
    score[c, FAULTY] = 1.0 if chatters or score[c, STANDS_S] >= FAULTY_S else 0.0
    told = chatters or score[c, SUDDEN] > 0.0 or score[c, UNPROVEN] > 0.0 or score[c, GONE] > 0.0
    if told and temps.score[c, BLIND] > 0.0:
        temps.score[c, BLIND] = 0.0  # that it gives nothing to judge is no news
    hot_still = doubt.hot[c] >= hot_degc and x >= hot_degc and np.isnan(temps.value[c])
    doubt.hot[c] = temps.value[c] if why[temps.at[c]] == MEASURED else np.nan
    if s[c, DOUBTED] > ALONE or (s[c, DOUBTED] == NOT and hot_still):
        doubt.hot[c] = x
    elif not np.isnan(doubt.hot[c]) and (alone or chatters):
        doubt.hot[c] = 0.0


@compiled
def _is_steady(step_k: float, x: float, s: Floats, c: int) -> bool:
    """Has it moved on in one direction, frame by frame."""
    moved = x - s[c, READ]
    if not np.isnan(x):
        s[c, READ] = x
    if np.isnan(moved):
        return False
    if abs(moved) < max(STEADY_K, STEADY_STEPS * step_k):
        s[c, STEADY] = 0.0
    elif moved > 0.0:
        s[c, STEADY] = max(s[c, STEADY], 0.0) + 1.0
    else:
        s[c, STEADY] = min(s[c, STEADY], 0.0) - 1.0
    return bool(abs(s[c, STEADY]) >= STEADY_FRAMES)


@compiled
def _one_heats(hot_degc: float, temps: Inputs, heat: Heat, doubt: Doubt, c: int) -> bool:
    """Does a sensor of the group heat, or read heat: its siblings' median moves, and the others stand."""
    g, least_k = temps.group[c], max(RISEN_K, RISEN_STEPS * temps.step[c])
    for a in range(temps.start[g], temps.start[g + 1]):
        d = temps.member[a]
        heats = heat.verdict[d, AGAINST] >= HEATS or heat.verdict[d, BY_ITSELF] >= HEATS
        if heats or doubt.x[d] >= hot_degc or doubt.risen[d] >= least_k:
            return True
    return False


@compiled
def _one_of_them(temps: Inputs, s: Floats, c: int) -> bool:
    """Is a sibling not doubted, or has it none: what all of them did, and are gone, was a bad frame."""
    first, last = temps.start[temps.group[c]], temps.start[temps.group[c] + 1]
    for a in range(first, last):
        if s[temps.member[a], DOUBTED] == NOT:
            return True
    return bool(last - first == 1)


@compiled
def _believe(witnessed: bool, fresh: bool, s: Floats, c: int) -> None:
    """Believe a reading that has a witness; a frame later it is told.

    One that has stood alone for long is not told for a witness that takes itself back: that is two faults.
    """
    if s[c, DOUBTED] == ALONE:
        s[c, DOUBTED] = WITNESSED if witnessed else ALONE
    else:
        s[c, DOUBTED] = TOLD if witnessed or fresh else ALONE


@compiled
def _siblings(verdict: Codes, why: Codes, temps: Inputs, doubt: Doubt, c: int) -> int:
    """Return whether another sensor of the group ROSE too, to another number, or all of them ALIKE."""
    x, risen, s, g = doubt.x, doubt.risen, doubt.state, temps.group[c]
    known = 0
    hottest_witness = -1
    possible = 0
    all_rose = True
    least_k, most_k, least, most, coldest, hottest = np.inf, -np.inf, np.inf, -np.inf, np.inf, -np.inf
    for a in range(temps.start[g], temps.start[g + 1]):
        d = temps.member[a]
        if np.isnan(x[d]) or np.isnan(risen[d]):
            continue
        known += 1
        rose = risen[d] >= max(RISEN_K, RISEN_STEPS * temps.step[d])
        all_rose = all_rose and rose
        times = x[d] / max(x[d] - risen[d], 1.0)
        least_k, most_k = min(least_k, risen[d]), max(most_k, risen[d])
        least, most = min(least, times), max(most, times)
        coldest, hottest = min(coldest, x[d]), max(hottest, x[d])
        usual = verdict[temps.at[d]] != IMPOSSIBLE
        possible += usual
        another = x[d] != x[c] if usual else abs(x[d] - x[c]) > SAME_SHARE * x[c]
        witness = d != c and rose and another and why[temps.at[d]] == MEASURED
        if witness and (hottest_witness < 0 or x[d] > x[hottest_witness]):
            hottest_witness = d
    alike = most_k - least_k <= max(SAME_K, SAME_STEPS * temps.step[c]) or most - least <= SAME_SHARE * most
    alike = alike or possible == 0 or hottest - coldest <= temps.step[c]
    if known > 1 and all_rose and alike:
        return ALIKE
    if hottest_witness < 0:
        return STILL
    _name(s, c, SENSOR, hottest_witness, x[hottest_witness])
    return ROSE


@compiled
def _name(s: Floats, c: int, witness: int, at: int, x: float) -> None:
    s[c, WITNESS] = witness
    s[c, WITNESS_AT] = at
    s[c, WITNESS_X] = x


@compiled
def _unit_says(si: Floats, why: Codes, doubt: Doubt, c: int) -> bool:
    """Did the insulation fall, or has the unit just raised an alarm that is a witness."""
    ohm = _insulation(si, why, doubt)
    if 0.0 < ohm <= FELL_OHM * doubt.usual_ohm[0]:
        _name(doubt.state, c, INSULATION, 0, ohm)
        return True
    if doubt.said_s[0] <= SAID_S:
        _name(doubt.state, c, UNIT, 0, doubt.said_s[0])
        return True
    return False


@compiled
def _cell_fell(why: Codes, volts: Inputs, drops: Drops, doubt: Doubt, g: int, c: int) -> bool:
    """Did a cell where the group is collapse, or vanish, and most of its siblings not. The deepest is named,
    by how far it is below what it was, or below its siblings, the larger.
    """
    deepest = -1
    deepest_v = 0.0
    for e in range(volts.raw.size):
        if drops.group[e] != g:
            continue
        if why[volts.at[e]] in (ZEROS, TOGETHER):
            continue
        if why[volts.at[e]] != MEASURED:
            seen = 0
            there_are = 0
            for a in range(volts.start[volts.group[e]], volts.start[volts.group[e] + 1]):
                seen += why[volts.at[volts.member[a]]] == MEASURED
                there_are += 1
            if 0.0 < volts.age_s[e] <= VANISHED_S and 2 * seen > there_are:
                _name(doubt.state, c, CELL_GONE, e, np.nan)
                return True
            continue
        usual_v, median_v = doubt.usual_v[e], volts.median[e]
        if volts.start[volts.group[e] + 1] - volts.start[volts.group[e]] == 1:
            fell_v = usual_v - volts.raw[e]
            fell = fell_v >= FELL_LONE * usual_v
        else:
            fell_v = max(usual_v, median_v) - volts.raw[e]
            fell = usual_v - volts.raw[e] >= FELL_V and median_v - volts.raw[e] >= FELL_ALONE_V
        if volts.usable[e] and fell and fell_v > deepest_v:
            deepest, deepest_v = e, fell_v
    if deepest < 0:
        return False
    _name(doubt.state, c, CELL_FELL, deepest, deepest_v)
    return True
