"""A state of charge beyond its limits: advice only, for it is computed by the unit and drifts."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Channels, Floats, Ints
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import IS_BELOW, IS_OVER, UNIT, Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels.arrays import Array, Group
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.validity import Gate
from agent.detect.limits import Limited, UnitLimits, above, below
from agent.detect.table import ADVICE, Row

NAME = "soc-limit"


class SocLimit(NamedTuple):
    """Of each circuit: at (circuits,): where its state of charge is in the frame, -1 nowhere; score
    (circuits, 2), %: that, and its negative.
    """

    at: Ints
    score: Floats


SOC_LIMIT = Group(
    SocLimit,
    at=Array(("circuits",), np.int64, first=None),
    score=Array(("circuits", 2), first=np.nan),
)


def new_soc_limit(channels: Channels, _: UnitLimits) -> SocLimit:
    """Return the arrays of circuits that have not been seen yet."""
    new: SocLimit = SOC_LIMIT.new(given={"at": channels.at_soc}, circuits=channels.circuits.n)
    return new


@compiled
def judge_soc_limit(gate: Gate, soc_limit: SocLimit) -> None:
    """Score each circuit: its state of charge as the gate lets it pass."""
    for j in range(soc_limit.at.size):
        x = gate.value[soc_limit.at[j]] if soc_limit.at[j] >= 0 else np.nan
        soc_limit.score[j, 0] = x
        soc_limit.score[j, 1] = -x


def _of(side: Callable[[UnitLimits, Ints], Limited], column: int, member: str = "") -> Judged:
    def limits(channels: Channels, of: UnitLimits) -> Limited:
        at = channels.at_soc
        found = Limited(
            np.full((len(at), 3), np.inf), np.ones((len(at), 3)), np.zeros((len(at), 3), np.uint8)
        )
        given, known = side(of, at[at >= 0]), at >= 0
        found.limit[known], found.dead_band[known] = given.limit, given.dead_band
        found.source[known] = given.source
        return found

    score = At("detectors.soc_limit.score", column)
    return Judged("circuits", score, score, member, limits)


SOC = Sentence(
    "soc-limit",
    "The state of charge of {where} was {soc_percent:.1f} % when raised, {side} {limit_percent:g} %, "
    "{whose}.",
)


def explain(case: Case) -> AlarmEvent:
    """Explain a state of charge beyond its limits."""
    of, low = case.banks.detectors.soc_limit, case.member != NAME
    at, soc = int(of.at[case.c]), float(of.score[case.c, 0])
    place, limit = case.channels.places[at], 0.0 - case.row.limit if low else case.row.limit
    text = said(
        SOC,
        where=place or UNIT,
        soc_percent=soc,
        side=IS_BELOW if low else IS_OVER,
        limit_percent=limit,
        whose=case.whose_limit,
    )
    return replace(case.event(soc, text, expected=limit), limit=limit, location=place, quantity="soc")


DETECTOR = Detector(
    name=NAME,
    says=(SOC,),
    order=125,
    rows=(Row(NAME, "soc", ADVICE, np.inf, "%", 60.0, 300.0, 1.0, False, 3),),
    judged=(_of(above, 0), _of(below, 1, f"{NAME}-low")),
    arrays=SOC_LIMIT,
    new=new_soc_limit,
    kernel=judge_soc_limit,
    explain=explain,
    sees="a state of charge beyond the operating limits of the site or the profile",
    cannot_see="a state of charge that the unit computes wrongly",
    response="See whether charger and load do what they should; measure the voltage at rest.",
)
