"""What every bank takes from a frame: its usable values, its siblings' medians, its ages, its bad sensors."""

from typing import NamedTuple

import numpy as np

from agent.detect.channels import Bank, Codes, Floats, Ints
from agent.detect.kernels.arrays import Array, Group
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.siblings import sibling_median
from agent.detect.kernels.validity import GOOD, HELD, RESTART, RESUMED, SENSORS

SUSPECT_S = 86400.0
BACK_STEPS = 10.0  # so near to where it was before its step, a sensor is believed again
RETURN_S = 300.0  # after a step down, rising to where it was is no heating: a BMU that averages restarts at 0
DOUBTED_DEGC = 50.0  # a suspect sensor is spoken of when it claims heat: nobody else will believe it
STUCK_S = 600.0
GAP_S = 300.0  # what happened unseen is no evidence
STEPPED, RETURNED = 1, 2  # in `restart`
STUCK_STEPS, STUCK_MOVE = 3.0, 1.5  # siblings that moved so far (steps, K) would have moved a living sensor

# Columns of the memory: where a suspect sensor was before it stepped, seconds of suspicion left; the value
# that stands, for how long, and the siblings' median when it began to; the last usable value.
BEFORE, SUSPECT, STANDS, STANDS_S, STOOD_AT, LATEST, MEMORY_COLUMNS = range(7)

# Columns of the scores: blind (2: and so are half of its siblings), faulty sensor.
BLIND, FAULTY = range(2)


class Inputs(NamedTuple):
    """Preallocated arrays of one bank of n channels; a tuple, so that kernels take it whole.

    at, group, member, start, step: see `Bank`. circuit: whose current passes (see `load`). rest: scratch.
    raw: as read, jumps included; NaN where it is no measurement. value: NaN where no detector may use it.
    usable: 1 where it is good and possible. restart: STEPPED, or RETURNED after a silence of GAP_S, else 0.
    median: of the siblings. away: of raw from it, however far, also where no detector may use the value; NaN
    where one of both is not known. age_s: since the last usable value, infinite before the first. memory
    (n, 6), score (n, 2): see the columns; (0, 6) and (n, 1) in a bank whose sensors are not judged.
    """

    at: Ints
    group: Ints
    member: Ints
    start: Ints
    step: Floats
    circuit: Ints
    rest: Floats
    raw: Floats
    value: Floats
    usable: Codes
    restart: Codes
    median: Floats
    away: Floats
    age_s: Floats
    memory: Floats
    score: Floats


#: Of n channels in groups of siblings; `judged`: as many as n, or 0; `scores`: 2, or 1.
INPUTS = Group(
    Inputs,
    at=Array(("n",), np.int64, first=None),
    group=Array(("n",), np.int64, first=None),
    member=Array(("n",), np.int64, first=None),
    start=Array((("groups", 1),), np.int64, first=None),
    step=Array(("n",), first=None),
    circuit=Array(("n",), np.int64, first=None),
    rest=Array(("n",), first=np.nan),
    raw=Array(("n",), first=np.nan),
    value=Array(("n",), first=np.nan),
    usable=Array(("n",), np.uint8),
    restart=Array(("n",), np.uint8),
    median=Array(("n",), first=np.nan),
    away=Array(("n",), first=np.nan),
    age_s=Array(("n",), first=np.inf, kept=SENSORS),
    memory=Array(("judged", MEMORY_COLUMNS), first=np.nan, kept=SENSORS),
    score=Array(("n", "scores"), kept=SENSORS),
)


def new_inputs(bank: Bank, circuit: Ints, *, faults: bool = True) -> Inputs:
    """Return the arrays for a bank of which nothing has been seen yet; faults: its sensors are judged."""
    siblings = {"at": bank.index, "group": bank.group, "member": bank.member, "start": bank.start}
    given = {**siblings, "step": bank.step, "circuit": circuit}
    judged, scores = (bank.n, 2) if faults else (0, 1)
    inputs: Inputs = INPUTS.new(given=given, n=bank.n, groups=len(bank.scope), judged=judged, scores=scores)
    inputs.memory[:, [SUSPECT, STANDS_S]] = 0.0
    return inputs


@compiled  # no fastmath: it may delete the NaN tests below
def take_inputs(
    dt_s: float,
    blind_s: float,
    held: bool,
    si: Floats,
    value: Floats,
    verdict: Codes,
    measured: Codes,
    bank: Inputs,
) -> None:
    """
    Pick a bank's values out of a frame that has passed the gate, and score its sensors themselves.

    Parameters
    ----------
    dt_s : float, s
        Time since the last frame.
    blind_s : float, s
        Age at which a channel is blind; NaN: nobody knows of a single one, the whole unit is out of sight.
    held : bool
        The frame repeats those of the last minute: that a sensor stands still in it is no evidence.
    si, value : (n_frame,) float64, verdict, measured : (n_frame,) uint8
        The frame, what `validity.gate` made of it, and `measured.judge_measured`.
    bank : Inputs
        State and output.
    """
    n = bank.at.size
    for c in range(n):
        i = bank.at[c]
        x = value[i]
        said = verdict[i]
        bank.raw[c] = si[i] if measured[i] else np.nan
        bank.value[c] = x
        bank.usable[c] = said in (GOOD, HELD, RESTART, RESUMED)
        bank.restart[c] = 0
        if said in (RESTART, RESUMED):
            bank.restart[c] = STEPPED
        elif bank.age_s[c] + dt_s > GAP_S and not np.isnan(x):
            bank.restart[c] = RETURNED
        bank.age_s[c] = bank.age_s[c] + dt_s if np.isnan(x) else 0.0
    sibling_median(bank.value, bank.member, bank.start, bank.rest, bank.median)
    _ask_for_a_quorum(bank)
    for c in range(n):
        bank.away[c] = bank.raw[c] - bank.median[c]
    if bank.memory.shape[0] > 0:
        _score_sensors(dt_s, held, verdict, bank)
    _score_blind(blind_s, bank)


@compiled
def _ask_for_a_quorum(bank: Inputs) -> None:
    """Take no median from fewer than half of the siblings that were there a while ago: it would leap."""
    for g in range(bank.start.size - 1):
        first, last = bank.start[g], bank.start[g + 1]
        recent = 0
        good = 0
        for a in range(first, last):
            c = bank.member[a]
            recent += bank.age_s[c] <= GAP_S
            good += not np.isnan(bank.value[c])
        if 2 * good < recent:
            for a in range(first, last):
                bank.median[bank.member[a]] = np.nan


@compiled
def _score_sensors(dt_s: float, held: bool, verdict: Codes, bank: Inputs) -> None:
    """Score 1 a sensor that stepped to a heat, or that stands bit by bit still while its siblings moved."""
    memory = bank.memory
    for c in range(bank.at.size):
        x = bank.value[c]
        if np.isnan(x):
            continue
        if verdict[bank.at[c]] == RESTART:
            if memory[c, SUSPECT] <= 0.0:  # else it has stepped again: what counts is where it came from
                memory[c, BEFORE] = memory[c, LATEST]
            memory[c, SUSPECT] = SUSPECT_S
        memory[c, LATEST] = x
        if memory[c, SUSPECT] > 0.0:
            away = x - memory[c, BEFORE]
            returning = away < -bank.step[c] and memory[c, SUSPECT] > SUSPECT_S - RETURN_S
            back = abs(away) <= BACK_STEPS * bank.step[c] and not returning
            if back or returning:
                bank.restart[c] = STEPPED
            memory[c, SUSPECT] = 0.0 if back else memory[c, SUSPECT] - dt_s
        if x != memory[c, STANDS] or dt_s > GAP_S:
            memory[c, STANDS] = x
            memory[c, STANDS_S] = 0.0
            memory[c, STOOD_AT] = bank.median[c]
        else:
            memory[c, STANDS_S] += 0.0 if held else dt_s
            if np.isnan(memory[c, STOOD_AT]):
                memory[c, STOOD_AT] = bank.median[c]
        moved = abs(bank.median[c] - memory[c, STOOD_AT])
        stuck = memory[c, STANDS_S] >= STUCK_S and moved >= max(STUCK_MOVE, STUCK_STEPS * bank.step[c])
        doubted = memory[c, SUSPECT] > 0.0 and x >= DOUBTED_DEGC
        bank.score[c, FAULTY] = 1.0 if stuck or doubted else 0.0


@compiled
def _score_blind(blind_s: float, bank: Inputs) -> None:
    for g in range(bank.start.size - 1):
        first, last = bank.start[g], bank.start[g + 1]
        lost = 0
        known = 0
        for a in range(first, last):
            age_s = bank.age_s[bank.member[a]]
            known += not np.isinf(age_s)
            lost += age_s >= blind_s and not np.isinf(age_s)
        for a in range(first, last):
            c = bank.member[a]
            blind = bank.age_s[c] >= blind_s and not np.isinf(bank.age_s[c])
            score = 0.0 if not blind else 2.0 if 2 * lost > known else 1.0
            bank.score[c, BLIND] = score if not np.isnan(blind_s) else np.nan
