"""The arguments of an explanation, and the parts that are the same in all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Bank, Channels
from agent.detect.explanations.said import Said, Sentence
from agent.detect.kernels.banks import Banks
from agent.detect.limits import WHOSE
from agent.detect.places import ENDS, EXTREMES
from agent.detect.table import Row

#: What a channel is called, by the last word of its quantity.
NOUNS = {"voltage": "Cell", "temperature": "Sensor", "current": "Circuit"}
_NOUNS = (*NOUNS.values(), "Channel")
#: How channels and places are called, at the start of a sentence or in it.
AT = {noun: Sentence(f"#{noun.lower()}", f"{noun} {{}}") for noun in _NOUNS}
OF_UNIT = {noun: Sentence(f"#{noun.lower()}-of-unit", f"{noun} of the unit") for noun in _NOUNS}
EXTREME = {
    (end, noun): Sentence(f"#{end}-{noun.lower()}", f"The {end} {noun.lower()} of {{}}")
    for end in ENDS.values()
    for noun in _NOUNS
}
EXTREME_OF_UNIT = {
    (end, noun): Sentence(f"#{end}-{noun.lower()}-of-unit", f"The {end} {noun.lower()} of the unit")
    for end in ENDS.values()
    for noun in _NOUNS
}
UNIT, UNIT_FIRST = Sentence("#the-unit", "the unit"), Sentence("#the-unit-first", "The unit")
IS_BELOW, IS_ABOVE, IS_OVER = (Sentence(f"#{word}", word) for word in ("below", "above", "over"))
NOTHING = Sentence("#nothing", "")
OTHERS = Sentence("others", "{others:.0f} more in the same place show it too.")
#: Whose a limit is, by the words of `agent.detect.limits.WHOSE`.
WHOSE_LIMIT = {words: Sentence(f"#limit-{i}", words) for i, words in enumerate(WHOSE)}
PHRASES = (
    *AT.values(),
    *OF_UNIT.values(),
    *EXTREME.values(),
    *EXTREME_OF_UNIT.values(),
    *(UNIT, UNIT_FIRST, IS_BELOW, IS_ABOVE, IS_OVER, NOTHING),
    *WHOSE_LIMIT.values(),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A detector that raises an alarm, in one frame.

    row: of the alarm table. bank: the detector's channels. c: the index in `bank` of the one that raised the
    alarm or made it worse. members: the indices of all that show it. t_s: time of the frame. banks: the
    arrays of all the unit's detectors. channels: all the unit's channels. whose: whose the row's limit is, in
    words, where each channel has its own. member: what the detector's channels are called in the book.
    """

    row: Row
    bank: Bank
    c: int
    members: set[int]
    t_s: float
    banks: Banks
    channels: Channels
    whose: str = ""
    member: str = ""

    @property
    def place(self) -> str:
        """Where the channel is; "" is the whole unit."""
        return self.bank.places[self.c]

    @property
    def who(self) -> Sentence | str:
        """How to call the channel at the start of a sentence."""
        return who(self.place, self.bank.quantities[self.c])

    @property
    def where(self) -> Sentence | str:
        """How to call the place within a sentence."""
        return self.place or UNIT

    @property
    def where_first(self) -> Sentence | str:
        """How to call the place at the start of a sentence."""
        return self.place or UNIT_FIRST

    @property
    def whose_limit(self) -> Sentence:
        """Whose the row's limit is."""
        return WHOSE_LIMIT[self.whose]

    def event(
        self,
        value: float,
        said: Said,
        *,
        since_s: float | None = None,
        beyond: float = 0.0,
        expected: float = 0.0,
        forecast: str = "",
        ahead: Mapping[str, float | None] = MappingProxyType({}),
        evidence: tuple[str, str] = ("", ""),
        counted: bool = False,
    ) -> AlarmEvent:
        """Return the event; the arguments are its fields of like names, all others follow from the case. What
        is said is followed by how many more channels show it, unless it has `counted` them.

        evidence: evidence_for, evidence_against.
        """
        if len(self.members) > 1 and not counted:
            said = said.then(OTHERS, others=len(self.members) - 1)
        return AlarmEvent(
            detector=self.row.detector,
            severity=self.row.severity,
            state="NEW",
            location=self.place,
            quantity=self.bank.quantities[self.c],
            value=round(float(value), 4),
            limit=self.row.limit,
            value_unit=self.row.unit,
            t_s=self.t_s,
            since_s=self.t_s if since_s is None else float(since_s),
            beyond_noise=round(float(beyond), 1),
            expected=round(float(expected), 4),
            forecast=forecast,
            ahead=dict(ahead),
            evidence_for=evidence[0],
            evidence_against=evidence[1],
            **said.told(),
        )


Explanation = Callable[[Case], AlarmEvent]


def who(place: str, quantity: str) -> Sentence | str:
    """Return how to call a channel at the start of a sentence; "cell5" needs no "Cell" before it."""
    noun = NOUNS.get(EXTREMES.get(quantity, quantity).rpartition("_")[2], "Channel")
    if quantity in EXTREMES:
        end = ENDS[quantity.rpartition("_")[2]]
        return EXTREME[end, noun].of(place) if place else EXTREME_OF_UNIT[end, noun]
    if place.rpartition("/")[2].startswith(noun.lower()):
        return place
    return AT[noun].of(place) if place else OF_UNIT[noun]


def side(volts: float) -> Sentence:
    """Return on which side of its siblings a cell is that deviates so."""
    return IS_BELOW if volts < 0 else IS_ABOVE
