"""A cell far below its siblings, at once and without learning: deeper than a living cell stands.

Where most of the cells of a string collapse, the median goes with them, and those that stayed stand above it
by a third and more, which no living string shows: then all are compared with the lowest of those.
"""

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Floats
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels.arrays import Array, Group, Part
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.inputs import Inputs
from agent.detect.table import CRITICAL, Row

NAME = "cell-collapse"

#: Of the median of its siblings, in %; GB 38031-2025 C.5.3.7 calls such a drop of a cell thermal runaway. The
#: weakest cell of `leaf_pack_6s` ends its discharges 14 % below the others.
COLLAPSED = 25.0
#: V: shares are of no less, so that a cell of NiCd or lead of 2 V must be 0.5 V below the others.
LEAST_MEDIAN_V = 2.0

#: Cells that stayed: how many they must be, and which share of the string. Fewer are wrong themselves.
STAYED, STAYED_SHARE = 2, 0.25
RAISED = COLLAPSED / (100.0 - COLLAPSED)  # so much of the median above it they stand

#: Columns of a cell: how far it is below its siblings, in %; the lesser of that and of the reading before.
DEPTH, SCORE, COLUMNS = range(3)
DEPTHS = Group(None, depth=Array(("cells", COLUMNS), kept=Part("collapse", 1)))


@compiled  # no fastmath: it may delete the NaN test below
def judge_cell_collapse(volts: Inputs, cell_collapse: Floats) -> None:
    """
    Score each cell: how far it is below its siblings, in two readings in a row.

    Parameters
    ----------
    volts : Inputs
        The cells; of one that jumps also what the gate holds back.
    cell_collapse : (cells, COLUMNS) float64, %
        State and output.
    """
    for g in range(volts.start.size - 1):
        stayed_v = lowest_stayed(volts, g)
        for a in range(volts.start[g], volts.start[g + 1]):
            c = volts.member[a]
            if np.isnan(volts.away[c]) or volts.usable[c] == 0:
                cell_collapse[c, SCORE] = np.nan
                continue
            depth = -100.0 * volts.away[c] / max(volts.median[c], LEAST_MEDIAN_V)
            if stayed_v - volts.raw[c] > -volts.away[c]:  # NaN: the median tells it
                depth = 100.0 * (stayed_v - volts.raw[c]) / max(stayed_v, LEAST_MEDIAN_V)
            cell_collapse[c, SCORE] = min(depth, cell_collapse[c, DEPTH])
            cell_collapse[c, DEPTH] = depth


@compiled  # no fastmath: it may delete the NaN test below
def lowest_stayed(volts: Inputs, g: int) -> float:
    """Return the lowest cell of those that stayed where most of a group collapsed, V; NaN: it has not."""
    known = 0
    stayed = 0
    lowest_v = np.inf
    for a in range(volts.start[g], volts.start[g + 1]):
        c = volts.member[a]
        if np.isnan(volts.away[c]) or volts.usable[c] == 0:
            continue
        known += 1
        if volts.away[c] >= RAISED * max(volts.median[c], LEAST_MEDIAN_V):
            stayed += 1
            lowest_v = min(lowest_v, volts.raw[c])
    return lowest_v if stayed >= max(STAYED, STAYED_SHARE * known) else np.nan


COLLAPSE = Sentence(
    "cell-collapse",
    "{who} stood {below_v*1000:.0f} mV below the median of its siblings when raised, at {cell_v:.3f} V of "
    "{median_v:.3f} V: {depth_percent:.0f} % (limit {limit_percent:g} %). A short inside, a cell that is "
    "empty, or its measuring wire.",
)
MOST = Sentence(
    "cell-collapse-of-most",
    "{who} stood {below_v*1000:.0f} mV below the few cells that stayed up when raised, at {cell_v:.3f} V of "
    "{stayed_v:.3f} V: {depth_percent:.0f} % (limit {limit_percent:g} %), and so does most of its string. "
    "Shorts inside, cells that are empty, or what measures them.",
)


def explain(case: Case) -> AlarmEvent:
    """Explain a cell that collapsed, alone or with most of its string."""
    of, depth = case.banks.volts, case.banks.detectors.cell_collapse[case.c, SCORE]
    volts, median, text = of.raw[case.c], of.median[case.c], COLLAPSE
    least = max(median, LEAST_MEDIAN_V)
    reference = {"median_v": median}
    siblings = of.raw[of.group == of.group[case.c]]
    stayed = siblings[siblings - median >= RAISED * least]
    if stayed.size and 100.0 * (median - volts) < COLLAPSED * least:
        text, reference = MOST, {"stayed_v": float(stayed.min())}
    said_of = said(
        text,
        who=case.who,
        below_v=max(reference.values()) - volts,
        cell_v=volts,
        depth_percent=depth,
        limit_percent=case.row.limit,
        **reference,
    )
    return case.event(depth, said_of)


DETECTOR = Detector(
    name=NAME,
    says=(COLLAPSE, MOST),
    order=85,
    family="voltage",
    rows=(Row(NAME, "voltage", CRITICAL, COLLAPSED, "%", 5.0, 600.0, 5.0, True),),
    judged=(
        Judged(
            "volts",
            At("detectors.cell_collapse", SCORE),
            At("volts.away"),
            worst=At("volts.away"),
            side=-1,
        ),
    ),
    arrays=DEPTHS,
    kernel=judge_cell_collapse,
    explain=explain,
    sees=(
        "a cell that stands a quarter, and 0.5 V, below the median of its siblings, or, with most of its "
        "string, below the quarter of it that stayed, for three readings and 5 s, from the first frame on; "
        "no learning"
    ),
    cannot_see="a cell without siblings; a collapse of more than three quarters of a string",
    response="Stop charge and load; look for heat from outside; then measure the cell by hand.",
)
