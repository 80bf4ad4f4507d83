"""Sensors that jump to a heat together, or beside a cell that collapsed: a fire until seen to be none."""

import math

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case
from agent.detect.kernels import doubt
from agent.detect.table import CRITICAL, Row

NAME = "sudden-heat"


def explain(case: Case) -> AlarmEvent:
    """Explain a heat that arrived between two frames, and has a witness."""
    state, degc = case.banks.doubt.state[case.c], case.banks.doubt.x[case.c]
    before_degc, worst_degc = state[doubt.BEFORE], state[doubt.WORST]
    lost = " and could not be read any more" if math.isnan(degc) else ""
    text = (
        f"{case.name()} rose from {before_degc:.1f} to {worst_degc:.1f} degC between two readings{lost} when "
        f"raised, and not alone: another sensor rose, or a cell there lost its voltage. Take it for a fire "
        f"until it is seen to be none."
    )
    return case.event(worst_degc, text, since_s=case.t_s - state[doubt.DOUBTED_S])


DETECTOR = Detector(
    name=NAME,
    order=15,
    family="heat",
    rows=(Row(NAME, "temperature", CRITICAL, 1.0, "", 0.0, 600.0, 0.5, True),),
    judged=(Judged("temps", At("doubt.score", doubt.SUDDEN), At("doubt.heard"), worst=At("doubt.x")),),
    explain=explain,
    sees=(
        "a sensor that jumps beyond the highest operating temperature between two frames, with a witness: a "
        "sibling that rose too, or a cell of its place that collapsed or vanished; with the next frame"
    ),
    cannot_see="a jump of all sensors of a group by one offset, by one factor or to one number: a bad frame",
    response="Leave the room, shut the doors, call the fire brigade; cut the rack off from outside.",
)
