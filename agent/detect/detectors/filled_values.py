"""Values that a unit fills in: cells that say one and the same number for longer than chance allows.

Some units write the mean, or the median, of the cells that they read into those that are gone. Such cells
look healthier than any. What gives them away is that they are equal to the last digit, reading after reading,
while healthy cells part from each other by their noise.

Each cell has a partner, one that said the same number; a run lasts until they part. By how often the others
part from theirs, in the same frames, follows what chance allows: cells in a row of n frames are equal by
chance with p^(n (cells - 1)), where p is the share of the others that stayed equal to theirs, or that of the
most faithful of them of late, whichever is more. Where that is more than a half, registers are too coarse, or
the string is too still, for frames to tell anything. Then only those frames count in which the cells moved,
and few others did: of two that flicker at the edge of one register step, each by its own noise, one comes to
the number of the other with 1/2 at most. Where the others do so more often, their noise is a common one, and
nothing can be told.
"""

import math
from typing import NamedTuple

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Floats
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels.arrays import Array, Group
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.inputs import Inputs
from agent.detect.table import WARNING, Row

NAME = "filled-values"

#: Nats: less than 1e-6 a day, in 1e4 frames: 13.8 and 9.2. To that comes which cells of how many they are.
IMPROBABLE = 23.0
MEMORY_FRAMES = 200.0
LEAST_TRIED = 8.0  # frames, before it is known how faithful a cell is
MOST_FAITHFUL = 0.5
MINORITY = 3.0  # at most every third cell may be filled in, and half of them must be known to part
MOST_RELATIONS = 3.0
SHORT = 4.0  # frames: runs that are ordinary, for which all others count
LOOK = 16  # cells that are asked in a frame for one that says the same

LEAST_MOVES = 10.0  # in one run
MANY_MOVE = 0.5  # a larger share of all that moves in one frame has one cause

#: Columns of a cell: its partner, -1 none; the run's frames, seconds and evidence (nats); frames of late in
#: which it had a partner, and in which they stayed equal; the reading before; the score; scratch; the run's
#: moves; moves of late while it had a partner, and those to its number; how sure all this is no chance, nats.
PARTNER, RUN, RUN_S, EVIDENCE, TRIED, EQUAL, LAST, SCORE, SAME = range(9)
MOVES, MOVED, MOVED_TO, SURE, COLUMNS = range(9, 14)


class FilledValues(NamedTuple):
    """Of n cells state (n, COLUMNS). said, before (n + LOOK,): scratch, what the cells of a group say, and
    what they said in the frame before, in the group's order, the first ones once more behind the last.
    """

    state: Floats
    said: Floats
    before: Floats


FILLED = Group(
    FilledValues,
    state=Array(("cells", COLUMNS)),  # not kept: a run is as long again in two minutes
    said=Array((("cells", LOOK),)),
    before=Array((("cells", LOOK),)),
)


def new_filled(cells: int) -> FilledValues:
    """Return the state of cells that have not been seen yet."""
    filled: FilledValues = FILLED.new(cells=cells)
    filled.state[:, PARTNER], filled.state[:, LAST] = -1.0, np.nan
    return filled


@compiled  # no fastmath: it may delete the NaN tests below
def judge_filled_values(dt_s: float, volts: Inputs, filled_values: FilledValues) -> None:
    """
    Score each cell: how many say the same as it for longer than chance allows, 0 where that is not so.

    Parameters
    ----------
    dt_s : float, s
    volts : Inputs
    filled_values : FilledValues
        State and output. A frame that repeats the one before it in all cells of a group is none.
    """
    s, x = filled_values.state, volts.value
    for g in range(volts.start.size - 1):
        first, last = volts.start[g], volts.start[g + 1]
        moved = False
        for a in range(first, last):
            c = volts.member[a]
            moved = not np.isnan(x[c]) and x[c] != s[c, LAST]
            if moved:
                break
        if moved:
            _follow(dt_s, volts, filled_values, first, last)
            _judge(volts, s, first, last)
            for a in range(first, last):
                s[volts.member[a], LAST] = x[volts.member[a]]


@compiled
def _follow(dt_s: float, volts: Inputs, of: FilledValues, first: int, last: int) -> None:
    """Bring partners and runs up to a frame; SAME: 1 still equal, 0 parted, -1 had none."""
    s, x, keep = of.state, volts.value, 1.0 - 1.0 / MEMORY_FRAMES
    tried = 0.0
    equal = 0.0
    movers = 0.0
    for a in range(first, last):
        c = volts.member[a]
        partner = int(s[c, PARTNER])
        s[c, SAME] = -1.0
        if partner >= 0 and not np.isnan(x[c]) and not np.isnan(x[partner]):
            same = 1.0 if x[c] == x[partner] else 0.0
            moves = 1.0 if x[c] != s[c, LAST] else 0.0
            kept = keep if moves > 0.0 else 1.0
            s[c, SAME] = same
            s[c, TRIED] = keep * s[c, TRIED] + 1.0
            s[c, EQUAL] = keep * s[c, EQUAL] + same
            s[c, MOVED] = kept * s[c, MOVED] + moves
            s[c, MOVED_TO] = kept * s[c, MOVED_TO] + moves * same
            tried += 1.0
            equal += same
            movers += moves
    few_move = movers <= MANY_MOVE * tried
    of_all = math.log(equal / tried) if equal > 0.0 else 0.0
    look = min(last - first - 1, LOOK)
    _line_up(volts, of, first, last, look)
    for a in range(first, last):
        c = volts.member[a]
        if s[c, SAME] > 0.0:
            s[c, RUN] += 1.0
            s[c, RUN_S] += dt_s
            s[c, MOVES] += few_move and x[c] != s[c, LAST]
            ordinary = s[c, RUN] <= SHORT
            s[c, EVIDENCE] -= of_all if ordinary else math.log(_share(volts, s, first, last, s[c, RUN]))
            continue
        at = _partner(of.said, of.before, a - first, look)
        b = first + at if first + at < last else 2 * first + at - last
        s[c, PARTNER] = volts.member[b] if at >= 0 else -1.0
        s[c, RUN] = 0.0
        s[c, RUN_S] = 0.0
        s[c, EVIDENCE] = 0.0
        s[c, MOVES] = 0.0


@compiled
def _share(volts: Inputs, s: Floats, first: int, last: int, run: float) -> float:
    """Return which share of the cells whose runs were not half as long stayed equal in this frame."""
    tried = 1
    equal = 1
    for a in range(first, last):
        c = volts.member[a]
        short = 2.0 * s[c, RUN] < run
        tried += short & (s[c, SAME] >= 0.0)
        equal += short & (s[c, SAME] > 0.0)
    return equal / tried


@compiled
def _line_up(volts: Inputs, of: FilledValues, first: int, last: int, look: int) -> None:
    for a in range(first, last + look):
        c = volts.member[a if a < last else first + a - last]
        of.said[a - first] = volts.value[c]
        of.before[a - first] = of.state[c, LAST]


@compiled
def _partner(said: Floats, before: Floats, a: int, look: int) -> int:
    """Return which of the next cells says the same as a, and best did so in the frame before; -1: none.

    All are asked, also after it is found: where to stop is what a processor would guess wrong.
    """
    nowhere = said.size
    twice, once = nowhere, nowhere
    for b in range(a + 1, a + 1 + look):
        same = said[b] == said[a]
        once = min(once, b if same else nowhere)
        twice = min(twice, b if same & (before[b] == before[a]) else nowhere)
    return twice if twice < nowhere else once if once < nowhere else -1


@compiled
def _judge(volts: Inputs, s: Floats, first: int, last: int) -> None:
    for a in range(first, last):
        c = volts.member[a]
        s[c, SCORE] = 0.0
        s[c, SURE] = 0.0
        if s[c, EVIDENCE] * MOST_RELATIONS < IMPROBABLE and s[c, MOVES] < LEAST_MOVES:
            continue
        alike = 0
        others = 0
        moved = 0
        known = 0
        faithful = 0.0
        to_partners = 0.0
        for b in range(first, last):
            d = volts.member[b]
            if np.isnan(volts.value[d]):
                continue
            known += 1
            if volts.value[d] == volts.value[c] and s[d, RUN] >= s[c, RUN]:
                alike += 1
            elif s[d, TRIED] >= LEAST_TRIED:
                others += 1
                faithful = max(faithful, (s[d, EQUAL] + 1.0) / (s[d, TRIED] + 2.0))
                if s[d, MOVED] >= LEAST_TRIED:
                    moved += 1
                    to_partners = max(to_partners, (s[d, MOVED_TO] + 1.0) / (s[d, MOVED] + 2.0))
        if alike < 2 or MINORITY * alike > known:
            continue
        evidence = 0.0
        if 2 * others >= known and faithful <= MOST_FAITHFUL:
            evidence = min(s[c, EVIDENCE], -s[c, RUN] * math.log(faithful))
        if 2 * moved >= known and to_partners <= MOST_FAITHFUL:
            evidence = max(evidence, -s[c, MOVES] * math.log(MOST_FAITHFUL))
        s[c, SURE] = evidence * min(alike - 1.0, MOST_RELATIONS) - _choices(known, alike)
        if s[c, SURE] >= IMPROBABLE:
            s[c, SCORE] = float(alike)


@compiled
def _choices(known: int, alike: int) -> float:
    """Return the logarithm of how many ways there are to choose cells; of no more than make relations."""
    found = 0.0
    for k in range(min(alike, int(MOST_RELATIONS) + 1)):
        found += math.log((known - k) / (k + 1.0))
    return found


FILLED_IN = Sentence(
    "filled-values",
    "{who} and {others:.0f} more had said one and the same number, to the last digit, for {run_s:duration} "
    "when raised, while the others parted from each other: the unit writes a mean where it reads nothing. "
    "Nobody watches these cells.",
)


def explain(case: Case) -> AlarmEvent:
    """Explain cells whose values the unit fills in."""
    filled = case.banks.detectors.filled_values.state[case.c]
    text = said(FILLED_IN, who=case.who, others=filled[SCORE] - 1.0, run_s=filled[RUN_S])
    return case.event(filled[SCORE], text, counted=True)


DETECTOR = Detector(
    name=NAME,
    says=(FILLED_IN,),
    order=107,
    of_sight=True,
    rows=(Row(NAME, "voltage", WARNING, 2.0, "cells", 0.0, 600.0, 0.0, False),),
    judged=(Judged("volts", At("detectors.filled_values.state", SCORE), At("volts.value")),),
    arrays=FILLED,
    new=lambda channels, _: new_filled(channels.volts.n),
    kernel=judge_filled_values,
    explain=explain,
    sees=(
        "cells, two or more and at most every third, that say one and the same number for longer than chance "
        "allows (< 1e-6 a day) while the others part: a unit that writes means into cells that are gone; of "
        "coarse registers, when these cells have changed together often enough (15 times, two cells 40 times)"
    ),
    cannot_see="cells that stand still in coarse registers, as healthy ones do; nothing can be told of them",
    response="Look at the wiring and the measuring board of these cells; measure them by hand.",
)
