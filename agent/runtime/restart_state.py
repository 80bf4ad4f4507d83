"""The rows by which a restart goes on where the agent stopped, and when each is written.

Theory. A unit has up to three rows in the buffer, each the bytes of a `Snapshot`:

    rack-1:alarms    its alarms                       written when they change      `KeptAlarms`
    rack-1:state     what its detectors have learned  written seldom, and at stop   `LearnedStates`
    rack-1:refused   the registers that it refuses    written when they change      `KeptRefused`

":alarms" is the row of the site. Rows are written in commits of the recorder that are made anyway, in this
order: `due` gives the rows, the recorder commits them, `written` says that they are on disk. A commit that
fails is not followed by `written`, and the next `due` gives the rows again. A row without bytes is deleted.
"""

import logging
from collections.abc import Iterable, Mapping

from agent.alarms.site import SiteAlarms
from agent.clock import Clock, Stamp, passed
from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import AlarmEvent
from agent.detect.unit import UnitJudges
from agent.runtime.kept_alarms import Content, KeptAlarms
from agent.runtime.kept_refused import KeptRefused
from agent.runtime.learned_states import LearnedStates, Origin
from agent.runtime.snapshot import UNREADABLE, BadSnapshot, Snapshot

log = logging.getLogger(__name__)

ALARMS, STATE, REFUSED = "alarms", "state", "refused"  # the kinds of rows


class RestartState:
    """The rows of all units and of the site: the `agent.store.recorder.Keeper` of the agent.

    rows: name -> bytes, as they are on disk. Rows that cannot be read are logged, and not used.
    in_vain_s, marks: see `KeptAlarms` and `LearnedStates`.
    """

    def __init__(self, rows: Mapping[str, bytes], site_alarms: SiteAlarms, clock: Clock) -> None:
        self._site_alarms, self._clock = site_alarms, clock
        self._judges: dict[str, UnitJudges] = {}  # of the units that are connected
        self._alarms = KeptAlarms(site_alarms, self._judges)
        self._learned = LearnedStates(clock)
        self.refused = KeptRefused()
        self._on_disk = set(rows)  # the names of rows
        self._stopping = False
        self.in_vain_s = self._alarms.in_vain_s
        self.marks = self._learned.marks
        for name, blob in rows.items():
            unit, kind = _unit_and_kind(name)
            if unit in site_alarms.units:
                self._read(unit, kind, blob)

    def _read(self, unit: str, kind: str, blob: bytes) -> None:
        now = self._clock.stamp()
        try:
            snapshot = Snapshot.from_bytes(blob)
            if snapshot.stamp.simulated != now.simulated:
                raise BadSnapshot("of another kind of time: simulated and real do not meet")
            if kind == STATE:
                self._learned.read(unit, snapshot)
            elif kind == REFUSED:
                self.refused.read(unit, snapshot.content)
            elif kind == ALARMS:
                self._alarms.read(unit, snapshot.content, self._later_s(snapshot, now))
        except UNREADABLE as error:
            why = str(error) if isinstance(error, BadSnapshot) else f"not readable ({error!r})"
            log.error("%s: what was kept of its %s is %s, and is not used", unit or "site", kind, why)
            if kind == STATE:
                self._learned.unreadable(unit, why)

    def _later_s(self, snapshot: Snapshot, now: Stamp) -> float:
        """Return the seconds to add to a boot time of the snapshot to have it by this boot's clock."""
        gap = passed(snapshot.stamp, snapshot.boot_id, now, self._clock.boot_id)
        return (now.boottime_ns - snapshot.stamp.boottime_ns) / 1e9 - gap.seconds

    # ---- units come and go

    def book(self, unit: str, name: str) -> AlarmBook:
        """Return a book of a unit as it was on disk; an empty one where the disk had none."""
        return self._alarms.book(unit, name)

    def unseen(self, unit: str) -> bool:
        """Whether a unit was out of sight when the agent ended last."""
        return self.in_vain_s.get(unit, 0.0) > 0.0 or bool(self.book(unit, "unseen").standing())

    def origin(self, unit: str) -> Origin:
        """Return what the detectors of a connected unit began with."""
        return self._learned.origin(unit)

    def expect(self, units: Iterable[str]) -> None:
        """Take the units that there are from now on; drop everything of others."""
        units = set(units)
        self._alarms.expect(units)
        self._learned.expect(units)
        self.refused.expect(units)
        for gone in self._judges.keys() - units:
            del self._judges[gone]

    def begin(self, unit: str, judges: UnitJudges) -> list[AlarmEvent]:
        """Let new judges of a unit go on where those before them stopped, in this life of the agent or in the
        last; return the events of alarms that are over by that.
        """
        before = self._judges.get(unit)
        context = before.book_context() if before else self._alarms.take_context(unit)
        origin = self._learned.begin(unit, judges)
        self._judges[unit] = judges
        log.info("unit %s: %s", unit, origin.said)
        if context is None:
            return []
        return judges.stand_again(self._site_alarms.books(unit), context, self._clock.boottime_s())

    def forget(self, unit: str) -> None:
        """Drop what was learned of a unit: it was exchanged. Its alarms stay until new detectors begin."""
        self._judges.pop(unit, None)
        self._alarms.take_context(unit)  # the new one's detectors do not go on with these books
        self._learned.forget(unit)

    # ---- rows

    def keep_all(self) -> None:
        """Make every state due with the next commit: the agent stops."""
        self._stopping = True

    def due(self) -> Mapping[str, bytes]:
        """Return the rows to write now, by name; b"": to be deleted."""
        now, units = self._clock.stamp(), self._site_alarms.units
        on_disk = {name: _unit_and_kind(name) for name in self._on_disk}
        with_alarms = {unit for unit, kind in on_disk.values() if kind == ALARMS}
        mismatched = {unit for unit in units if not self.book(unit, "identity").empty()}
        rows = {
            _name(unit, ALARMS): self._row(content, now) for unit, content in self._alarms.due(with_alarms)
        }
        with_refused = {unit for unit, kind in on_disk.values() if kind == REFUSED}
        for unit, content in self.refused.due(with_refused):
            rows[_name(unit, REFUSED)] = self._row(content, now)
        for unit, content in self._learned.due(now, mismatched, everything=self._stopping):
            rows[_name(unit, STATE)] = self._row(content, now)
        return rows | {name: b"" for name, (unit, _) in on_disk.items() if unit not in units}

    def _row(self, content: Content | None, now: Stamp) -> bytes:
        return b"" if content is None else Snapshot(content, now, self._clock.boot_id).to_bytes()

    def written(self, kept: Mapping[str, bytes]) -> None:
        """Take note that the rows that `due` gave last are on disk."""
        now = self._clock.stamp()
        self._alarms.written()
        self.refused.written()
        for name, row in kept.items():
            unit, kind = _unit_and_kind(name)
            if kind == STATE:
                self._learned.saved(unit, now)
            if row:
                self._on_disk.add(name)
            else:
                self._on_disk.discard(name)

    def anew(self) -> None:
        """Take note that the buffer began anew, without rows: all are due, states one with each commit."""
        self._alarms.write_again()
        self.refused.write_again()
        self._learned.save_again()


def _name(unit: str, kind: str) -> str:
    return f"{unit}:{kind}"


def _unit_and_kind(name: str) -> tuple[str, str]:
    unit, _, kind = name.rpartition(":")  # no unit's name has a colon
    return unit, kind
