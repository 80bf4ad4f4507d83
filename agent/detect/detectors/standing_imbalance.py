"""A cell that stands far from its siblings, from the first frame on: what it learned as usual is not well.

`cell-imbalance` and `cell-drift` tell a cell that moves away from where it usually is. Where it usually is,
its learned baseline, is judged here: one that left is told there until that is usual, and then here.
"""

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Floats
from agent.detect.declaration import At, Detector, Judged
from agent.detect.detectors.cell_collapse import COLLAPSED, LEAST_MEDIAN_V
from agent.detect.explanations.case import Case, side
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels.arrays import Array, Group
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.imbalance import AGE, BASELINE, EXPECTED, MEAN, REGIMES, Cells
from agent.detect.kernels.inputs import Inputs
from agent.detect.table import ADVICE, WARNING, Row

NAME = "standing-imbalance"

MINUTES = 1  # which mean of a cell's excursions is the present: of two minutes


@compiled  # no fastmath: it may delete the NaN test below
def judge_standing_imbalance(volts: Inputs, cells: Cells, standing_imbalance: Floats) -> None:
    """
    Score each cell: how far it usually is from its siblings in each regime, and is now, to one side.

    Parameters
    ----------
    volts : Inputs
    cells : Cells
        The baselines of the cells, and their excursions.
    standing_imbalance : (cells,) float64, %
        Output: the least of these distances, of the siblings' median; 0 where `cell-collapse` judges it.
    """
    for c in range(volts.away.size):
        if np.isnan(volts.away[c]) or volts.usable[c] == 0:
            standing_imbalance[c] = np.nan
            continue
        away = cells.verdict[c, EXPECTED] + cells.state[c, MEAN + MINUTES]
        side = 1.0 if away > 0.0 else -1.0
        least = abs(away)
        for regime in range(REGIMES):
            if cells.state[c, AGE + regime] > 0.0:
                least = min(least, max(side * cells.state[c, BASELINE + regime], 0.0))
        share = 100.0 / max(volts.median[c], LEAST_MEDIAN_V)
        standing_imbalance[c] = 0.0 if -volts.away[c] * share >= COLLAPSED else least * share


STANDS = Sentence(
    "standing-imbalance",
    "{who} stood {away_v*1000:.0f} mV {side} the median of its siblings when raised, at {cell_v:.3f} V, "
    "and usually does: {away_percent:.1f} % of the median (limit {limit_percent:g} %).",
)


def explain(case: Case) -> AlarmEvent:
    """Explain a cell that stands far from its siblings."""
    away_v, volts = case.banks.volts.away[case.c], case.banks.volts.raw[case.c]
    score = case.banks.detectors.standing_imbalance[case.c]
    text = said(
        STANDS,
        who=case.who,
        away_v=abs(away_v),
        side=side(away_v),
        cell_v=volts,
        away_percent=score,
        limit_percent=case.row.limit,
    )
    return case.event(score, text)


DETECTOR = Detector(
    name=NAME,
    says=(STANDS,),
    order=105,
    rows=(
        Row(NAME, "voltage", WARNING, 10.0, "%", 45.0, 3600.0, 1.0, False),
        Row(NAME, "voltage", ADVICE, 2.5, "%", 45.0, 3600.0, 0.5, False),
    ),
    judged=(Judged("volts", At("detectors.standing_imbalance"), At("volts.away"), worst=At("volts.away")),),
    arrays=Group(None, score=Array(("cells",), first=np.nan)),
    kernel=judge_standing_imbalance,
    explain=explain,
    sees=(
        "a cell that stands 2.5 or 10 % from the median of its siblings, from the first frame on, at rest, "
        "charge and discharge alike"
    ),
    cannot_see="a cell without siblings; most of the cells of a string that stand off alike",
    response="Measure the cell by hand; balance or exchange it before the string is relied on.",
)
