"""A cell far below its siblings, at once and without learning: deeper than a living cell stands."""

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
    for c in range(volts.away.size):
        if np.isnan(volts.away[c]) or volts.usable[c] == 0:
            cell_collapse[c, SCORE] = np.nan
            continue
        depth = -100.0 * volts.away[c] / max(volts.median[c], LEAST_MEDIAN_V)
        cell_collapse[c, SCORE] = min(depth, cell_collapse[c, DEPTH])
        cell_collapse[c, DEPTH] = depth


COLLAPSE = Sentence(
    "cell-collapse",
    "{who} stood {below_v*1000:.0f} mV below the median of its siblings when raised, at {cell_v:.3f} V of "
    "{median_v:.3f} V: {depth_percent:.0f} % (limit {limit_percent:g} %). A short inside, a cell that is "
    "empty, or its measuring wire.",
)


def explain(case: Case) -> AlarmEvent:
    """Explain a cell that collapsed."""
    volts, median = case.banks.volts.raw[case.c], case.banks.volts.median[case.c]
    depth = case.banks.detectors.cell_collapse[case.c, SCORE]
    text = said(
        COLLAPSE,
        who=case.who,
        below_v=median - volts,
        cell_v=volts,
        median_v=median,
        depth_percent=depth,
        limit_percent=case.row.limit,
    )
    return case.event(depth, text)


DETECTOR = Detector(
    name=NAME,
    says=(COLLAPSE,),
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
        "a cell that stands a quarter, and 0.5 V, below the median of its siblings, for three readings and "
        "5 s, from the first frame on; no learning"
    ),
    cannot_see="a cell without siblings; a collapse of most of them",
    response="Stop charge and load; look for heat from outside; then measure the cell by hand.",
)
