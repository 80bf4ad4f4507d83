"""The alarms of the whole site: each is announced at once, and what people do about it is recorded.

The order matters: the outputs hear of an event before any disk is asked to keep it.
"""

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.alarms.output import Output
from agent.alarms.own import OwnAlarms
from agent.alarms.record import AlarmId, NoSuchAlarm, record_of
from agent.alarms.seen import NOT_FROM, grown
from agent.alarms.testing import TEST, THIS_IS_ONE, TestAlarm
from agent.clock import Clock, Stamp
from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import Action, AlarmEvent, AlarmState, called
from agent.detect.explanations.said import Said, Sentence, said
from agent.detect.table import CRITICAL, WARNING
from agent.store.ledger import Event
from agent.store.receipt import Receipt
from agent.wire.text import printable

log = logging.getLogger(__name__)

LOG_LENGTH = 1000
UNTIL = " until "  # in the name of a book that was replaced, and its time
MAX_TEST_S = 300.0
PART_FAILED = "part_failed"  # the alarm of a part that serves, and of no battery
FAILED = Sentence(
    "part-failed", "{part}: {trouble}; the batteries are watched as before, and it is tried again"
)
SAYS = (FAILED, THIS_IS_ONE)
MAX_SHELVED_S = 86400.0  # shelving is for a repair under way; what lasts longer is to be taken out of service


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks for a change, as the kernel says."""

    uid: int
    name: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What came of acknowledging an alarm, by its id: `why` it was not; "": it was. `gone`: there is none."""

    id: str
    why: str = ""
    gone: bool = False


class SiteAlarms:
    """Every alarm of the site, by unit and by what judges it (its book).

    `outputs`: by the name that their alarms call them. `record(rack, events)` puts events on disk, with the
    open batches of that rack, in its own time.
    """

    def __init__(
        self,
        racks: Mapping[str, str],
        outputs: Mapping[str, Output],
        record: Callable[[str, Sequence[Event]], None],
        clock: Clock,
    ) -> None:
        self.labels: Mapping[str, str] = {}  # what people call units, of those that have such a name
        self.log: deque[Event] = deque(maxlen=LOG_LENGTH)  # what happened, oldest first
        self.outputs = outputs
        self.last_test: TestAlarm | None = None  # since the start
        self._racks, self._record, self._clock = racks, record, clock
        self._books: dict[str, dict[str, AlarmBook]] = {unit: {} for unit in racks}
        self._failing = set[str]()  # outputs
        self.own = OwnAlarms()  # the alarms of the agent about itself
        self._began_s = clock.boottime_s()

    def expect(self, racks: Mapping[str, str]) -> None:
        """Take the units that there are from now on, with their racks. The alarms of one that is gone go."""
        self._racks = racks
        self._books = {unit: self._books.get(unit, {}) for unit in racks}
        self._tell("expect", [unit for unit in racks if unit])  # "" is the site

    def call(self, labels: Mapping[str, str]) -> None:
        """Take what people call units, of those that have such a name."""
        self.labels = labels
        self._tell("called", labels)

    def watch(self, unit: str, books: Mapping[str, AlarmBook]) -> None:
        """Take a unit's books. Alarms of a book that is replaced are over, but not forgotten: they wait to
        be acknowledged.
        """
        stamp = self._clock.stamp()
        for name, book in books.items():
            old = self._books[unit].get(name)
            if old is not None and old is not book:
                self.found(unit, stamp, old.retire(stamp.boottime_ns / 1e9))
                if not old.empty():
                    self._books[unit][f"{name}{UNTIL}{stamp.boottime_ns}"] = old
            self._books[unit][name] = book
        self._tell("stands", unit, self.active(unit))

    @property
    def units(self) -> Collection[str]:
        """Every unit by name, and the site as ""."""
        return self._books.keys()

    def books(self, unit: str) -> Mapping[str, AlarmBook]:
        """Return a unit's books by name, those that wait to be acknowledged included."""
        return self._books[unit]

    def unshelve_due(self) -> None:
        """Bring shelved alarms back whose time is over: of units that say nothing too, and of the agent."""
        stamp = self._clock.stamp()
        for unit, books in self._books.items():
            for book in books.values():
                if not book.empty():
                    self.found(unit, stamp, book.unshelve_due(stamp.boottime_ns / 1e9))
        now_s = stamp.boottime_ns / 1e9
        if own := self.own.time_passes(now_s, now_s - self._began_s):
            self._record("", self._own_events(own, stamp))

    def found(self, unit: str, stamp: Stamp, events: Sequence[AlarmEvent]) -> None:
        """Announce what happened to alarms of a unit, then have it recorded."""
        if not events:
            return
        self._tell("stands", unit, self.active(unit))
        records = []
        for event in events:
            self._tell("changed", unit, event)
            records.append(Event(unit, record_of(unit, event, stamp, self.labels.get(unit, ""))))
            if event.state == AlarmState.NEW:
                for name, book in self._books[unit].items():
                    if UNTIL in name:
                        book.forget(event.name)
        self.log += records
        self._record(self._racks[unit], records)

    def about_itself(
        self,
        detector: str,
        told: Said,
        receipt: Receipt | None = None,
        severity: str = CRITICAL,
        location: str = "",
    ) -> list[Event]:
        """Raise an alarm of the agent about itself, or renew what it says: until it is `over`, the same
        detector and location is the same alarm. The caller has the events recorded: none where it stood and
        is no worse. From any thread.
        """
        stamp = self._clock.stamp()
        return self._own_events(self.own.say(detector, told, severity, location, stamp), stamp, receipt)

    def over(self, detector: str, location: str = "") -> list[Event]:
        """End an alarm of the agent about itself, where it stands; one that nobody has seen waits for
        somebody. The caller has the events recorded. From any thread.
        """
        stamp = self._clock.stamp()
        return self._own_events(self.own.over(detector, location, stamp.boottime_ns / 1e9), stamp)

    def _own_events(
        self, events: Sequence[AlarmEvent], stamp: Stamp, receipt: Receipt | None = None
    ) -> list[Event]:
        found = [Event("", record_of("", event, stamp), receipt) for event in events]
        for event in events:
            level = (
                logging.ERROR
                if event.severity == CRITICAL and event.state == AlarmState.NEW
                else logging.WARNING
            )
            log.log(level, "%s: %s: %s", event.detector, event.state, event.text)
        self.log += found
        return found

    def active(self, unit: str) -> list[AlarmEvent]:
        """Return the alarms of a unit that are not over."""
        return [event for book in self._books[unit].values() for event in book.active()]

    def all_active(self) -> list[tuple[AlarmId, AlarmEvent]]:
        """Return the alarms of the site that are not over, by unit."""
        return [
            *((AlarmId("", event.name), event) for event in self.own.active()),
            *((AlarmId(unit, event.name), event) for unit in self._books for event in self.active(unit)),
        ]

    def do(self, what: Action, name: str, who: Person, until_s: float = 0.0, why: str = "") -> None:
        """Let a person do something to an alarm, and record who did. NoSuchAlarm where there is none."""
        alarm = AlarmId.parse(name)
        stamp = self._clock.stamp()
        now_s = stamp.boottime_ns / 1e9
        if not alarm.unit and any(event.name == alarm.name for event in self.own.active()):
            events = self.own.do(what, alarm.name, now_s, until_s)
            self._record("", self._own_events(events, stamp))
            if alarm.name == called(TEST, "") and what is Action.ACKNOWLEDGE and self.last_test:
                self.last_test.seen_by, self.last_test.seen = who.name, stamp
            self.changed(str(what), who, alarm=name, until_s=until_s, why=why)
            return
        books = [
            book
            for book in self._books.get(alarm.unit, {}).values()
            if any(event.name == alarm.name for event in book.active())
        ]
        if not books:
            raise NoSuchAlarm(f"there is no alarm {name}; it may be over already: cellwarden alarm list")
        for book in books:
            events = book.do(what, alarm.name, now_s, until_s)
            self.found(alarm.unit, stamp, events)
        self.changed(str(what), who, unit=alarm.unit, alarm=name, until_s=until_s, why=why)

    def acknowledge(self, shown: Iterable[tuple[str, str]], who: Person) -> list[Acknowledged]:
        """Acknowledge the alarms that a person was shown, each by its id and what he saw of it (`seen`; "":
        whatever it is). One that grew worse or came anew meanwhile stays as it is. Each is recorded.
        """
        found = []
        for name, saw in dict(shown).items():
            try:
                why = self._keeps_from(AlarmId.parse(name), saw)
                if not why:
                    self.do(Action.ACKNOWLEDGE, name, who)
                found.append(Acknowledged(name, why))
            except NoSuchAlarm as error:
                found.append(Acknowledged(name, str(error), gone=True))
        return found

    def _keeps_from(self, alarm: AlarmId, saw: str) -> str:
        """Return what keeps an alarm from being acknowledged; NoSuchAlarm where there is none."""
        now_s = self._clock.stamp().boottime_ns / 1e9
        active = self.active(alarm.unit) if alarm.unit in self._books else []
        ours = [e for e in [*active, *([] if alarm.unit else self.own.active())] if e.name == alarm.name]
        if not ours:
            raise NoSuchAlarm(f"there is no alarm {alarm}; it may be over already: cellwarden alarm list")
        more = next(filter(None, (grown(event, saw, now_s) for event in ours)), "") if saw else ""
        states = [AlarmState(event.state) for event in ours]
        return more or (NOT_FROM[states[0]] if all(state in NOT_FROM for state in states) else "")

    def test(self, seconds: float, who: Person) -> None:
        """Raise a test alarm: for some seconds every output acts as if it were a critical one, and it goes
        upstream and stays in the list like one, until somebody acknowledges it.
        """
        self.last_test = TestAlarm(who.name, seconds, self._clock.stamp(), Receipt(self._clock.stamp))
        self._tell("test", seconds, who.name)
        self._record("", self.about_itself(TEST, said(THIS_IS_ONE, person=who.name), self.last_test.receipt))
        self.changed("drill", who, seconds=seconds)  # a test alarm; collectors read the word

    def changed(self, what: str, who: Person, unit: str = "", **more: Any) -> None:
        """Record that a person changed something: on disk, and upstream."""
        stamp = self._clock.stamp()
        log.info("%s by %s (uid %d) %s", what, who.name, who.uid, more)
        record = {
            "kind": "change",
            "boottime_ns": stamp.boottime_ns,
            "utc_ns": stamp.utc_ns,
            "what": what,
            "uid": who.uid,
            "who": who.name,
            **{key: value for key, value in more.items() if value},
        }
        change = Event(unit, record)
        self.log.append(change)
        self._record(self._racks.get(unit, ""), [change])

    def sights(self, knowledge: Iterable[tuple[str, str]]) -> None:
        """Tell the outputs how much is known of each unit; where none listens it is not worked out."""
        if self._listening("sights"):
            self._tell("sights", list(knowledge))

    def part_failed(self, part: str, trouble: str) -> None:
        """Take what ended a part that serves, or ("") that it works again: an alarm, no more."""
        if trouble:
            told = said(FAILED, part=part, trouble=trouble)
            events = self.about_itself(PART_FAILED, told, severity=WARNING, location=part)
        else:
            events = self.over(PART_FAILED, part)
        if events:
            self._record("", events)

    def reports(self) -> dict[str, dict[str, Any]]:
        """Return the parts of the status that are of outputs, by name."""
        return {name: said for name, output in self.outputs.items() if (said := output.report()) is not None}

    def _listening(self, what: str) -> dict[str, Output]:
        """Return the outputs that have a method of their own; others show nothing by taking a call."""
        outputs = self.outputs.items()
        return {name: o for name, o in outputs if getattr(type(o), what) is not getattr(Output, what)}

    def _tell(self, what: str, *args: Any) -> None:
        """Call a method of every output that has its own. What one raises keeps neither another output nor
        the poller from its work: it is an alarm until the next call of that output works.
        """
        for name, output in self._listening(what).items():
            try:
                getattr(output, what)(*args)
            except Exception as error:
                if name not in self._failing:
                    log.exception("%s", name)
                self._failing.add(name)
                self.part_failed(name, printable(f"{type(error).__name__}: {error}"))
            else:
                if name in self._failing:
                    self._failing.discard(name)
                    self.part_failed(name, "")
