"""Whether a unit is still the one that it was: when to ask it, and what its answer is worth. Pure.

Who was away may have been exchanged. So one mark of its identity is asked before its values count again; if
it says something else, all are asked before that is believed. Blank, garbled and refused marks say nothing,
and hold nothing up. Who was not away is asked a mark every minute, between two cycles: an exchange can be
quicker than a silence that is noticed, and a gateway can answer for who is absent.
"""

from dataclasses import dataclass, field
from enum import Enum
from math import inf

from agent.wire.text import printable
from drivers.identity import names_of, told
from drivers.layout import Layout

Said = str | int | float

AWAY_S = 3.0  # out of sight for this and a period: it may have been exchanged
# Where a mark says nothing, or a device closes its connections by habit, it is asked again so much later.
PROVED_FOR_S = 10.0
MARK_EVERY_S = 50.0  # a mark that is lost on the way can be asked for again within the minute


class Judgement(Enum):
    """What a unit that said all of itself is."""

    SAME = 0
    ANOTHER = 1
    OPEN = 2  # to be asked once more


@dataclass(eq=False)
class Sameness:
    """What is known of a unit's identity. known: by label, what tells it from others."""

    known: dict[str, Said] = field(default_factory=dict)
    answered_s: float = 0.0  # when it gave a value last
    asked_s: float = 0.0  # when it was asked last,
    proved_s: float = 0.0  # and when it last said who it is
    _ask_at_s: float = inf
    _suspect: dict[str, Said] = field(default_factory=dict)  # what another one said, once

    def away(self, now_s: float, pace_s: float) -> bool:
        """Whether nobody has heard a value of the unit for long."""
        return now_s - self.answered_s > pace_s + AWAY_S and now_s - self.proved_s > pace_s + AWAY_S

    def heard(self, now_s: float, pace_s: float, *, who: bool, may: bool = True) -> bool:
        """Note a sound answer; return whether the unit was away, and must be asked.

        who: it just was. may: the line has time for it (see `identity_share`); else it is asked once it has.
        """
        away = not who and self.away(now_s, pace_s)
        self.answered_s = now_s
        if away and may:
            self.doubt(now_s)
        elif away:
            self.asked_s = -inf
        return away and may

    def due(self, now_s: float, pace_s: float, *, between: bool, may: bool = True) -> bool:
        """Whether the unit is to be asked now. between: no safety point has to be read in this cycle."""
        if self._ask_at_s < inf:
            return now_s >= self._ask_at_s
        if not may:
            return False
        return self.away(now_s, pace_s) or (between and now_s - self.asked_s >= MARK_EVERY_S)

    def doubt(self, now_s: float, *, habit: bool = False) -> None:
        """Have the unit asked: another one may answer now. habit: it loses its port by habit: seldom."""
        at_s = max(now_s, self.asked_s + PROVED_FOR_S) if habit else now_s
        self._ask_at_s = min(self._ask_at_s, at_s)

    def settled(self, now_s: float) -> None:
        """Note that the unit has said who it is, or has no mark to ask for."""
        self.asked_s = self.proved_s = now_s
        self._ask_at_s = inf

    def open(self, now_s: float) -> None:
        """Note that the unit was asked in vain; ask again after PROVED_FOR_S."""
        self.asked_s, self._ask_at_s = now_s, now_s + PROVED_FOR_S

    def suspect(self, label: str, said: Said, was: Said, now_s: float) -> bool:
        """Take what one mark says, which was `was`; return whether the unit may be another."""
        if not told(said):
            self.open(now_s)
        elif said == self.known.get(label, was):
            self.settled(now_s)
        else:
            self._suspect = {label: said}
            return True
        return False

    def forget_suspect(self) -> None:
        """Forget the suspected identity: the unit is of another kind."""
        self._suspect = {}

    def judge(self, layout: Layout, now_s: float) -> tuple[Judgement, str]:
        """Take all that a unit says of itself; return what it is, and where it is another, in words."""
        self.settled(now_s)
        now = names_of(layout.marks, layout.identity)
        other = {label: said for label, said in now.items() if self.known.get(label, said) != said}
        before, self._suspect = self._suspect, {}
        if not other:
            self.known = self.known | now
            return Judgement.SAME, ""
        if any(before.get(label) == said for label, said in other.items()):
            text = ", ".join(
                f"{label} was {_shown(self.known[label])}, is {_shown(said)}" for label, said in other.items()
            )
            self.known = now
            return Judgement.ANOTHER, f"another unit: {text}"
        if before:  # three readings, and no two alike
            self.open(now_s)
            return Judgement.SAME, ""
        self._suspect = other
        return Judgement.OPEN, ""


def _shown(said: Said) -> str:
    return printable(str(said), 60)
