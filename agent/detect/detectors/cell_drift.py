"""A cell that leaves its siblings over hours or days."""

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case, side
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels.imbalance import DRIFT, DRIFTING, EXPECTED, MEAN, NOISE2, SCALES_S
from agent.detect.table import ADVICE, WARNING, Row

NAME = "cell-drift"


DRIFTS = Sentence(
    "cell-drift",
    "{who} had drifted {drift_v*1000:.0f} mV {side} where it usually is among its siblings "
    "({expected_v*1000:+.0f} mV) when raised, averaged over about {over_s:duration} of readings; "
    "{beyond_times:.0f} times what it and the others wander by (limit {limit_v*1000:g} mV).",
)
LEAKS = Sentence("cell-drift-leaks", "A cell that sinks so discharges itself.")


def explain(case: Case) -> AlarmEvent:
    """Explain a cell that leaves its siblings over hours or days."""
    verdict = case.banks.cells.verdict[case.c]
    left_mv, expected_mv = verdict[DRIFTING], 1e3 * verdict[EXPECTED]
    k = DRIFT + int(np.argmax(case.banks.cells.left[case.c, DRIFT:]))  # the scale that shows it most
    mean_v, over_s = case.banks.cells.state[case.c, MEAN + k], float(SCALES_S[k])
    beyond = 1e-3 * left_mv / np.sqrt(verdict[NOISE2 + k])
    text = said(
        DRIFTS,
        who=case.who,
        drift_v=left_mv / 1e3,
        side=side(mean_v),
        expected_v=verdict[EXPECTED],
        over_s=over_s,
        beyond_times=beyond,
        limit_v=case.row.limit / 1e3,
    )
    text = text.then(LEAKS) if mean_v < 0.0 else text
    return case.event(left_mv, text, beyond=beyond, expected=expected_mv, since_s=case.t_s - over_s)


DETECTOR = Detector(
    name=NAME,
    says=(DRIFTS, LEAKS),
    order=100,
    family="voltage",
    rows=(
        Row(NAME, "voltage", WARNING, 20.0, "mV", 1800.0, 86400.0, 5.0, False),
        Row(NAME, "voltage", ADVICE, 3.0, "mV", 1800.0, 86400.0, 1.0, False),
    ),
    judged=(Judged("volts", At("cells.verdict", DRIFTING), At("volts.value"), worst=At("volts.away")),),
    explain=explain,
    sees="a cell leaves its siblings over 2 h or a day of readings",
    cannot_see="cells that drift together with both neighbours",
    response="Measure the cell by hand at the next visit; plan its exchange where it goes on.",
)
