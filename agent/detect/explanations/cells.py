"""Explanations of the detectors of cell voltages, each against its siblings."""

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.duration import duration
from agent.detect.explanations.case import Case
from agent.detect.kernels import resistance as resistances
from agent.detect.kernels.imbalance import (
    DEVIATION,
    DRIFT,
    DRIFTING,
    EXPECTED,
    MEAN,
    NOISE2,
    SCALES_S,
    SUDDEN,
)


def cell_imbalance(case: Case) -> AlarmEvent:
    """Explain a cell that left its siblings within seconds or minutes."""
    verdict, volts = case.banks.cells.verdict[case.c], case.banks.volts.value[case.c]
    left_mv, deviation_v, expected_mv = verdict[SUDDEN], verdict[DEVIATION], 1e3 * verdict[EXPECTED]
    k = int(np.argmax(case.banks.cells.left[case.c, :DRIFT]))  # the scale that shows it most
    beyond = 1e-3 * left_mv / np.sqrt(verdict[NOISE2 + k])
    text = (
        f"{case.name()} was {1e3 * abs(deviation_v):.0f} mV {_side(deviation_v)} the median of its siblings "
        f"when raised, usually {expected_mv:+.0f} mV; {volts:.3f} V; moved {left_mv:.0f} mV, "
        f"{beyond:.0f} times noise and the spread of the others "
        f"(limit {case.row.limit:g} mV)."
    )
    return case.event(left_mv, text, beyond=beyond, expected=expected_mv)


def cell_drift(case: Case) -> AlarmEvent:
    """Explain a cell that leaves its siblings over hours or days."""
    verdict = case.banks.cells.verdict[case.c]
    left_mv, expected_mv = verdict[DRIFTING], 1e3 * verdict[EXPECTED]
    k = DRIFT + int(np.argmax(case.banks.cells.left[case.c, DRIFT:]))  # the scale that shows it most
    mean_v, over_s = case.banks.cells.state[case.c, MEAN + k], float(SCALES_S[k])
    beyond = 1e-3 * left_mv / np.sqrt(verdict[NOISE2 + k])
    leaks = " A cell that sinks so discharges itself." if mean_v < 0.0 else ""
    text = (
        f"{case.name()} had drifted {left_mv:.0f} mV {_side(mean_v)} where it usually is among its siblings "
        f"({expected_mv:+.0f} mV) when raised, averaged over about {duration(over_s)} of readings; "
        f"{beyond:.0f} times what it and the others wander by "
        f"(limit {case.row.limit:g} mV)."
        f"{leaks}"
    )
    return case.event(left_mv, text, beyond=beyond, expected=expected_mv, since_s=case.t_s - over_s)


def resistance(case: Case) -> AlarmEvent:
    """Explain a cell or connection of high resistance."""
    cell = case.banks.resistances.cell[case.c]
    ratio, ohm, siblings_ohm = (
        cell[resistances.SCORE],
        cell[resistances.OHM],
        cell[resistances.SIBLINGS_OHM],
    )
    text = (
        f"{case.name()} answered load steps with {1e3 * ohm:.2f} mohm, its siblings with "
        f"{1e3 * siblings_ohm:.2f}, when raised: {ratio:.1f} times (limit {case.row.limit:g}). "
        f"A loose or corroded connection, or an old cell."
    )
    return case.event(ratio, text, expected=1.0)


def _side(volts: float) -> str:
    return "below" if volts < 0 else "above"
