"""Sensors that jump to a heat together, or beside a cell that collapsed: a fire until seen to be none."""

import math
from collections.abc import Callable

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import Case, name_of
from agent.detect.kernels import doubt
from agent.detect.table import CRITICAL, Row

NAME = "sudden-heat"

#: Of each witness what is told of it, by its bank in `Channels`, "" none, and the number beside it.
WITNESSES: dict[int, tuple[str, Callable[[str, float], str]]] = {
    doubt.NOBODY: ("", lambda who, x: "a second reading says so"),
    doubt.SENSOR: ("temps", lambda who, x: f"{who} rose to {x:.1f} degC"),
    doubt.CELL_FELL: ("volts", lambda who, x: f"{who} fell by {x:.2f} V"),
    doubt.CELL_GONE: ("volts", lambda who, x: f"{who} is not read any more"),
    doubt.INSULATION: ("", lambda who, x: f"the insulation fell to {x:.0f} ohm"),
    doubt.UNIT: ("", lambda who, x: "the unit itself has raised an alarm"),
}


def explain(case: Case) -> AlarmEvent:
    """Explain a heat that arrived between two frames, and has a witness: the hottest sensor, and who."""
    state = case.banks.doubt.state[case.c]
    read = state[doubt.WORST]
    lost = " and could not be read any more" if math.isnan(case.banks.doubt.x[case.c]) else ""
    channels, told = WITNESSES[int(state[doubt.WITNESS])]
    who = ""
    if channels:
        bank, at = getattr(case.channels, channels), int(state[doubt.WITNESS_AT])
        who = name_of(bank.places[at], bank.quantities[at])
        who = who[0].lower() + who[1:]
    text = (
        f"{case.name()} rose from {state[doubt.BEFORE]:.1f} to {read:.1f} degC between two readings{lost} "
        f"when raised, and not alone: {told(who, state[doubt.WITNESS_X])}. Take it for a fire until it is "
        f"seen to be none."
    )
    return case.event(read, text, since_s=case.t_s - state[doubt.DOUBTED_S])


DETECTOR = Detector(
    name=NAME,
    order=15,
    family="heat",
    rows=(Row(NAME, "temperature", CRITICAL, 1.0, "", 0.0, 600.0, 0.5, True),),
    judged=(
        Judged(
            "temps",
            At("doubt.score", doubt.SUDDEN),
            At("doubt.heard"),
            worst=At("doubt.state", doubt.WORST),
        ),
    ),
    stood=lambda banks, c: doubt.doubted_before(banks.doubt, c, doubt.TOLD),
    explain=explain,
    sees=(
        "a sensor that jumps to a heat (60 degC, or the safety limit) between two frames, with a witness: a "
        "sibling that rose too, a cell of its place that collapsed or vanished, an insulation that fell to a "
        "quarter, an alarm of the unit's own of smoke, gas, insulation or a cell's voltage; with the next "
        "frame"
    ),
    cannot_see="a jump of all sensors of a group by one offset, by one factor or to one number: a bad frame",
    response="Leave the room, shut the doors, call the fire brigade; cut the rack off from outside.",
)
