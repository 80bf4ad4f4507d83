"""A cell that leaves its siblings within seconds or minutes."""

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case, side
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels.imbalance import DEVIATION, DRIFT, EXPECTED, NOISE2, SUDDEN
from agent.detect.table import ADVICE, WARNING, Row

NAME = "cell-imbalance"


IMBALANCE = Sentence(
    "cell-imbalance",
    "{who} was {away_v*1000:.0f} mV {side} the median of its siblings when raised, usually "
    "{expected_v*1000:+.0f} mV; {cell_v:.3f} V; moved {moved_v*1000:.0f} mV, {beyond_times:.0f} times "
    "noise and the spread of the others (limit {limit_v*1000:g} mV).",
)


def explain(case: Case) -> AlarmEvent:
    """Explain a cell that left its siblings within seconds or minutes."""
    verdict, volts = case.banks.cells.verdict[case.c], case.banks.volts.raw[case.c]
    deviation_v, expected_mv = verdict[DEVIATION], 1e3 * verdict[EXPECTED]
    moved_mv = max(verdict[SUDDEN], abs(1e3 * deviation_v - expected_mv))  # what is judged is clipped
    k = int(np.argmax(case.banks.cells.left[case.c, :DRIFT]))  # the scale that shows it most
    beyond = 1e-3 * moved_mv / np.sqrt(verdict[NOISE2 + k])
    text = said(
        IMBALANCE,
        who=case.who,
        away_v=abs(deviation_v),
        side=side(deviation_v),
        expected_v=verdict[EXPECTED],
        cell_v=volts,
        moved_v=moved_mv / 1e3,
        beyond_times=beyond,
        limit_v=case.row.limit / 1e3,
    )
    return case.event(moved_mv, text, beyond=beyond, expected=expected_mv)


DETECTOR = Detector(
    name=NAME,
    says=(IMBALANCE,),
    order=90,
    family="voltage",
    rows=(
        # A short of 0.1 ohm pulls 33 A through about 0.5 mohm: the cell steps down by some 17 mV.
        Row(NAME, "voltage", WARNING, 12.0, "mV", 5.0, 600.0, 3.0, False),
        Row(NAME, "voltage", ADVICE, 10.0, "mV", 300.0, 3600.0, 3.0, False),
    ),
    judged=(
        Judged("volts", At("cells.verdict", SUDDEN), At("cells.verdict", DEVIATION), worst=At("volts.away")),
    ),
    explain=explain,
    sees="a cell steps away from its siblings within seconds or minutes",
    cannot_see="an unloaded cell on the flat part of LFP",
    response="Measure the cell by hand; look for a loose link; plan its exchange.",
)
