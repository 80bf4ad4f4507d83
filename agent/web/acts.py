"""The one thing that the page can do: acknowledge alarms. What its form sends, and what is said after. Pure.

Each alarm that waits is a hidden field `a` of the form: the number of its cause on that page, what was seen
of it, its id. The button that was pressed says which of them are meant: `one ID`, `cause NUMBER`, `unit NAME`
or `all`. So the list that was on the screen goes with the act, and what came later is not in it.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from agent.alarms.record import AlarmId, NoSuchAlarm
from agent.wire.text import printable

MOST_BYTES = 256 * 1024  # of a form: a thousand alarms
MOST_FIELDS = 1100
NAME_LENGTH = 40
NOBODY = "page"  # who acknowledged, where no name was given
KEPT = 64  # answers that wait to be read
NAMED = 8  # alarms that an answer names; the others are counted

#: (alarms by id, each with what was seen of it; who) -> of each its id and why it was not acknowledged.
Acknowledge = Callable[[Sequence[tuple[str, str]], str], Sequence[tuple[str, str]]]


class Shown(NamedTuple):
    """One alarm as the form names it."""

    cause: str
    seen: str
    id: str

    @property
    def unit(self) -> str:
        """Which unit it is about; "" for the agent and the site."""
        try:
            return AlarmId.parse(self.id).unit
        except NoSuchAlarm:
            return ""


#: By the first word of a button, what the rest of it names an alarm by.
MEANT: Mapping[str, Callable[[Shown], str]] = {
    "one": lambda alarm: alarm.id,
    "cause": lambda alarm: alarm.cause,
    "unit": lambda alarm: alarm.unit,
    "all": lambda _alarm: "",
}


@dataclass(frozen=True)
class Act:
    """What a form asks for."""

    shown: tuple[Shown, ...]
    what: str
    which: str
    name: str

    @property
    def meant(self) -> list[tuple[str, str]]:
        """The alarms that the button means, each by its id and what was seen of it."""
        key = MEANT.get(self.what)
        return [(a.id, a.seen) for a in self.shown if key is not None and key(a) == self.which]

    @property
    def who(self) -> str:
        """Who acknowledges, for the record. A typed name proves nothing, and never looks like a user's."""
        return f"{self.name} ({NOBODY})" if self.name else NOBODY


def act_of(form: Mapping[str, Sequence[str]]) -> Act:
    """Read a form; what is no alarm in it is left out."""
    parts = [value.split(" ", 2) for value in form.get("a", ())]
    what, _, which = form.get("do", [""])[0].partition(" ")
    shown = tuple(Shown(*part) for part in parts if len(part) == 3 and part[1])
    return Act(shown, what, which, name_of(form.get("who", [""])[0]))


def name_of(typed: str) -> str:
    """Return a name as it is recorded."""
    return printable(" ".join(typed.split())[:NAME_LENGTH])


class Answer(NamedTuple):
    """What came of an act: when, by whom, the ids that were acknowledged, and why others were not."""

    clock: str
    who: str
    done: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]

    @property
    def named(self) -> str:
        """The alarms that were acknowledged, the first by name."""
        more = len(self.done) - NAMED
        return ", ".join(self.done[:NAMED]) + (f" and {more} more" if more > 0 else "")


def answer(clock: str, who: str, outcome: Sequence[tuple[str, str]]) -> Answer:
    """Put together what came of an act. outcome: of each alarm its id, and why not."""
    done = tuple(name for name, why in outcome if not why)
    return Answer(clock, who, done, tuple((name, why) for name, why in outcome if why))


class Answers:
    """Answers that wait for the page that follows the act."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Answer] = OrderedDict()

    def keep(self, said: Answer) -> str:
        """Return the word under which it is found."""
        word = secrets.token_urlsafe(9)
        self._kept[word] = said
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return word

    def of(self, word: str) -> Answer | None:
        """Return what is kept under a word."""
        return self._kept.get(word)
