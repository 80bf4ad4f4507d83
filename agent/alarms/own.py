"""The alarms that the agent raises about itself, each called ":DETECTOR:LOCATION". For any thread."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

from agent.alarms.record import about_itself
from agent.alarms.testing import TEST
from agent.clock import Stamp
from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import Action, AlarmEvent, called
from agent.detect.explanations.said import Said
from agent.detect.table import TIERS, Row

#: Alarms of what happens once and cannot end: each stays until somebody has acknowledged it. All others stand
#: until whoever raised them says that they are over.
HAPPENS = frozenset({TEST, "buffer_damaged", "buffer_rolled_back", "buffer_renumbered", "collector_lost"})
#: How long whoever raised an alarm before a restart has time to say that it still stands.
RENEWED_WITHIN_S = 2 * 3600.0


class OwnAlarms:
    """The agent's own alarms: one for each detector and location."""

    def __init__(self) -> None:
        self._book, self._lock = AlarmBook(), Lock()
        self._inherited: set[str] = set()  # from before the restart, and nobody has spoken of them since

    def say(self, detector: str, said: Said, severity: str, location: str, stamp: Stamp) -> list[AlarmEvent]:
        """Raise an alarm; one that stands says the new words, and is an event only where it gets worse."""
        event = about_itself(detector, said, stamp, severity, location)
        with self._lock:
            self._inherited.discard(event.name)
            return _say(self._book, event, said)

    def over(self, detector: str, location: str, t_s: float) -> list[AlarmEvent]:
        """End an alarm: it leaves the list once somebody has seen it. Nothing where none stands."""
        name = called(detector, location)
        with self._lock:
            self._inherited.discard(name)
            return self._book.lose((name, 0), t_s)

    def time_passes(self, t_s: float, up_s: float) -> list[AlarmEvent]:
        """Bring shelved alarms back whose time is over, and end what is from before the restart, `up_s` ago,
        where nobody has spoken of it since.
        """
        with self._lock:
            events = self._book.unshelve_due(t_s)
            if up_s > RENEWED_WITHIN_S:
                events += [event for name in self._inherited for event in self._book.lose((name, 0), t_s)]
                self._inherited.clear()
            return events

    def active(self) -> list[AlarmEvent]:
        """Return the alarms that are not over, highest priority first."""
        with self._lock:
            return self._book.active()

    def do(self, what: Action, name: str, t_s: float, until_s: float) -> list[AlarmEvent]:
        """Let a person do something to an alarm; return what it changed. ValueError where there is none."""
        with self._lock:
            return self._book.do(what, name, t_s, until_s)

    def to_plain(self) -> list[dict[str, Any]]:
        """Return all alarms as plain data."""
        with self._lock:
            return self._book.to_plain()

    def take(
        self, alarms: list[dict[str, Any]], said: Sequence[Mapping[str, Any]], later_s: float = 0.0
    ) -> None:
        """Take alarms of before the restart, beside those raised since: `alarms` as `to_plain` gave them,
        `said` as version 0.1.0 kept them. `later_s`: to add to their times, to have them by this clock.
        """
        before = AlarmBook()
        before.from_plain(alarms, later_s)
        for one in said:
            event = AlarmEvent.from_plain(one)
            _say(before, replace(event, t_s=event.t_s + later_s, since_s=event.since_s + later_s))
        with self._lock:
            now = self._book.to_plain()
            known = {alarm["family"] for alarm in now}
            kept = [alarm for alarm in before.to_plain() if alarm["family"] not in known]
            self._book.from_plain(now + kept)
            self._inherited = {alarm["family"] for alarm in kept}


def _say(book: AlarmBook, event: AlarmEvent, said: Said | None = None) -> list[AlarmEvent]:
    """Raise an alarm in a book, where its name is its family and its only member; what it says is renewed."""
    name, happens = called(event.detector, event.location), event.detector in HAPPENS
    rows = tuple(
        Row(event.detector, "", one, 1.0, "", 0.0, 0.0, 0.0, latch=happens) if one else None for one in TIERS
    )
    events = book.change(name, rows, [(0, "", TIERS.index(event.severity))], event.t_s, lambda *_: event)
    if said:
        book.retell((name, 0), said)
    if happens:
        book.lose((name, 0), event.t_s)  # latched: it stays as it is
    return events
