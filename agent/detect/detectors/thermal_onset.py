"""A rise within a minute or two that is more than one jump of one sensor: a plain slope with a second sign.

A plain slope of 1 K/min hears a fire in its first frame, and every contact that jumps. A fit that is certain
beyond its noise needs many frames, and of slow polling a fire leaves few. Between both stands this: a sensor
is above all that it read in the half hour before, by 1 K or more, and either rises on (what is left without
its largest step, and without what it fell, is a rise too), or a cell of its place falls meanwhile. Both are
judged from rest on: what heats and sags under load is no news.
"""

import math
from typing import NamedTuple

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Channels, Floats
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case, who
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels import noise
from agent.detect.kernels.arrays import Array, Group
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.doubt import CHATTERS_S, USUAL_S, Doubt
from agent.detect.kernels.heating import MIN_RISE_K, MIN_RISE_STEPS, QUIET_AFTER_S, Heat
from agent.detect.kernels.inputs import GAP_S, Inputs
from agent.detect.kernels.slope import Signal
from agent.detect.kernels.voltage_drop import Drops
from agent.detect.table import WARNING, Row

NAME = "thermal-onset"

MINUTE_S = 60.0  # what was read in this minute and the one before is the rise, what was before is its ground
GROUND_S = 1800.0  # time constant with which the ground comes down
RISE_K, RISE_STEPS, RISE_SIGMAS = 1.0, 3.0, 8.0  # the largest
ON_SIGMAS = 6.0  # of what is left without the largest step; a fall beyond so many is none of noise
FALLS = 2.0  # so many times a fall counts against a rise: noise that has just begun goes both ways
FELL = 0.03  # of its voltage, and below its siblings: a cell that falls with the sensor's rise
K_PER_S = 0.1  # since the cell fell: a load heats more slowly (2.2 K/min at 2C)

# Columns of the state of a sensor, and of its distance from its siblings: as read last; the highest before;
# then the highest, the largest step and the largest fall of this minute, and of the minute before.
LAST, GROUND, TOP, TOP_BEFORE, STEP, STEP_BEFORE, FALL, FALL_BEFORE, COLUMNS = range(9)
ITSELF, AWAY, SIGNALS = range(3)
# Columns of the score: the rise, K, 0 where there is no second sign; the cell that is one, -1 where none is.
RISEN, CELL, SCORES = range(3)


class ThermalOnset(NamedTuple):
    """Of n sensors state (n, SIGNALS, COLUMNS) and score (n, SCORES); fell_s, cell (groups,): since when a
    cell of a group falls, infinite: none does, and which; times_s (2,): of this minute, and since rest.
    """

    state: Floats
    score: Floats
    fell_s: Floats
    cell: Floats
    times_s: Floats


ONSET = Group(
    ThermalOnset,
    state=Array(("sensors", SIGNALS, COLUMNS), first=np.nan),  # minutes: a restart begins it anew
    score=Array(("sensors", SCORES)),
    fell_s=Array((("sensor_groups", 1),), first=np.inf),
    cell=Array((("sensor_groups", 1),)),
    times_s=Array((2,)),
)


@compiled  # no fastmath: it may delete the NaN tests below
def judge_thermal_onset(
    dt_s: float,
    temps: Inputs,
    volts: Inputs,
    drops: Drops,
    doubt: Doubt,
    heat: Heat,
    temperature: Signal,
    gain: Signal,
    thermal_onset: ThermalOnset,
) -> None:
    """
    Score each sensor: how far it rose, where that has a second sign.

    Parameters
    ----------
    dt_s : float, s
    temps, volts : Inputs
        A cell beside which it rises makes a jump that the gate holds back a rise; rising on does not.
    drops : Drops
        Tells which cells are where a group of sensors is.
    doubt : Doubt
        Which sensors chatter, and where cells usually are.
    heat : Heat
        For how long the battery has rested.
    temperature, gain : Signal
        The noise of each sensor, and of its distance from its siblings.
    thermal_onset : ThermalOnset
        State and output.
    """
    of, times_s = thermal_onset, thermal_onset.times_s
    rests = heat.quiet_s[0] >= QUIET_AFTER_S
    times_s[1] = 0.0 if rests else times_s[1] + dt_s
    times_s[0] += dt_s
    ends = times_s[0] >= MINUTE_S
    if ends:
        times_s[0] = 0.0
    _follow_cells(dt_s, volts, drops, doubt, of)
    for c in range(temps.raw.size):
        _follow(dt_s, ends, temps.value[c], of.state, c, ITSELF)
        _follow(dt_s, ends, temps.value[c] - temps.median[c], of.state, c, AWAY)
        raw, away, held = temps.raw[c], temps.away[c], np.isnan(temps.value[c])
        own_sd, away_sd, step = temperature.noise[c, noise.SD], gain.noise[c, noise.SD], temps.step[c]
        risen = raw - of.state[c, ITSELF, GROUND]
        rises = _rises(raw, own_sd, step, of.state, c, ITSELF)
        rises_on = not held and _rises_on(raw, own_sd, step, of.state, c, ITSELF)
        if not np.isnan(away):
            rises = rises and _rises(away, away_sd, step, of.state, c, AWAY)
            rises_on = rises_on and _rises_on(away, away_sd, step, of.state, c, AWAY)
        fell_s = of.fell_s[temps.group[c]]
        beside = times_s[1] <= MINUTE_S + dt_s and risen >= K_PER_S * (fell_s + dt_s)
        chatters = doubt.state[c, CHATTERS_S] > 0.0
        told = rises and not chatters and ((rests and rises_on) or beside)
        of.score[c, RISEN] = np.nan if np.isnan(risen) else risen if told else 0.0
        of.score[c, CELL] = of.cell[temps.group[c]] if beside else -1.0


@compiled
def _follow(dt_s: float, ends: bool, x: float, s: Floats, c: int, k: int) -> None:
    """Bring the last two minutes of a signal, and what was before, up to a frame."""
    if dt_s > GAP_S:
        s[c, k, :] = np.nan
    if ends:
        top = s[c, k, TOP_BEFORE]
        if s[c, k, GROUND] > top:
            s[c, k, GROUND] = top + math.exp(-MINUTE_S / GROUND_S) * (s[c, k, GROUND] - top)
        elif not np.isnan(top):
            s[c, k, GROUND] = top
        for column in (TOP, STEP, FALL):
            s[c, k, column + 1] = s[c, k, column]
            s[c, k, column] = np.nan
    if np.isnan(x):
        return
    moved = x - s[c, k, LAST]
    s[c, k, LAST] = x
    s[c, k, TOP] = _larger(x, s[c, k, TOP])
    s[c, k, STEP] = _larger(moved, s[c, k, STEP])
    s[c, k, FALL] = _larger(-moved, s[c, k, FALL])


@compiled
def _larger(a: float, b: float) -> float:
    """Return the larger of two of which one may not be known."""
    return a if a >= b or np.isnan(b) else b


@compiled
def _rises(x: float, sd: float, step: float, s: Floats, c: int, k: int) -> bool:
    return bool(x - s[c, k, GROUND] >= max(RISE_K, RISE_STEPS * step, RISE_SIGMAS * sd))


@compiled
def _rises_on(x: float, sd: float, step: float, s: Floats, c: int, k: int) -> bool:
    """Is what is left without the largest step, and without what it fell, a rise too."""
    largest = _larger(s[c, k, STEP], s[c, k, STEP_BEFORE])
    fall = _larger(s[c, k, FALL], s[c, k, FALL_BEFORE])
    fell = FALLS * fall if fall > ON_SIGMAS * sd else 0.0
    left = x - s[c, k, GROUND] - largest - fell
    return bool(left >= max(MIN_RISE_K, MIN_RISE_STEPS * step, ON_SIGMAS * sd))


@compiled
def _follow_cells(dt_s: float, volts: Inputs, drops: Drops, doubt: Doubt, of: ThermalOnset) -> None:
    """Follow since when a cell where a group of sensors is falls, against its usual voltage and siblings."""
    for g in range(of.fell_s.size):
        of.cell[g] = -1.0
    before = math.exp(min(dt_s, GAP_S) / USUAL_S)  # this frame is in the usual voltage by now
    for e in range(volts.raw.size):
        usual_v, x = doubt.usual_v[e], volts.raw[e]
        fell = volts.usable[e] == 1 and before * (usual_v - x) >= FELL * usual_v
        if fell and not volts.away[e] > -FELL * usual_v:  # NaN: it has no siblings
            lowest = int(of.cell[drops.group[e]])
            if lowest < 0 or x < volts.raw[lowest]:
                of.cell[drops.group[e]] = e
    for g in range(of.fell_s.size):
        if of.cell[g] < 0.0:
            of.fell_s[g] = np.inf
        else:
            of.fell_s[g] = 0.0 if np.isinf(of.fell_s[g]) else of.fell_s[g] + dt_s


def new_thermal_onset(channels: Channels) -> ThermalOnset:
    """Return the arrays of sensors that have not been seen yet."""
    sizes = channels.sizes
    new: ThermalOnset = ONSET.new(sensors=sizes.sensors, sensor_groups=sizes.sensor_groups)
    return new


def forget_values(thermal_onset: ThermalOnset) -> None:
    """Begin anew with the next frame."""
    thermal_onset.state[:] = np.nan
    thermal_onset.fell_s[:] = np.inf


RISES = Sentence(
    "thermal-onset",
    "{who} was at {temperature_degc:.1f} degC when raised, {risen_k:.1f} K above all that it read before "
    "the last two minutes, {sign} (limit {limit_k:g} K).",
)
ON = Sentence("#rises-on", "and rises on, while nothing loads the battery")
CELL_FELL = Sentence("#while-cell-fell", "while {other:lower} fell to {cell_v:.3f} V")


def explain(case: Case) -> AlarmEvent:
    """Explain a sensor that rises, and the second sign."""
    of, volts = case.banks.detectors.thermal_onset, case.channels.volts
    risen, cell, temp = of.score[case.c, RISEN], int(of.score[case.c, CELL]), case.banks.temps.raw[case.c]
    text = said(RISES, who=case.who, temperature_degc=temp, risen_k=risen, sign=ON, limit_k=case.row.limit)
    if cell >= 0:
        other = who(volts.places[cell], volts.quantities[cell])
        text = text.then(sign=CELL_FELL, other=other, cell_v=case.banks.volts.raw[cell])
    return case.event(risen, text)


DETECTOR = Detector(
    name=NAME,
    says=(RISES, ON, CELL_FELL),
    order=45,
    family="heat",
    rows=(
        # Not critical: a contact that creeps after its jump looks like this for a few frames.
        Row(NAME, "temperature", WARNING, RISE_K, "K", 0.0, 600.0, 0.5, False),
    ),
    judged=(
        Judged(
            "temps",
            At("detectors.thermal_onset.score", RISEN),
            At("temps.raw"),
            worst=At("temps.raw"),
        ),
    ),
    arrays=ONSET,
    new=lambda channels, _: new_thermal_onset(channels),
    kernel=judge_thermal_onset,
    forget=forget_values,
    explain=explain,
    sees=(
        "a sensor that rises by 1 K or 3 register steps within two minutes from rest, with a second sign: it "
        "rises on without its largest step, or a cell of its place falls by 3 % in the same frames"
    ),
    cannot_see="one step of one sensor; anything under load; rooms without voltage or current",
    response="Look for heat from outside; stop charge and load of this string until it is clear.",
)
