"""One sensor alone that jumps to a heat and stays there: heat, or a broken sensor."""

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.duration import duration
from agent.detect.explanations.case import Case
from agent.detect.kernels import doubt
from agent.detect.table import CRITICAL, Row

NAME = "unproven-heat"


def explain(case: Case) -> AlarmEvent:
    """Explain a heat that has no witness."""
    state, degc = case.banks.doubt.state[case.c], case.banks.doubt.x[case.c]
    alone = "" if len(case.members) > 1 else " alone"
    text = (
        f"{case.name()}{alone} read {degc:.0f} degC when raised, for {duration(state[doubt.DOUBTED_S])}, "
        f"{state[doubt.BEFORE]:.0f} before: heat, or a broken sensor. Look from outside; do not open."
    )
    return case.event(degc, text, since_s=case.t_s - state[doubt.DOUBTED_S])


DETECTOR = Detector(
    name=NAME,
    order=16,
    rows=(Row(NAME, "temperature", CRITICAL, 1.0, "", 0.0, 3600.0, 0.5, True),),
    judged=(Judged("temps", At("doubt.score", doubt.UNPROVEN), At("doubt.x")),),
    stood=lambda banks, c: doubt.doubted_before(banks.doubt, c, doubt.ALONE),
    explain=explain,
    sees=(
        "a sensor alone that jumps to a heat (60 degC, or the safety limit) and stays there for 30 s, or "
        "heats on or cools there for 10 s: heat, or a broken sensor"
    ),
    cannot_see="which of both it is; a sensor that chatters (`sensor-fault` says so); codes of open inputs",
    response="Look from outside, with a thermal camera; do not open. Then check the sensor and its cable.",
)
