"""The last resort: raw values, no learning, independent of every other detector.

GB 38031-2025 C.5.3.7 calls it thermal runaway when (voltage drop > 25 % or T >= highest operating T) and
dT/dt >= 1 degC/s holds for more than 3 s.
"""

from typing import NamedTuple

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Channels, Floats
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels.arrays import Array, Group, columns
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.doubt import ALONE, CHATTERS_S, DOUBTED, TOLD, UNPROVEN, Doubt
from agent.detect.kernels.inputs import Inputs
from agent.detect.kernels.voltage_drop import Drops
from agent.detect.table import CRITICAL, Row

NAME = "last-resort"

RATE_K_PER_S = 1.0
HOLD_S = 3.0
MIN_STEP_S = 1.0  # rates over less than this are mostly noise
BACK = 0.3  # of the rise: a reading that falls below was a loose contact
MIN_STEPS = 2  # a sensor that jumps once and stays has not heated
WITHOUT_LARGEST = 0.3  # of the rate is left where the largest step is taken off, or a contact was loose
FORGET_HOT_S = 21600.0  # the same for the highest temperature: a cell in runaway was not as hot the same day
WITH_DROP_DEGC = 1200.0  # beyond a sensor's range its reading counts only together with a voltage drop
PLAUSIBLE_DEGC = 200.0
DROP_LASTS_S = 60.0  # a runaway may begin at one cell and end at another
CLIMB_K, CLIMB_K_PER_S = 10.0, 2.0  # a contact that chatters, alone, is believed where no step is larger

# Columns of the state: the last readings at least MIN_STEP_S apart, newest first, their times; how long the
# rate has held, and over how many of them; the highest reading before those. What only comes back to where it
# was, after a frame of zeros or a BMU's restart, has not heated.
ANCHORS = 5
ANCHOR, ANCHOR_T, RISING_S, STEPS, HIGHEST, COLUMNS = columns(ANCHORS, ANCHORS, 1, 1, 1)


class LastResort(NamedTuple):
    """Of each of n sensors its state (n, COLUMNS) and score (n,)."""

    state: Floats
    score: Floats


LAST_RESORT = Group(
    LastResort,
    state=Array(("sensors", COLUMNS)),  # it judges a few seconds: a restart begins it anew
    score=Array(("sensors",), first=np.nan),
)


@compiled
def judge_last_resort(
    t_s: float, hot_degc: float, temps: Inputs, drops: Drops, doubt: Doubt, last_resort: LastResort
) -> None:
    """
    Judge a frame; see `trip`. What it takes for heat is no doubt any more, and told by it alone.

    A contact that chatters reads numbers that rise, by chance. It is heard where it has a witness, or a cell
    there lost its voltage, or where it climbs step by step as heat does.
    """
    state, score = last_resort.state, last_resort.score
    trip(t_s, hot_degc, temps, drops.dropped_s, state, score)
    for c in range(temps.raw.size):
        if not score[c] > 0.0 or doubt.state[c, DOUBTED] > ALONE:
            continue
        dropped = drops.dropped_s[temps.group[c]] <= DROP_LASTS_S
        if doubt.state[c, CHATTERS_S] > 0.0 and not dropped and not _climbs(state, c):
            score[c] = 0.0
        elif doubt.state[c, DOUBTED] == ALONE:
            doubt.state[c, DOUBTED] = TOLD
            doubt.score[c, UNPROVEN] = 0.0


@compiled
def _climbs(state: Floats, c: int) -> bool:
    for a in range(ANCHORS - 1):
        step = state[c, ANCHOR + a] - state[c, ANCHOR + a + 1]
        elapsed = state[c, ANCHOR_T + a] - state[c, ANCHOR_T + a + 1]
        if not RATE_K_PER_S * elapsed <= step <= max(CLIMB_K, CLIMB_K_PER_S * elapsed):
            return False
    return True


@compiled  # no fastmath: it may delete the NaN test below
def trip(t_s: float, hot_degc: float, bank: Inputs, dropped_s: Floats, state: Floats, score: Floats) -> None:
    """
    Score 1 each sensor at which the rule holds, 0 where it does not, NaN where it cannot be seen.

    Parameters
    ----------
    t_s : float, s
    hot_degc : float
        Highest operating temperature.
    bank : Inputs
        The sensors, raw.
    dropped_s : (n_groups,) float64, s
        From `voltage_drop`: since a cell of each group lost a quarter of its voltage.
    state : (n, COLUMNS) float64
        ANCHOR (degC, NaN at first) .. HIGHEST (degC, -inf at first).
    score : (n,) float64
        Output.
    """
    for c in range(bank.raw.size):
        x = bank.raw[c]
        score[c] = np.nan
        dropped = dropped_s[bank.group[c]] <= DROP_LASTS_S
        if not -40.0 < x < (WITH_DROP_DEGC if dropped else PLAUSIBLE_DEGC):
            continue
        score[c] = 0.0
        elapsed = t_s - state[c, ANCHOR_T]
        if np.isnan(state[c, ANCHOR]) or elapsed >= MIN_STEP_S * 0.999 or elapsed < 0.0:
            if elapsed > 0.0 and (x - state[c, ANCHOR]) >= RATE_K_PER_S * elapsed:
                state[c, RISING_S] += elapsed
                state[c, STEPS] += 1.0
            elif not (dropped and x >= PLAUSIBLE_DEGC):  # a clipped reading
                state[c, RISING_S] = 0.0
                state[c, STEPS] = 0.0
            _forget(max(elapsed, 0.0), state, c)
            for a in range(ANCHORS - 1, 0, -1):
                state[c, ANCHOR + a] = state[c, ANCHOR + a - 1]
                state[c, ANCHOR_T + a] = state[c, ANCHOR_T + a - 1]
            state[c, ANCHOR] = x
            state[c, ANCHOR_T] = t_s
        held = state[c, RISING_S] > HOLD_S and state[c, STEPS] >= MIN_STEPS
        held = held and x - state[c, HIGHEST] >= RATE_K_PER_S * HOLD_S
        beyond = x >= PLAUSIBLE_DEGC
        if beyond and not _credible(state, c, hot_degc):
            continue
        clipped = dropped and beyond and state[c, STEPS] >= 1.0
        if clipped or ((held or _rose(state, c, dropped)) and (x >= hot_degc or dropped)):
            score[c] = 1.0


@compiled
def _forget(elapsed: float, state: Floats, c: int) -> None:
    """Bring the highest reading up to what two of the oldest anchors say, or let it come down towards it."""
    oldest = min(state[c, ANCHOR + ANCHORS - 1], state[c, ANCHOR + ANCHORS - 2])
    if PLAUSIBLE_DEGC > oldest >= state[c, HIGHEST]:
        state[c, HIGHEST] = oldest
    elif oldest < state[c, HIGHEST]:  # neither is true for NaN
        state[c, HIGHEST] = oldest + (state[c, HIGHEST] - oldest) / (1.0 + elapsed / FORGET_HOT_S)


@compiled
def _credible(state: Floats, c: int, hot_degc: float) -> bool:
    """May a sensor that reads what no cell is be believed: it was hot before, or goes on, not with one code.

    Cells of 0 V and sensors of 471 degC are a bad frame.
    """
    same = True
    for a in range(1, ANCHORS):
        before = state[c, ANCHOR + a]
        if not before >= PLAUSIBLE_DEGC:
            return bool(before >= hot_degc)
        same = same and before == state[c, ANCHOR]
    return not same


@compiled
def _rose(state: Floats, c: int, dropped: bool) -> bool:
    """Did the mean rate hold over the last readings, most of them rising and none back where they began.

    One large step among them is a contact, unless a cell has lost its voltage.
    """
    first, last = state[c, ANCHOR + ANCHORS - 1], state[c, ANCHOR]
    elapsed = state[c, ANCHOR_T] - state[c, ANCHOR_T + ANCHORS - 1]
    risen = last - max(first, state[c, HIGHEST])
    if not (elapsed > HOLD_S and risen >= RATE_K_PER_S * elapsed):  # also true for NaN
        return False
    rising = 0
    largest = 0.0
    for a in range(ANCHORS - 1):
        step = state[c, ANCHOR + a] - state[c, ANCHOR + a + 1]
        rising += step > 0.0
        largest = max(largest, step)
        if state[c, ANCHOR + a] < first + BACK * (last - first):
            return False
    steadily = risen - largest >= WITHOUT_LARGEST * RATE_K_PER_S * elapsed
    return rising >= ANCHORS - 2 and (steadily or dropped)


def new_state(n: int) -> Floats:
    """Return the state (n, COLUMNS) of sensors that have not been seen yet."""
    state = np.zeros((n, COLUMNS))
    state[:, ANCHOR : ANCHOR + ANCHORS] = np.nan
    state[:, HIGHEST] = -np.inf
    return state


def new_last_resort(channels: Channels) -> LastResort:
    """Return the arrays of sensors that have not been seen yet."""
    new: LastResort = LAST_RESORT.new(sensors=channels.temps.n)
    forget_values(new)
    return new


def forget_values(last_resort: LastResort) -> None:
    """Begin anew with the next frame."""
    last_resort.state[:] = new_state(len(last_resort.state))


RUNAWAY = Sentence(
    "last-resort",
    "{who} shows thermal runaway: {temperature_degc:.1f} degC when raised and rising by at least 1 K/s for "
    "more than 3 s, hot or with a cell that lost a quarter of its voltage (GB 38031).",
)


def explain(case: Case) -> AlarmEvent:
    """Explain the rule of GB 38031."""
    temp = case.banks.temps.raw[case.c]
    return case.event(temp, said(RUNAWAY, who=case.who, temperature_degc=temp))


DETECTOR = Detector(
    name=NAME,
    says=(RUNAWAY,),
    order=10,
    family="heat",
    rows=(Row(NAME, "temperature", CRITICAL, 1.0, "", 0.0, 600.0, 0.5, True),),
    judged=(Judged("temps", At("detectors.last_resort.score"), At("temps.raw")),),
    arrays=LAST_RESORT,
    new=lambda channels, _: new_last_resort(channels),
    kernel=judge_last_resort,
    forget=forget_values,
    explain=explain,
    sees=(
        "GB 38031-2025 C.5.3.7 on raw values: 1 K/s for over 3 s, hot or with a cell at three quarters of "
        "its voltage; no learning"
    ),
    cannot_see="anything earlier; that readings are bad, if they climb like heat: they may raise it",
    response="Leave the room, shut the doors, call the fire brigade; cut the rack off from outside.",
)
