"""A current, or a power, over what is allowed: the limits of loads, in three tiers."""

from dataclasses import replace
from typing import Any

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Channels, Floats
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.explanations.said import Field, Sentence, said
from agent.detect.kernels.arrays import Array, Group
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.load import NOW, POWER, SLOW, Circuits
from agent.detect.limits import Limited, UnitLimits
from agent.detect.table import ADVICE, CRITICAL, WARNING, Row

NAME = "overload"

#: What its channels are called in the book, in the order of the columns: charge and discharge, A, then W.
MEMBERS = (NAME, f"{NAME}-discharge", f"{NAME}-power", f"{NAME}-power-discharge")
#: Of each circuit what it charges and discharges, A and W, over 10 s; NaN: not known.
LOADS = Group(None, overload=Array(("circuits", len(MEMBERS)), first=np.nan))


@compiled
def judge_overload(load: Circuits, overload: Floats) -> None:
    """Score each circuit: what it carries, over 10 s. What a current was is no evidence for what it is."""
    for j in range(load.at.size):
        amps = load.state[j, SLOW] if not np.isnan(load.state[j, NOW]) else np.nan
        watts = load.state[j, POWER]
        overload[j, 0] = amps
        overload[j, 1] = -amps
        overload[j, 2] = watts
        overload[j, 3] = -watts


OF_CURRENT = Sentence(
    "overload",
    "The current of {where} was {now_a:.1f} A when raised, {share_percent:.0f} % of the {limit_a:.4g} A "
    "from which on it is {severity} ({whose}).",
)
OF_POWER = Sentence(
    "overload-power",
    "The power of {where} was {now_w*0.001:.1f} kW when raised, {share_percent:.0f} % of the "
    "{limit_w*0.001:.4g} kW from which on it is {severity} ({whose}).",
)
A = {
    ADVICE: Sentence("#advice", "advice"),
    WARNING: Sentence("#a-warning", "a warning"),
    CRITICAL: Sentence("#critical", "critical"),
}


def explain(case: Case) -> AlarmEvent:
    """Explain a current, or a power, over its limit."""
    at, limit = MEMBERS.index(case.member), case.row.limit
    carried = float(case.banks.detectors.overload[case.c, at])
    what, unit, sentence = (
        ("power", "w", OF_POWER) if at >= len(MEMBERS) // 2 else ("current", "a", OF_CURRENT)
    )
    now = -carried if at % 2 else carried
    numbers: dict[str, Field] = {f"now_{unit}": now, f"limit_{unit}": limit}
    text = said(
        sentence,
        where=case.where,
        share_percent=100 * carried / limit,
        severity=A[case.row.severity],
        whose=case.whose_limit,
        **numbers,
    )
    return replace(case.event(now, text, expected=limit), quantity=what, value_unit=unit.upper())


def _judged(column: int) -> Judged:
    def limits(channels: Channels, of: UnitLimits) -> Limited:
        def each(array: Any) -> Any:
            return np.tile(array[:, column], (channels.circuits.n, 1))

        return Limited(each(of.load), each(of.load_band), each(of.load_sources))

    at = At("detectors.overload", column)
    return Judged("circuits", at, at, MEMBERS[column], limits)


DETECTOR = Detector(
    name=NAME,
    says=(OF_CURRENT, OF_POWER, *A.values()),
    order=120,
    rows=(
        # In times of the operating limit; but at the recommended and safety limits where somebody gives them.
        Row(NAME, "current", CRITICAL, np.inf, "times", 5.0, 60.0, 0.05, True, 3),
        Row(NAME, "current", WARNING, 1.2, "times", 5.0, 60.0, 0.1, False),
        Row(NAME, "current", ADVICE, 1.0, "times", 60.0, 60.0, 0.05, False),
    ),
    judged=tuple(_judged(column) for column in range(len(MEMBERS))),
    arrays=LOADS,
    kernel=judge_overload,
    explain=explain,
    sees=(
        "a current, or a measured power, over 10 s, beyond the operating, recommended and safety limits of "
        "the site (`max_charge_a`, `max_discharge_a`, `[[detection.limit]]`) or the profile "
        "(`[limits.current]`, `[limits.power]`); without a recommended limit a warning at 1.2 times the "
        "operating one"
    ),
    cannot_see="any overload without those limits",
    response="Find what draws the current; check the limits in the configuration.",
)
