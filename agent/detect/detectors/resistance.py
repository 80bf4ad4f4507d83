"""Resistance of each cell and its connections, from load steps: dV/dI, against the siblings.

Between two neighbouring frames the voltage follows a step of current by the ohmic part alone. Ratios of sums
over many steps need no model; that voltage and current of a frame are not read at the same instant biases all
cells of a unit alike, so only the ratio to the siblings is judged.
"""

import math
from typing import NamedTuple

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Floats
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels.arrays import Array, Group, Part
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.inputs import Inputs
from agent.detect.kernels.load import LARGEST, NOISE, NOW, Circuits
from agent.detect.kernels.siblings import sibling_median
from agent.detect.table import ADVICE, WARNING, Row

NAME = "resistance"

MAX_DT_S = 30.0  # voltages move by themselves between frames further apart
LEAST_SHARE, LEAST_SIGMAS = 0.1, 6.0  # a step is at least this share of the largest current, and beyond noise
MEMORY_STEPS = 300.0
MIN_STEPS = 30.0
JUDGE_EVERY = 10.0  # steps
SIGMAS = 6.0

# Columns of the circuit: current before, sum of squares, steps, steps since last judged.
BEFORE, SQUARES, STEPS, WAITED, CIRCUIT_COLUMNS = range(5)
# Columns of the cell: voltage before, cross sum, residual sum of squares, ohm; score, ohm of the siblings.
VOLT, CROSS, RESIDUAL, OHM, SCORE, SIBLINGS_OHM, CELL_COLUMNS = range(7)


class Resistances(NamedTuple):
    """State and verdict: circuit (m, 4), cell (n, 6), and scratch for medians, rest, ohm,
    median (n,).
    """

    circuit: Floats
    cell: Floats
    rest: Floats
    ohm: Floats
    median: Floats


RESISTANCE = Part("resistance", 1)
RESISTANCES = Group(
    Resistances,
    circuit=Array(("circuits", CIRCUIT_COLUMNS), kept=RESISTANCE),
    cell=Array(("cells", CELL_COLUMNS), kept=RESISTANCE),
    rest=Array(("cells",), first=None),
    ohm=Array(("cells",), first=None),
    median=Array(("cells",), first=None),
)


def new_resistances(circuits: int, rest: Floats, ohm: Floats, median: Floats) -> Resistances:
    """Return the state of cells that have not been seen yet; the scratch (n,) is shared by units."""
    given = {"rest": rest, "ohm": ohm, "median": median}
    found: Resistances = RESISTANCES.new(given=given, circuits=circuits, cells=len(rest))
    found.circuit[:, BEFORE] = np.nan
    found.cell[:, [VOLT, OHM]] = np.nan
    return found


@compiled  # no fastmath: it may delete the NaN tests below
def judge_resistance(dt_s: float, volts: Inputs, load: Circuits, resistance: Resistances) -> None:
    """
    Score each cell: its resistance over its siblings' median, 0 where that is not beyond doubt.

    Parameters
    ----------
    dt_s : float, s
    volts : Inputs
        The cells' voltages, V.
    load : Circuits
        The currents, A.
    resistance : Resistances
        State, and output in `cell`: SCORE, OHM and SIBLINGS_OHM.
    """
    judged = False
    for j in range(load.at.size):
        circuit = resistance.circuit
        now, before = load.state[j, NOW], circuit[j, BEFORE]
        circuit[j, BEFORE] = now
        least = max(LEAST_SHARE * load.state[j, LARGEST], LEAST_SIGMAS * load.state[j, NOISE])
        step_a = now - before
        if not abs(step_a) > least or dt_s > MAX_DT_S:
            continue
        fade = 1.0 - 1.0 / MEMORY_STEPS
        circuit[j, SQUARES] = fade * circuit[j, SQUARES] + step_a * step_a
        circuit[j, STEPS] += 1.0
        circuit[j, WAITED] += 1.0
        for c in range(volts.value.size):
            if volts.circuit[c] == j:
                _learn_step(step_a, fade, volts, circuit[j, SQUARES], resistance, c)
        if circuit[j, STEPS] >= MIN_STEPS and circuit[j, WAITED] >= JUDGE_EVERY:
            circuit[j, WAITED] = 0.0
            judged = True
    for c in range(volts.value.size):
        resistance.cell[c, VOLT] = volts.value[c]
    if judged:
        _judge(volts, resistance)


@compiled
def _learn_step(step_a: float, fade: float, bank: Inputs, squares: float, found: Resistances, c: int) -> None:
    cell = found.cell
    step_v = bank.value[c] - cell[c, VOLT]
    if np.isnan(step_v):
        step_v = step_a * cell[c, OHM] if not np.isnan(cell[c, OHM]) else 0.0
    cell[c, CROSS] = fade * cell[c, CROSS] + step_v * step_a
    cell[c, OHM] = cell[c, CROSS] / squares
    rest = step_v - cell[c, OHM] * step_a
    cell[c, RESIDUAL] = fade * cell[c, RESIDUAL] + rest * rest * step_a * step_a


@compiled
def _judge(bank: Inputs, found: Resistances) -> None:
    cell = found.cell
    for c in range(bank.value.size):
        steps = found.circuit[bank.circuit[c], STEPS]
        found.ohm[c] = cell[c, OHM] if steps >= MIN_STEPS and cell[c, OHM] > 0.0 else np.nan
    sibling_median(found.ohm, bank.member, bank.start, found.rest, found.median)
    for c in range(bank.value.size):
        cell[c, SIBLINGS_OHM] = found.median[c]
        found.ohm[c] = abs(found.ohm[c] - found.median[c])
    sibling_median(found.ohm, bank.member, bank.start, found.rest, found.median)
    for c in range(bank.value.size):
        squares = found.circuit[bank.circuit[c], SQUARES]
        error = math.sqrt(cell[c, RESIDUAL]) / squares
        spread = 1.4826 * found.median[c]
        typical = cell[c, SIBLINGS_OHM]
        beyond = cell[c, OHM] - typical > SIGMAS * math.sqrt(error * error + spread * spread)
        cell[c, SCORE] = cell[c, OHM] / typical if beyond and typical > 0.0 else 0.0


def forget_values(resistance: Resistances) -> None:
    """Take the next current for the first one."""
    resistance.circuit[:, BEFORE] = np.nan


RESISTS = Sentence(
    "resistance",
    "{who} answered load steps with {cell_ohm*1000:.2f} mohm, its siblings with {siblings_ohm*1000:.2f}, "
    "when raised: {ratio_times:.1f} times (limit {limit_times:g}). A loose or corroded connection, or an "
    "old cell.",
)


def explain(case: Case) -> AlarmEvent:
    """Explain a cell or connection of high resistance."""
    cell = case.banks.detectors.resistance.cell[case.c]
    ratio = cell[SCORE]
    text = said(
        RESISTS,
        who=case.who,
        cell_ohm=cell[OHM],
        siblings_ohm=cell[SIBLINGS_OHM],
        ratio_times=ratio,
        limit_times=case.row.limit,
    )
    return case.event(ratio, text, expected=1.0)


DETECTOR = Detector(
    name=NAME,
    says=(RESISTS,),
    order=110,
    rows=(
        Row(NAME, "voltage", WARNING, 2.5, "times", 600.0, 86400.0, 0.5, False),
        Row(NAME, "voltage", ADVICE, 1.5, "times", 3600.0, 86400.0, 0.2, False),
    ),
    judged=(Judged("volts", At("detectors.resistance.cell", SCORE), At("volts.value")),),
    arrays=RESISTANCES,
    new=lambda channels, _: new_resistances(channels.circuits.n, *channels.cell_scratch),
    kernel=judge_resistance,
    forget=forget_values,
    explain=explain,
    sees="dV/dI at load steps, 1.5 and 2.5 times the siblings'",
    cannot_see="racks that never see a load, or are polled more slowly than every 30 s",
    response="Check and tighten its links; measure its resistance by hand.",
)
