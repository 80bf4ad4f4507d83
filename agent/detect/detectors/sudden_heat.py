"""Sensors that jump to a heat together, or beside a cell that collapsed: a fire until seen to be none."""

import math

from agent.detect.alarms.states import AlarmEvent
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import NOTHING, Case, who
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels import doubt
from agent.detect.table import CRITICAL, Row

NAME = "sudden-heat"


JUMPED = Sentence(
    "sudden-heat",
    "{who} rose from {before_degc:.1f} to {read_degc:.1f} degC between two readings{lost} when raised, and "
    "not alone: {witness}. Take it for a fire until it is seen to be none.",
)
LOST = Sentence("#and-lost", " and could not be read any more")
#: Of each witness its bank in `Channels`, "" none, what is told of it, and what its number is called.
WITNESSES: dict[int, tuple[str, Sentence, str]] = {
    doubt.NOBODY: ("", Sentence("#second-reading", "a second reading says so"), ""),
    doubt.SENSOR: ("temps", Sentence("#rose", "{other:lower} rose to {rose_degc:.1f} degC"), "rose_degc"),
    doubt.CELL_FELL: ("volts", Sentence("#fell", "{other:lower} fell by {fell_v:.2f} V"), "fell_v"),
    doubt.CELL_GONE: ("volts", Sentence("#gone", "{other:lower} is not read any more"), ""),
    doubt.INSULATION: (
        "",
        Sentence("#insulation", "the insulation fell to {insulation_ohm:.0f} ohm"),
        "insulation_ohm",
    ),
    doubt.UNIT: ("", Sentence("#unit-alarm", "the unit itself has raised an alarm"), ""),
}


def explain(case: Case) -> AlarmEvent:
    """Explain a heat that arrived between two frames, and has a witness: the hottest sensor, and who."""
    state = case.banks.doubt.state[case.c]
    read = state[doubt.WORST]
    channels, witness, number = WITNESSES[int(state[doubt.WITNESS])]
    text = said(
        JUMPED,
        who=case.who,
        before_degc=state[doubt.BEFORE],
        read_degc=read,
        lost=LOST if math.isnan(case.banks.doubt.x[case.c]) else NOTHING,
        witness=witness,
    )
    if channels:
        bank, at = getattr(case.channels, channels), int(state[doubt.WITNESS_AT])
        text = text.then(other=who(bank.places[at], bank.quantities[at]))
    if number:
        text = text.then(**{number: state[doubt.WITNESS_X]})
    return case.event(read, text, since_s=case.t_s - state[doubt.DOUBTED_S])


DETECTOR = Detector(
    name=NAME,
    says=(JUMPED, LOST, *(witness for _, witness, _ in WITNESSES.values())),
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
