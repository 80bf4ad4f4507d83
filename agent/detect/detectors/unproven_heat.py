"""One sensor alone that jumps to a heat, and stays there or is not read any more: heat, or a broken one.

These are two members. A cable that breaks, with a hot reading each time, is one alarm that stands until the
sensor was home for a day; a reading that stays is told beside it, whatever the cable did before.
"""

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import NOTHING, Case
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels import doubt
from agent.detect.table import CRITICAL, Row

NAME = "unproven-heat"
BROKE = f"{NAME}-gone"  # the member of a sensor that is not read any more


UNPROVEN = Sentence(
    "unproven-heat",
    "{who}{alone} read {temperature_degc:.0f} degC when raised, for {for_s:duration}, {before_degc:.0f} "
    "before: heat, or a broken sensor. Look from outside; do not open.",
)
GONE = Sentence(
    "unproven-heat-gone",
    "{who}{alone} read {temperature_degc:.0f} degC, {before_degc:.0f} before, and had not been read since, "
    "for {for_s:duration} when raised: heat that cut its cable, or a broken sensor. Look from outside; do "
    "not open.",
)
ALONE = Sentence("#alone", " alone")


def explain(case: Case) -> AlarmEvent:
    """Explain a heat that has no witness."""
    state, gone = case.banks.doubt.state[case.c], case.member == BROKE
    degc = state[doubt.WORST] if gone else case.banks.doubt.x[case.c]
    text = said(
        GONE if gone else UNPROVEN,
        who=case.who,
        alone=NOTHING if len(case.members) > 1 else ALONE,
        temperature_degc=degc,
        for_s=state[doubt.DOUBTED_S],
        before_degc=state[doubt.BEFORE],
    )
    return case.event(degc, text, since_s=case.t_s - state[doubt.DOUBTED_S])


DETECTOR = Detector(
    name=NAME,
    says=(UNPROVEN, GONE, ALONE),
    order=16,
    rows=(Row(NAME, "temperature", CRITICAL, 1.0, "", 0.0, 3600.0, 0.5, True),),
    judged=(
        Judged("temps", At("doubt.score", doubt.UNPROVEN), At("doubt.heard")),
        Judged("temps", At("doubt.score", doubt.GONE), At("doubt.heard"), BROKE),
    ),
    stood=lambda banks, c: doubt.doubted_before(banks.doubt, c, doubt.ALONE),
    explain=explain,
    sees=(
        "a sensor alone that jumps to a heat (60 degC, or the safety limit) and stays there for 30 s, or "
        "heats on or cools there for 10 s, or is not read any more from then on: heat, or a broken sensor"
    ),
    cannot_see="which of both it is; a sensor that chatters (`sensor-fault` says so); codes of open inputs",
    response="Look from outside, with a thermal camera; do not open. Then check the sensor and its cable.",
)
