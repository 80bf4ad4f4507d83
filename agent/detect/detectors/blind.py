"""Temperatures, or voltages, that give no usable value."""

from dataclasses import replace

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import common_place
from agent.detect.declaration import At, Detector, Judged
from agent.detect.duration import duration
from agent.detect.explanations.case import Case, name_of
from agent.detect.kernels import inputs
from agent.detect.table import ADVICE, WARNING, Row

NAME = "blind"


def explain(case: Case) -> AlarmEvent:
    """Explain temperatures, or voltages, without a usable value."""
    of = case.banks.temps if case.bank is case.channels.temps else case.banks.volts
    age_s = of.age_s[case.c]
    place = common_place([case.bank.places[member] for member in case.members])
    what = (
        f"{len(case.members)} channels of {place or 'the unit'}"
        if len(case.members) > 1
        else name_of(place, case.bank.quantities[case.c])
    )
    text = (
        f"{what} had given no usable value for {duration(age_s)} when raised: its state is not known, it "
        f"may be anything. Check cable, sensor and unit."
    )
    event = case.event(age_s, "", since_s=case.t_s - age_s)
    return replace(event, text=text, location=place, value_unit="s")  # its text counts them again


DETECTOR = Detector(
    name=NAME,
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
