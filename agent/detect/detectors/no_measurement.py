"""Registers that hold no measurement: nothing is known of what they stand for, and no limit sees it."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Codes, Floats, Ints, common_place
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import NOTHING, UNIT, Case, who
from agent.detect.explanations.said import Field, Sentence, said
from agent.detect.kernels import measured as reasons
from agent.detect.kernels.arrays import Array, Group, Part
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.doubt import DOUBTED, NOT, Doubt
from agent.detect.kernels.inputs import BLIND, Inputs
from agent.detect.kernels.load import CHARGE, DISCHARGE, UNKNOWN, Circuits
from agent.detect.kernels.measured import (
    BEYOND,
    CODE,
    INVALID,
    MEASURED,
    NOT_READ,
    TOGETHER,
    ZEROS,
    Measuring,
)
from agent.detect.kernels.validity import Gate
from agent.detect.table import CRITICAL, WARNING, Row

NAME = "no-measurement"

LASTS_S, LASTS_FRAMES = 10.0, 2.0  # since the first frame, the later: a warning
CRITICAL_FRAMES = 3.0  # three bad frames are a restart of the unit

# Columns of a channel: since its first frame without a measurement, in seconds and in frames; why, and what
# it read then; the score; NaN where this frame tells nothing of it.
AGO_S, FRAMES, WHY, READ, SCORE, HEARD, COLUMNS = range(7)
WARN, ALARM = 1.0, 2.0


class NoMeasurement(NamedTuple):
    """Of sensors, cells and currents (n, COLUMNS); regime (circuits,): the last that was measured."""

    sensors: Floats
    cells: Floats
    currents: Floats
    regime: Ints


_KEPT = Part("no-measurement", 2)
NO_MEASUREMENT = Group(
    NoMeasurement,
    sensors=Array(("sensors", COLUMNS), kept=_KEPT),
    cells=Array(("cells", COLUMNS), kept=_KEPT),
    currents=Array(("circuits", COLUMNS), kept=_KEPT),
    regime=Array(("circuits",), np.int64, first=UNKNOWN, kept=_KEPT),
)


@compiled
def judge_no_measurement(
    dt_s: float,
    gate: Gate,
    measuring: Measuring,
    measured: Codes,
    temps: Inputs,
    volts: Inputs,
    load: Circuits,
    doubt: Doubt,
    no_measurement: NoMeasurement,
) -> None:
    """
    Score each sensor, cell and current: 1 it has not been measured for a while, 2 and the battery is in use.

    In use: its circuit is charged or discharged, by the last current that was a measurement. Where none ever
    was, nobody knows, and it is 1: a unit that restarts says zeros, and that is no danger of itself. A code,
    and what no battery has, hide no danger of one channel: 2 where they are more than half of a group.
    Of a current that is not measured nobody knows whether it flows: 1. Its zero among zeros is told of there.

    Parameters
    ----------
    dt_s : float, s
    gate : Gate
        The frame.
    measuring, measured
        Of `judge_measured`.
    temps, volts : Inputs
        After `take_inputs`; a channel that is told of here is not told of as blind.
    load : Circuits
        After `take_load`.
    doubt : Doubt
        One number that several sensors leapt to is told of there, where it is a heat.
    no_measurement : NoMeasurement
        State and output.
    """
    for j in range(load.at.size):
        known = load.at[j] >= 0 and measured[load.at[j]] == 1
        if known and load.regime[j] != UNKNOWN:
            no_measurement.regime[j] = load.regime[j]
    si, why, regime = gate.si, measuring.why, no_measurement.regime
    _follow(dt_s, si, why, temps, regime, doubt.state, no_measurement.sensors)
    _follow(dt_s, si, why, volts, regime, doubt.state[:0], no_measurement.cells)
    _follow_currents(dt_s, si, why, load.at, regime, no_measurement.currents)


@compiled
def _follow_currents(dt_s: float, si: Floats, why: Codes, at: Ints, regime: Ints, state: Floats) -> None:
    for j in range(at.size):
        said = why[at[j]] if at[j] >= 0 else NOT_READ
        state[j, HEARD] = np.nan if said == NOT_READ else 1.0
        if said != NOT_READ:
            none = said in (CODE, INVALID, BEYOND) and regime[j] != UNKNOWN  # it was measured once
            _judge(dt_s, said if none else MEASURED, si[at[j]], False, state, j)


@compiled
def _follow(
    dt_s: float, si: Floats, why: Codes, bank: Inputs, regime: Ints, doubts: Floats, state: Floats
) -> None:
    for g in range(bank.start.size - 1):
        known = 0
        gone = 0
        for a in range(bank.start[g], bank.start[g + 1]):
            c = bank.member[a]
            seen = not np.isinf(bank.age_s[c])
            known += seen
            gone += seen and why[bank.at[c]] in (CODE, BEYOND)
        for a in range(bank.start[g], bank.start[g + 1]):
            c = bank.member[a]
            said = why[bank.at[c]]
            if said == MEASURED and state[c, WHY] == 0.0:  # and all others of its columns are 0
                state[c, HEARD] = 1.0
                continue
            if said == TOGETHER and doubts.shape[0] > 0 and doubts[c, DOUBTED] != NOT:
                said = MEASURED
            if said != NOT_READ:
                no_sensor = np.isinf(bank.age_s[c]) and (known > 0 or said not in (ZEROS, TOGETHER))
                in_use = regime[bank.circuit[c]] in (CHARGE, DISCHARGE)
                grave = in_use and (said not in (CODE, BEYOND) or 2 * gone > known)
                _judge(dt_s, MEASURED if no_sensor else said, si[bank.at[c]], grave, state, c)
            state[c, HEARD] = np.nan if said == NOT_READ else 1.0
            if state[c, SCORE] > 0.0 and bank.score[c, BLIND] > 0.0:
                bank.score[c, BLIND] = 0.0


@compiled
def _judge(dt_s: float, why: int, raw: float, grave: bool, state: Floats, c: int) -> None:
    if why == MEASURED:
        for column in range(SCORE + 1):
            state[c, column] = 0.0
        return
    if state[c, WHY] > 0.0:
        state[c, AGO_S] += dt_s
        state[c, FRAMES] += 1.0
    state[c, WHY] = why
    state[c, READ] = raw
    if state[c, AGO_S] >= LASTS_S and state[c, FRAMES] >= LASTS_FRAMES:
        state[c, SCORE] = max(state[c, SCORE], WARN)
        if grave and state[c, FRAMES] >= CRITICAL_FRAMES:
            state[c, SCORE] = ALARM


NO = Sentence(
    "no-measurement",
    "When raised, for {for_s:duration}: {who} {what}{many}: no measurement{why}.",
)
ONE_MORE = Sentence("no-measurement-other", "1 more reads none either.")
MORE = Sentence("no-measurement-others", "{others:.0f} more read none either.")
NO_LIMIT = Sentence("no-measurement-limit", "No limit can be judged there.")
IN_USE = Sentence("no-measurement-in-use", "The battery is being charged or discharged.")
#: What is read: nothing, and why; or a number.
NONE = Sentence("#says-none", "says that it has none")
NOT_LET = Sentence("#not-let", "reads what its profile does not let it read")
DEGC = Sentence("#reads-degc", "reads {read_degc:.5g} degC")
VOLTS = Sentence("#reads-v", "reads {read_v:.5g} V")
SENSORS = Sentence("#in-sensors", " in {channels:.0f} sensors")
CELLS = Sentence("#in-cells", " in {channels:.0f} cells")
CURRENTS = Sentence("#in-currents", " in {channels:.0f} currents")
#: What a reason is called in a sentence.
REASONS: Mapping[int, Sentence] = {
    reasons.CODE: Sentence("#code", " (a code of an open input)"),
    reasons.INVALID: Sentence("#invalid", " (its profile does not let it read that)"),
    reasons.BEYOND: Sentence("#beyond", " (no battery has it)"),
    reasons.ZEROS: Sentence("#zeros", " (voltages and temperatures are 0 together)"),
    reasons.TOGETHER: Sentence("#together", " (they leapt there together, beyond their limits)"),
}


def explain(case: Case) -> AlarmEvent:
    """Explain channels that hold no measurement."""
    sensors = case.bank is case.channels.temps
    own = case.banks.detectors.no_measurement
    circuits = case.bank is case.channels.circuits
    state: Floats = own.currents if circuits else own.sensors if sensors else own.cells
    mine = state[case.c]
    alike = [
        m for m in case.members if np.array_equal(state[m, [WHY, READ]], mine[[WHY, READ]], equal_nan=True)
    ]
    place = common_place([case.bank.places[m] for m in alike])
    many = len(alike) > 1
    why, read = int(mine[WHY]), float(mine[READ])
    text = said(
        NO,
        for_s=mine[AGO_S],
        who=(place or UNIT) if many else who(place, case.bank.quantities[case.c]),
        what=NONE if why == CODE else NOT_LET,
        many=NOTHING,
        why=NOTHING,
    )
    if many:
        in_many = CURRENTS if circuits else SENSORS if sensors else CELLS
        text = text.then(many=in_many, channels=len(alike))
    if not math.isnan(read):
        number: dict[str, Field] = {"read_degc" if sensors else "read_v": read}
        text = text.then(what=DEGC if sensors else VOLTS, why=REASONS[why], **number)
    if others := len(case.members) - len(alike):
        text = text.then(ONE_MORE) if others == 1 else text.then(MORE, others=others)
    text = text.then(NO_LIMIT, *([IN_USE] if mine[SCORE] == ALARM else []))
    event = case.event(0.0 if math.isnan(read) else read, text, since_s=case.t_s - mine[AGO_S], counted=True)
    return replace(event, location=place)


DETECTOR = Detector(
    name=NAME,
    says=(
        NO,
        ONE_MORE,
        MORE,
        NO_LIMIT,
        IN_USE,
        NONE,
        NOT_LET,
        DEGC,
        VOLTS,
        SENSORS,
        CELLS,
        CURRENTS,
        *REASONS.values(),
    ),
    order=128,
    of_sight=True,
    rows=(
        Row(NAME, "", CRITICAL, ALARM, "", 0.0, 10.0, 0.0, False),
        Row(NAME, "", WARNING, WARN, "", 0.0, 10.0, 0.0, False),
    ),
    judged=(
        Judged(
            "temps",
            At("detectors.no_measurement.sensors", SCORE),
            At("detectors.no_measurement.sensors", HEARD),
        ),
        Judged(
            "volts",
            At("detectors.no_measurement.cells", SCORE),
            At("detectors.no_measurement.cells", HEARD),
            "no-measurement-voltage",
        ),
        Judged(
            "circuits",
            At("detectors.no_measurement.currents", SCORE),
            At("detectors.no_measurement.currents", HEARD),
            "no-measurement-current",
        ),
    ),
    arrays=NO_MEASUREMENT,
    kernel=judge_no_measurement,
    explain=explain,
    sees=(
        "for 10 s or two frames, the later: a code, a value outside the profile's `valid`, 0 in voltages and "
        "temperatures at once, one number beyond the limits that three channels leapt to together; critical "
        "a frame later where the battery is charged or discharged; of a current a code, or a value outside "
        "`valid`, a warning"
    ),
    cannot_see=(
        "a channel that never had a value; state of charge and pack voltage; what is not read (`blind`)"
    ),
    response=(
        "Nothing watches these places: end charge and discharge, look at the battery itself. Then check "
        "unit, firmware and wiring."
    ),
)
