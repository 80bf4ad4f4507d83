"""A cell, or a block of cells, whose voltage is beyond its limits: judged first, without learning.

The value is judged as it was read, where it is a measurement: also where the gate holds it back as a jump, or
a cell is short or reversed. It is told after seconds, and after three frames at least, for one or two of them
may be bad. The limits are those of `UnitLimits`: the site's, else the profile's, else, of the safety tier
alone, the chemistry's.

A chemistry may be the wrong one. Where more than a quarter of the channels are beyond what it lets be within
the first minute that they are seen, it is doubted (`limits-in-doubt`) for as long as that lasts, and raises
nothing. The first minute is that of the battery, not of the program: no restart begins it anew.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Channels, Codes, Floats
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import IS_BELOW, IS_OVER, Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels.arrays import Array, Group, Part
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.inputs import BLIND, Inputs
from agent.detect.kernels.measured import Measuring
from agent.detect.kernels.validity import Gate
from agent.detect.limits import CHEMISTRY, INSIDE, SAFETY, TIERS, Limited, UnitLimits, above, below
from agent.detect.table import ADVICE, CRITICAL, WARNING, Row
from agent.detect.table import TIERS as SEVERITIES

NAME = "voltage-limit"

FIRST_S = 60.0  # of sight, in which a chemistry may turn out to be the wrong one
#: More than this share of the channels, and at least so many: not one bad cell of three.
SHARE, LEAST = 0.25, 2
SAME_V = 0.001  # the limits are the ones that were known: what is kept has single precision

# Columns of what a chemistry derives, and of the scores.
LOW, HIGH, BAND, DERIVED = range(4)
OVER, UNDER, SCORES = range(3)
# Columns of the state, of which the first circuit's counts: 1 where the chemistry is doubted; for how long
# its limits have been compared with values; which limits those were.
DOUBTED, AGE_S, LIMIT_V, COLUMNS = range(4)


class VoltageLimit(NamedTuple):
    """Of n cells or blocks: derived (n, DERIVED), V, of the chemistry, infinite where it says nothing; score
    (n, SCORES), V: the voltage, and its negative. state (circuits, COLUMNS), see above; heard (circuits,):
    NaN where this frame was compared with no chemistry.
    """

    derived: Floats
    score: Floats
    state: Floats
    heard: Floats


VOLTAGE_LIMIT = Group(
    VoltageLimit,
    derived=Array(("cells", DERIVED), first=None),
    score=Array(("cells", SCORES), first=np.nan),
    state=Array(("circuits", COLUMNS), kept=Part("voltage-limit", 1)),
    heard=Array(("circuits",), first=np.nan),
)


def new_voltage_limit(channels: Channels, limits: UnitLimits) -> VoltageLimit:
    """Return the arrays of cells that have not been seen yet."""
    at = channels.volts.index
    derived = np.full((len(at), DERIVED), np.inf)
    values = np.where(limits.sources[at, SAFETY] == CHEMISTRY, limits.values[at, SAFETY], (-np.inf, np.inf))
    derived[:, LOW : HIGH + 1] = values
    derived[:, BAND] = limits.dead_band[at, SAFETY]
    found: VoltageLimit = VOLTAGE_LIMIT.new(
        given={"derived": derived}, cells=len(at), circuits=channels.circuits.n
    )
    return found


@compiled  # no fastmath: it may delete the NaN tests below
def judge_voltage_limit(
    dt_s: float,
    gate: Gate,
    volts: Inputs,
    measuring: Measuring,
    measured: Codes,
    voltage_limit: VoltageLimit,
) -> None:
    """
    Score each cell: its voltage as it was read, NaN where that is no measurement.

    Parameters
    ----------
    dt_s : float, s
    gate : Gate
        The frame, as it was read.
    volts : Inputs
        Tells where the cells are in the frame; one that is beyond a limit is not told of as blind.
    measuring : Measuring
        Has the innermost limits.
    measured : (n_frame,) uint8
        1: the value is a measurement.
    voltage_limit : VoltageLimit
        State and output.
    """
    score, derived = voltage_limit.score, voltage_limit.derived
    for c in range(volts.at.size):
        at = volts.at[c]
        x = gate.si[at] if measured[at] else np.nan
        score[c, OVER] = x
        score[c, UNDER] = -x
        if volts.score[c, BLIND] > 0.0 and (x < measuring.inner[at, 0] or x > measuring.inner[at, 1]):
            volts.score[c, BLIND] = 0.0
    known = _doubt(dt_s, score, derived, voltage_limit.state)
    voltage_limit.heard[0] = 1.0 if known > 0 else np.nan
    if voltage_limit.state[0, DOUBTED] > 0.0:
        for c in range(volts.at.size):
            # within what the chemistry derives, and out of its dead bands
            score[c, OVER] = min(score[c, OVER], derived[c, HIGH] - derived[c, BAND])
            score[c, UNDER] = min(score[c, UNDER], -derived[c, LOW] - derived[c, BAND])


@compiled
def _doubt(dt_s: float, score: Floats, derived: Floats, state: Floats) -> int:
    """Doubt the chemistry whose limits many pass at once when they are first compared with values; return how
    many are.
    """
    known = 0
    beyond = 0
    limit_v = 0.0
    for c in range(score.shape[0]):
        low, high = derived[c, LOW], derived[c, HIGH]
        if np.isnan(score[c, OVER]) or (np.isinf(low) and np.isinf(high)):
            continue
        known += 1
        beyond += score[c, OVER] > high + INSIDE or score[c, OVER] < low - INSIDE
        limit_v = max(limit_v, high if not np.isinf(high) else low)
    if known == 0:
        return 0
    if abs(limit_v - state[0, LIMIT_V]) > SAME_V:
        state[0, LIMIT_V] = limit_v
        state[0, AGE_S] = 0.0
    else:
        state[0, AGE_S] += dt_s
    many = beyond >= LEAST and beyond > SHARE * known
    state[0, DOUBTED] = 1.0 if many and (state[0, AGE_S] <= FIRST_S or state[0, DOUBTED] > 0.0) else 0.0
    return known


LIMIT = Sentence(
    "voltage-limit",
    "{who} was at {cell_v:.3f} V when raised, {side} its {tier} limit of {limit_v:g} V, {whose}.",
)
TIER = {tier: Sentence(f"#{tier}", tier) for tier in TIERS}


def explain(case: Case) -> AlarmEvent:
    """Explain a voltage beyond its limits; what is compared with the lowest is the voltage's negative."""
    volts, side = float(case.banks.volts.raw[case.c]), IS_BELOW if case.row.limit < 0.0 else IS_OVER
    limit, tier = abs(case.row.limit), TIERS[SEVERITIES.index(case.row.severity) - 1]
    text = said(
        LIMIT,
        who=case.who,
        cell_v=volts,
        side=side,
        tier=TIER[tier],
        limit_v=limit,
        whose=case.whose_limit,
    )
    return replace(case.event(volts, text, expected=limit), limit=limit)


def _judged(column: int, member: str, limits: Callable[[Channels, UnitLimits], Limited]) -> Judged:
    at, side = At("detectors.voltage_limit.score", column), 1 if column == OVER else -1
    return Judged("volts", at, at, member, limits, worst=At("volts.away"), side=side)


DETECTOR = Detector(
    name=NAME,
    says=(LIMIT, *TIER.values()),
    order=5,
    family="voltage",
    rows=(
        # Nobody's limits: infinite. The delays are ours: within 10 s, and never by one or two bad frames.
        Row(NAME, "voltage", CRITICAL, np.inf, "V", 5.0, 60.0, 0.01, True, 3),
        Row(NAME, "voltage", WARNING, np.inf, "V", 30.0, 60.0, 0.01, False, 3),
        Row(NAME, "voltage", ADVICE, np.inf, "V", 60.0, 300.0, 0.01, False, 3),
    ),
    judged=(
        _judged(OVER, NAME, lambda channels, limits: above(limits, channels.volts.index)),
        _judged(UNDER, f"{NAME}-low", lambda channels, limits: below(limits, channels.volts.index)),
    ),
    arrays=VOLTAGE_LIMIT,
    new=new_voltage_limit,
    kernel=judge_voltage_limit,
    explain=explain,
    sees=(
        "a voltage beyond the limits of the site, the profile or, of the safety tier alone, the chemistry: "
        "critical after 5 s and three frames; as it was read, without learning"
    ),
    cannot_see=(
        "a unit of which nobody says the chemistry or a limit, a block without `cells_per_block`; what is no "
        "measurement"
    ),
    response="Stop the charge, or the discharge; measure the cell by hand, then look at charger and BMU.",
)
