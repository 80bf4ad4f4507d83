"""The arguments of an explanation, and the parts that are the same in all of them."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import Bank, Channels
from agent.detect.kernels.banks import Banks
from agent.detect.places import ENDS, EXTREMES
from agent.detect.table import Row

#: What a channel is called, by the last word of its quantity.
NOUNS = {"voltage": "Cell", "temperature": "Sensor", "current": "Circuit"}


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

    def name(self) -> str:
        """Return how to call the channel at the start of a sentence."""
        return name_of(self.place, self.bank.quantities[self.c])

    def event(
        self,
        value: float,
        text: str,
        *,
        since_s: float | None = None,
        beyond: float = 0.0,
        expected: float = 0.0,
        forecast: str = "",
        evidence: tuple[str, str] = ("", ""),
    ) -> AlarmEvent:
        """Return the event; the arguments are its fields of like names, all others follow from the case. The
        text is followed by how many more channels show it.

        evidence: evidence_for, evidence_against.
        """
        return AlarmEvent(
            detector=self.row.detector,
            severity=self.row.severity,
            state="NEW",
            location=self.place,
            quantity=self.bank.quantities[self.c],
            value=round(float(value), 4),
            limit=self.row.limit,
            value_unit=self.row.unit,
            text=text + _others(self.members),
            t_s=self.t_s,
            since_s=self.t_s if since_s is None else float(since_s),
            beyond_noise=round(float(beyond), 1),
            expected=round(float(expected), 4),
            forecast=forecast,
            evidence_for=evidence[0],
            evidence_against=evidence[1],
        )


Explanation = Callable[[Case], AlarmEvent]


def name_of(place: str, quantity: str) -> str:
    """Return how to call a channel at the start of a sentence; "cell5" needs no "Cell" before it."""
    noun = NOUNS.get(EXTREMES.get(quantity, quantity).rpartition("_")[2], "Channel")
    if quantity in EXTREMES:
        return f"The {ENDS[quantity.rpartition('_')[2]]} {noun.lower()} of {place or 'the unit'}"
    if place.rpartition("/")[2].startswith(noun.lower()):
        return place
    return f"{noun} {place}" if place else f"{noun} of the unit"


def _others(members: set[int]) -> str:
    more = len(members) - 1
    return f" {more} more in the same place show it too." if more > 0 else ""


def side(volts: float) -> str:
    """Return on which side of its siblings a cell is that deviates so."""
    return "below" if volts < 0 else "above"
