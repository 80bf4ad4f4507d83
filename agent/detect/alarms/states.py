"""Alarms and their states, after ISA-18.2, in the words people see. A pure state machine.

NEW            raised, nobody has acknowledged it
ACK            acknowledged, the condition stands
CLEARED-NEW    the condition is gone, nobody has acknowledged it
SHELVED        somebody put it aside until a time
OUT OF SERVICE somebody took its detector out of service
NORMAL         over; the alarm leaves the list
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from agent.detect.table import PRIORITY, TIERS


class AlarmState(StrEnum):
    """States of an alarm, in the words of the alarm list."""

    NEW = "NEW"
    ACK = "ACK"
    CLEARED_NEW = "CLEARED-NEW"
    SHELVED = "SHELVED"
    OUT_OF_SERVICE = "OUT OF SERVICE"
    NORMAL = "NORMAL"


class Action(StrEnum):
    """What can happen to an alarm."""

    RAISE = "raise"
    CLEAR = "clear"
    ACKNOWLEDGE = "acknowledge"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    REMOVE = "take out of service"
    RETURN = "return to service"


_S, _A = AlarmState, Action

# (state, what happens) -> state. What is not listed changes nothing. The condition of a shelved or removed
# alarm goes on being followed (`Alarm.standing`); _RESUME says where it comes back.
_NEXT: dict[tuple[AlarmState, Action], AlarmState] = {
    (_S.NORMAL, _A.RAISE): _S.NEW,
    (_S.CLEARED_NEW, _A.RAISE): _S.NEW,
    (_S.ACK, _A.RAISE): _S.NEW,  # a higher tier must be acknowledged again
    (_S.NEW, _A.CLEAR): _S.CLEARED_NEW,
    (_S.ACK, _A.CLEAR): _S.NORMAL,
    (_S.NEW, _A.ACKNOWLEDGE): _S.ACK,
    (_S.CLEARED_NEW, _A.ACKNOWLEDGE): _S.NORMAL,
    (_S.NEW, _A.SHELVE): _S.SHELVED,
    (_S.ACK, _A.SHELVE): _S.SHELVED,
    (_S.CLEARED_NEW, _A.SHELVE): _S.SHELVED,
    (_S.NEW, _A.REMOVE): _S.OUT_OF_SERVICE,
    (_S.ACK, _A.REMOVE): _S.OUT_OF_SERVICE,
    (_S.CLEARED_NEW, _A.REMOVE): _S.OUT_OF_SERVICE,
    (_S.SHELVED, _A.REMOVE): _S.OUT_OF_SERVICE,
}
_RESUME = {(_S.SHELVED, _A.UNSHELVE), (_S.OUT_OF_SERVICE, _A.RETURN)}


def next_state(state: AlarmState, action: Action, standing: bool) -> AlarmState:
    """Return the state after something happened; `standing`: does the condition stand."""
    if (state, action) in _RESUME:
        return AlarmState.NEW if standing else AlarmState.NORMAL
    return _NEXT.get((state, action), state)


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """One thing that happened to an alarm. Plain values only: it goes to disk and onto the wire as it is.

    `value`, `expected` and `limit` are in `value_unit`; `beyond_noise` is value over the noise's standard
    deviation (0 where there is no noise to speak of); `since_s` is when it began, as far as can be told;
    `count` is how many channels the alarm stands for, `location` that of its leader. `forecast`,
    `evidence_for` and `evidence_against` are sentences, "" where there is nothing to say. `config` is the
    hash of what decides when an alarm is raised. `shadow`: recorded, not announced. `name` (see `called`):
    what tells it from every other alarm of its unit, until it is over and whichever channel leads.
    `sentence`, `numbers` and `texts`: the text, free of language (docs/sentences.md); "" where it has none.
    `ahead`: the forecast in numbers (`agent.detect.explanations.ahead`); {} where there is none.
    """

    detector: str
    severity: str
    state: str
    location: str
    quantity: str
    value: float
    limit: float
    value_unit: str
    text: str
    t_s: float
    since_s: float = 0.0
    beyond_noise: float = 0.0
    count: int = 1
    expected: float = 0.0
    forecast: str = ""
    evidence_for: str = ""
    evidence_against: str = ""
    config: str = ""
    shadow: bool = False
    name: str = ""
    sentence: str = ""
    numbers: dict[str, float | None] = field(default_factory=dict, hash=False)
    texts: dict[str, str] = field(default_factory=dict, hash=False)
    ahead: dict[str, float | None] = field(default_factory=dict, hash=False)

    def to_plain(self) -> dict[str, Any]:
        """Return it as a restart keeps it, where `value_unit` is called `unit` as in version 0.1.0."""
        plain = asdict(self)
        if not self.sentence:
            del plain["sentence"], plain["numbers"], plain["texts"]
        if not self.ahead:
            del plain["ahead"]
        return plain | {"unit": plain.pop("value_unit")}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "AlarmEvent":
        """Return what `to_plain` gave. LookupError, TypeError, ValueError where it is no event."""
        said = dict(plain)
        return cls(value_unit=said.pop("unit"), **said)


def called(what: str, where: str) -> str:
    """Return the name of an alarm within its unit: what is wrong (a detector, or a point and its bit), and
    the place. Only the place may hold a colon.
    """
    return f"{without_colon(what)}:{where}"


def without_colon(part: str) -> str:
    """Write a part of a name so that it ends at the next colon."""
    return part.replace("%", "%25").replace(":", "%3A")


def with_colon(part: str) -> str:
    """Read back what `without_colon` wrote."""
    return part.replace("%3A", ":").replace("%25", "%")


Member = tuple[str, int]  # detector, and the number of a channel in its bank


@dataclass(slots=True)
class Alarm:
    """One cause: the channels that show it, and what people did about it."""

    family: str
    scope: str
    leader: Member  # the one that raised it, or made it worse last
    tier: int
    raised_s: float
    joined_s: float
    latch: bool
    members: set[Member] = field(default_factory=set)  # who shows it now
    shown: set[Member] = field(default_factory=set)  # who has shown it
    state: AlarmState = AlarmState.NEW
    until_s: float = 0.0  # end of shelving
    said: AlarmEvent | None = None

    @property
    def severity(self) -> str:
        """In words."""
        return TIERS[self.tier]

    @property
    def priority(self) -> int:
        """1 is highest."""
        return PRIORITY[self.severity]

    @property
    def standing(self) -> bool:
        """Does any channel still show it."""
        return bool(self.members)

    @property
    def count(self) -> int:
        """How many channels have shown it, whatever the detector."""
        return len({channel for _, channel in self.shown})

    def do(self, what: Action) -> bool:
        """Let something happen; True when the state changed."""
        if self.latch and what is Action.CLEAR:
            return False  # the condition is gone (`standing` says so), the alarm stays until acknowledged
        before = self.state
        self.state = next_state(before, what, self.standing)
        if self.latch and what is Action.ACKNOWLEDGE and not self.standing:
            self.state = AlarmState.NORMAL
        return self.state is not before
