"""A cell without siblings, or of a pair, whose voltage falls while no current explains it.

At rest a cell holds its voltage; what falls then loses its charge inside. Under a load, or a charge, it is
compared with what it was a few minutes ago under half to one and a half times that current: the end of a
discharge takes 15 % in that time, and a quarter nothing that is healthy. A current that changes by more
explains any fall, and it is compared anew from there. Where nobody measures the current a quarter is what no
ordinary load takes at once. What is not at rest is a warning at most, for a load may be what it is.

Cells of a longer string are judged so too where they lose a quarter and a sibling stands still, which no load
lets it: the median of their siblings may have collapsed with them. Where nobody measures the current that is
a warning, for the sibling that stands may be what is broken.
"""

import math

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Floats
from agent.detect.declaration import At, Detector, Judged
from agent.detect.detectors.cell_collapse import COLLAPSED, LEAST_MEDIAN_V
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels.arrays import Array, Group
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.inputs import Inputs
from agent.detect.kernels.load import LARGEST, NOISE, NOW, RESTED_S, SLOW, UNKNOWN, Circuits
from agent.detect.table import CRITICAL, WARNING, Row

NAME = "lone-cell"

RESTED_FOR_S = 300.0  # after a load or a charge a voltage moves by itself
#: A current that is too small for a load empties a cell too: none is what is less than this, A, a share of
#: the largest, and times its noise.
NONE_A, NONE_SHARE, NONE_SIGMAS = 0.02, 0.003, 4.0
LEVEL_S = 120.0  # time constant of where it stood, and of the current that flowed then
LEVEL_LONG_S = 1800.0  # of a cell of a longer string: frames of 30 s must not carry it away
SAME_SHARE = 0.5  # a current that differs by no more than this share of it explains no quarter
NOT_CRITICAL = COLLAPSED - 0.1  # %: at most, where it is not at rest
MOST = 2  # cells of a group that are judged so: `cell-imbalance` needs three
STILL = 3.0  # %: a sibling in a longer string that fell by less stands still

#: Columns of a cell: where it stood, V; how far it fell below that, %; the lesser of that and of the reading
#: before; which current flowed (UNMEASURED .. LOADED); how much, in the mean of LEVEL_S, A; its fall now, %.
LEVEL, DEPTH, SCORE, FLOWED, LEVEL_A, DOWN, COLUMNS = range(7)
UNMEASURED, RESTED, LOADED = range(3)


@compiled  # no fastmath: it may delete the NaN tests below
def judge_lone_cell(dt_s: float, volts: Inputs, load: Circuits, lone_cell: Floats) -> None:
    """
    Score each cell: how far it fell, in two readings in a row; of one that has siblings only what they and
    their median cannot tell.

    Parameters
    ----------
    dt_s : float, s
    volts : Inputs
    load : Circuits
        Tells the current of the cell's circuit, and for how long it has rested.
    lone_cell : (cells, COLUMNS) float64
        State and output.
    """
    s, soon, late = lone_cell, 1.0 - math.exp(-dt_s / LEVEL_S), 1.0 - math.exp(-dt_s / LEVEL_LONG_S)
    for c in range(volts.raw.size):
        g, j, x = volts.group[c], volts.circuit[c], volts.raw[c]
        s[c, SCORE] = s[c, DOWN] = np.nan
        if volts.usable[c] == 0:
            continue
        lone = volts.start[g + 1] - volts.start[g] <= MOST
        gain = soon if lone else late
        unknown = load.regime[j] == UNKNOWN
        none_a = max(NONE_A, NONE_SHARE * load.state[j, LARGEST], NONE_SIGMAS * load.state[j, NOISE])
        rested = load.state[j, RESTED_S] >= RESTED_FOR_S and abs(load.state[j, SLOW]) <= none_a
        s[c, FLOWED] = UNMEASURED if unknown else RESTED if rested else LOADED
        amps = 0.0 if unknown else load.state[j, NOW]
        changed = not abs(amps - s[c, LEVEL_A]) <= max(none_a, SAME_SHARE * abs(s[c, LEVEL_A]))
        rose = lone and unknown and x > s[c, LEVEL]
        if np.isnan(s[c, LEVEL]) or rose or (s[c, FLOWED] == LOADED and changed):
            s[c, LEVEL] = x
            s[c, LEVEL_A] = amps
        s[c, LEVEL] += gain * (x - s[c, LEVEL])
        s[c, LEVEL_A] += gain * (amps - s[c, LEVEL_A])
        s[c, DOWN] = depth = _share(s[c, LEVEL], x)
        if lone:
            if s[c, FLOWED] != RESTED:
                depth = min(depth, NOT_CRITICAL) if depth >= COLLAPSED else 0.0
            s[c, SCORE] = min(depth, s[c, DEPTH])
            s[c, DEPTH] = depth
    for g in range(volts.start.size - 1):
        if volts.start[g + 1] - volts.start[g] > MOST:
            _judge_string(volts, s, g)


@compiled
def _share(from_v: float, x: float) -> float:
    """Return how far a cell is below where it, or another, stood, %."""
    return 100.0 * (from_v - x) / max(from_v, LEAST_MEDIAN_V)


@compiled  # no fastmath: it may delete the NaN tests below
def _judge_string(volts: Inputs, s: Floats, g: int) -> None:
    """Score the cells of a string that fell below where they stood, and below a sibling that stands still."""
    highest_v = -np.inf
    for a in range(volts.start[g], volts.start[g + 1]):
        if abs(s[volts.member[a], DOWN]) <= STILL:
            highest_v = max(highest_v, volts.raw[volts.member[a]])
    for a in range(volts.start[g], volts.start[g + 1]):
        c = volts.member[a]
        if np.isnan(s[c, DOWN]):
            continue
        depth = _share(min(s[c, LEVEL], highest_v), volts.raw[c]) if s[c, DOWN] >= COLLAPSED else 0.0
        depth = depth if depth >= COLLAPSED and s[c, FLOWED] != LOADED else 0.0
        if s[c, FLOWED] == UNMEASURED:
            depth = min(depth, NOT_CRITICAL)
        s[c, SCORE] = min(depth, s[c, DEPTH])
        s[c, DEPTH] = depth


def new_lone_cells(cells: int) -> Floats:
    """Return the state of cells that have not been seen yet."""
    lone: Floats = LONE.new(cells=cells)
    lone[:, LEVEL] = np.nan
    return lone


LONE = Group(None, lone=Array(("cells", COLUMNS)))  # not kept: what it knows is minutes old


FELL = Sentence(
    "lone-cell",
    "{who} was at {cell_v:.3f} V when raised, {fell_v*1000:.0f} mV below where it had stood in the last "
    "minutes, {when} (limit {limit_percent:g} %).",
)
#: While which current it fell.
WHEN = (
    Sentence("#unmeasured", "and nobody measures the current that could explain it"),
    Sentence("#at-rest", "while no current flowed"),
    Sentence("#steady-load", "while the current hardly changed"),
)


def explain(case: Case) -> AlarmEvent:
    """Explain a lone cell that fell."""
    level, score, flowed = case.banks.detectors.lone_cell[case.c, [LEVEL, SCORE, FLOWED]]
    volts = case.banks.volts.raw[case.c]
    text = said(
        FELL,
        who=case.who,
        cell_v=volts,
        fell_v=level - volts,
        when=WHEN[int(flowed)],
        limit_percent=case.row.limit,
    )
    return case.event(score, text)


DETECTOR = Detector(
    name=NAME,
    says=(FELL, *WHEN),
    order=86,
    family="voltage",
    rows=(
        Row(NAME, "voltage", CRITICAL, COLLAPSED, "%", 5.0, 600.0, 5.0, True),
        Row(NAME, "voltage", WARNING, 3.0, "%", 30.0, 3600.0, 0.5, False),
    ),
    judged=(Judged("volts", At("detectors.lone_cell", SCORE), At("volts.raw")),),
    arrays=LONE,
    new=lambda channels, _: new_lone_cells(channels.volts.n),
    kernel=judge_lone_cell,
    explain=explain,
    sees=(
        "a cell or block without siblings, or of a pair, that falls by 3 % within minutes at rest, or by a "
        "quarter under a current that hardly changes, or one that nobody measures; critical at rest from a "
        "quarter on; of a longer string a cell that falls by a quarter beside a sibling that stands still, "
        "critical at rest, a warning where nobody measures the current"
    ),
    cannot_see=(
        "less than a quarter under load or charge, and what falls together with a current that changes by "
        "half (`voltage-limit` judges both); a unit without cell voltages"
    ),
    response="Look for heat from outside; measure the cell by hand.",
)
