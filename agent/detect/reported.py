"""Alarms that a unit itself reports, by its bits and states, in the words of its profile.

They are not judged here, only kept: an alarm whose register was not read now neither comes nor goes, and one
that flickers is one alarm, which is over when it has been away for its off-delay. Each is called by its point
and its bit or number, and by its place; never by words, which people change.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import Alarm, AlarmEvent, AlarmState, called
from agent.detect.channels import Codes
from agent.detect.explanations.said import Said, Sentence, said
from agent.detect.rows import rows_of
from agent.detect.table import TIERS, Row
from agent.quality import Quality

Int64 = npt.NDArray[np.int64]
#: An alarm of the unit's own: value index, what it is called (a point and its bit or number), severity, text.
Saying = tuple[int, str, str, str]
#: Those that stand in a frame: (raw, quality) -> alarms.
Standing = Callable[[Int64, Codes], Sequence[Saying]]

REPORTS = Sentence("reported", "The unit itself reports: {what}.")
REPORTS_AT = Sentence("reported-at", "The unit itself reports for {where}: {what}.")
RENAMED = Sentence(
    "reported-renamed", "Each alarm that the unit reports has an identity of its own since the upgrade."
)
SAYS = (REPORTS, REPORTS_AT, RENAMED)

_ROWS = rows_of("reported")

#: Words of alarms that no temperature sensor can have raised: witnesses of a heat that one alone reads. A bit
#: of over-temperature repeats that sensor's word; so do bits of what the unit then does (it opens).
WITNESSES = (
    "smoke", "gas", "fire", "insulation", "isolation", "leak", "earth fault", "ground fault", "short circuit",
    "cell voltage", "cell under voltage", "cell over voltage",
)  # fmt: skip
NO_WITNESSES = ("temp", "sensor")  # "gas sensor fault"


def is_witness(text: str) -> bool:
    """Whether an alarm of these words is one that no temperature sensor can have raised."""
    said = text.lower().replace("-", " ")
    return any(word in said for word in WITNESSES) and not any(word in said for word in NO_WITNESSES)


class Reported:
    """The alarms of one unit's own making.

    places, quantities: per value of its frame. sayings: all that it can say; standing: reads those that stand
    out of a frame. A channel in the book is an index into `sayings`.
    """

    def __init__(
        self, places: Sequence[str], quantities: Sequence[str], sayings: Sequence[Saying], standing: Standing
    ) -> None:
        self.book = AlarmBook()
        self._places, self._quantities = places, quantities
        self._sayings, self._standing = list(sayings), standing
        self._speaking = np.array(sorted({index for index, *_ in sayings}), np.intp)
        self._names = [called(what, places[index]) for index, what, _, _ in sayings]
        self._channel = {name: channel for channel, name in enumerate(self._names)}
        self._heard = b""
        self._raised: set[int] = set()
        self._away_since_s: dict[int, float] = {}
        self._witnesses = {c for c, (*_, text) in enumerate(self._sayings) if is_witness(text)}
        self._witness_at_s = -np.inf

    def judge(self, t_s: float, raw: Int64, quality: Codes) -> list[AlarmEvent]:
        """Take one frame; return what happened to alarms, most often nothing."""
        heard = raw[self._speaking].tobytes() + quality[self._speaking].tobytes()
        if heard == self._heard and not self._away_since_s:
            return []
        self._heard = heard
        standing = self._standing(raw, quality)
        now = {self._channel[called(what, self._places[index])] for index, what, _, _ in standing}
        changes = [(c, self._names[c], self._tier(c)) for c in sorted(now - self._raised)]
        for c in self._raised:
            if c in now or quality[self._sayings[c][0]] != Quality.GOOD:
                self._away_since_s.pop(c, None)
            elif t_s - self._away_since_s.setdefault(c, t_s) >= self._off_delay_s(c):
                changes.append((c, self._names[c], 0))
        if any(tier and c in self._witnesses for c, _, tier in changes):
            self._witness_at_s = t_s
        for c, _, tier in changes:
            if tier:
                self._raised.add(c)
            else:
                self._raised.discard(c)
                self._away_since_s.pop(c, None)
        return self.book.change("reported", _ROWS, changes, t_s, self._explain(t_s)) if changes else []

    def witness_s(self, t_s: float) -> float:
        """Return how long ago the unit raised an alarm that is a witness of heat, infinite: never."""
        return t_s - self._witness_at_s

    def said(self) -> list[list[Any]]:
        """Return value index, severity and text of each channel of the book."""
        return [[index, severity, text] for index, _, severity, text in self._sayings]

    def stand_again(self, said: Sequence[Sequence[Any]], t_s: float) -> list[AlarmEvent]:
        """Go on with the alarms in the book; return the events. `said`: what `said` gave when they were kept.

        Alarms are over that the unit cannot report any more; alarms of version 0.1.0, which called all of a
        place alike, go on under names of their own.
        """
        events: list[AlarmEvent] = []
        renamed: list[Alarm] = []
        found = [(alarm, self._find(alarm, said)) for alarm in self.book.all()]
        for alarm, channel in found:
            if channel is None:
                events += self.book.lose(alarm.leader, t_s)
        for alarm, channel in found:
            if channel is None or alarm.said is None:
                continue
            member = ("reported", channel)
            alarm.scope, alarm.leader, alarm.shown = self._names[channel], member, {member}
            alarm.members = {member} if alarm.standing else set()
            alarm.said = replace(alarm.said, **self._told(channel).told())
            if alarm.said.name != self._names[channel]:
                renamed.append(alarm)
        events += self._rename(renamed, t_s)
        standing = [(alarm, alarm.leader[1]) for alarm in self.book.standing()]
        self._raised = {channel for alarm, channel in standing if self._tier(channel) <= alarm.tier}
        self._heard = b""
        return events

    def _find(self, alarm: Alarm, said: Sequence[Sequence[Any]]) -> int | None:
        """Return the channel of an alarm that was kept: by its name, else by its place and words, and where
        two points say the same by where the value was.
        """
        event, was = alarm.said, alarm.leader[1]
        if event is None or event.name in self._channel:
            return self._channel[event.name] if event else None
        alike = [
            c
            for c, (index, _, severity, _) in enumerate(self._sayings)
            if (self._places[index], severity, self._told(c).text)
            == (event.location, event.severity, event.text)
        ]
        index = said[was][0] if 0 <= was < len(said) else -1
        return min(alike, key=lambda c: self._sayings[c][0] != index, default=None)

    def _rename(self, alarms: Sequence[Alarm], t_s: float) -> Iterator[AlarmEvent]:
        """Give alarms the names of their channels: what each was called by is over, and it goes on."""
        told = [replace(alarm.said, state=str(alarm.state)) for alarm in alarms if alarm.said]
        before = {called(one.detector, one.location): one for one in told} | {one.name: one for one in told}
        for name, before_it in before.items():
            yield replace(before_it, name=name, state=str(AlarmState.NORMAL), t_s=t_s, **said(RENAMED).told())
        for alarm, one in zip(alarms, told, strict=True):
            alarm.said = replace(one, name=self._names[alarm.leader[1]])
            yield alarm.said

    def _told(self, channel: int) -> Said:
        index, _, _, what = self._sayings[channel]
        place = self._places[index]
        return said(REPORTS_AT, where=place, what=what) if place else said(REPORTS, what=what)

    def _tier(self, channel: int) -> int:
        return TIERS.index(self._sayings[channel][2])

    def _off_delay_s(self, channel: int) -> float:
        row = _ROWS[self._tier(channel)]
        return row.off_delay_s if row else 0.0

    def _explain(self, t_s: float) -> Callable[[int, Row, set[int]], AlarmEvent]:
        def explain(channel: int, row: Row, _members: set[int]) -> AlarmEvent:
            index, _, severity, _ = self._sayings[channel]
            return AlarmEvent(
                row.detector,
                severity,
                "NEW",
                self._places[index],
                self._quantities[index],
                1.0,
                row.limit,
                row.unit,
                t_s=t_s,
                since_s=t_s,
                name=self._names[channel],
                **self._told(channel).told(),
            )

        return explain
