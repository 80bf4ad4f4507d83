"""Temperatures, or voltages, that give no usable value."""

from dataclasses import replace

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import common_place
from agent.detect.declaration import At, Detector, Judged
from agent.detect.explanations.case import UNIT, Case, who
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels import inputs
from agent.detect.table import ADVICE, WARNING, Row

NAME = "blind"


BLIND = Sentence(
    "blind",
    "{who} had given no usable value for {age_s:duration} when raised: its state is not known, it may be "
    "anything. Check cable, sensor and unit.",
)
SEVERAL = Sentence("#channels", "{channels:.0f} channels of {where}")


def explain(case: Case) -> AlarmEvent:
    """Explain temperatures, or voltages, without a usable value."""
    of = case.banks.temps if case.bank is case.channels.temps else case.banks.volts
    age_s = of.age_s[case.c]
    place = common_place([case.bank.places[member] for member in case.members])
    if len(case.members) > 1:
        text = said(BLIND, who=SEVERAL, channels=len(case.members), where=place or UNIT, age_s=age_s)
    else:
        text = said(BLIND, who=who(place, case.bank.quantities[case.c]), age_s=age_s)
    event = case.event(age_s, text, since_s=case.t_s - age_s, counted=True)
    return replace(event, location=place, value_unit="s")


DETECTOR = Detector(
    name=NAME,
    says=(BLIND, SEVERAL),
    order=130,
    of_sight=True,
    rows=(
        # 2: and so are half of its siblings.
        Row(NAME, "", WARNING, 2.0, "", 15.0, 10.0, 0.0, False),
        Row(NAME, "", ADVICE, 1.0, "", 15.0, 10.0, 0.0, False),
    ),
    judged=(
        Judged("temps", At("temps.score", inputs.BLIND), At("temps.age_s")),
        Judged("volts", At("volts.score", inputs.BLIND), At("volts.age_s"), "blind-voltage"),
    ),
    explain=explain,
    sees=(
        "no usable value of a channel for 60 s (four polls, where these are longer), a warning where half "
        "the group is lost; a whole unit that is not seen, whatever its points: see `docs/polling.md`"
    ),
    cannot_see="a channel that was never there (the unit is `PARTIAL` where none is left)",
    response="Find out why nothing is seen: power, cable, unit. Look at the battery itself until then.",
)
