"""A cell that leaves its siblings over hours or days."""

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.duration import duration
from agent.detect.explanations.case import Case, side
from agent.detect.kernels.imbalance import DRIFT, DRIFTING, EXPECTED, MEAN, NOISE2, SCALES_S
from agent.detect.table import ADVICE, WARNING, Row

NAME = "cell-drift"


def explain(case: Case) -> AlarmEvent:
    """Explain a cell that leaves its siblings over hours or days."""
    verdict = case.banks.cells.verdict[case.c]
    left_mv, expected_mv = verdict[DRIFTING], 1e3 * verdict[EXPECTED]
    k = DRIFT + int(np.argmax(case.banks.cells.left[case.c, DRIFT:]))  # the scale that shows it most
    mean_v, over_s = case.banks.cells.state[case.c, MEAN + k], float(SCALES_S[k])
    beyond = 1e-3 * left_mv / np.sqrt(verdict[NOISE2 + k])
    leaks = " A cell that sinks so discharges itself." if mean_v < 0.0 else ""
    text = (
        f"{case.name()} had drifted {left_mv:.0f} mV {side(mean_v)} where it usually is among its siblings "
        f"({expected_mv:+.0f} mV) when raised, averaged over about {duration(over_s)} of readings; "
        f"{beyond:.0f} times what it and the others wander by "
        f"(limit {case.row.limit:g} mV)."
        f"{leaks}"
    )
    return case.event(left_mv, text, beyond=beyond, expected=expected_mv, since_s=case.t_s - over_s)


DETECTOR = Detector(
    name=NAME,
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
