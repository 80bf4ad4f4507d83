"""From frames to alarms: the last frame, the detectors and the books of every unit."""

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np

from agent.alarms.record import record_of
from agent.alarms.site import SiteAlarms
from agent.clock import Clock
from agent.config.tables import Config
from agent.control.last_good import LastGood
from agent.control.present import Present, present
from agent.control.status import Latest
from agent.detect import identity, refused
from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import AlarmEvent
from agent.detect.awake import Awake
from agent.detect.channels import Codes, Floats
from agent.detect.doubles import Asked, Doubles
from agent.detect.first_days import FirstDays
from agent.detect.knowledge import Knowledge, blind_s
from agent.detect.known import knowledge
from agent.detect.learning import total
from agent.detect.settings import Settings
from agent.detect.together import Together, UnitContact
from agent.detect.unit import UnitJudges
from agent.detect.unseen import Unseen
from agent.frame import Frame
from agent.modbus.bus import Bus
from agent.modbus.unit import Unit
from agent.runtime.restart_state import RestartState
from agent.runtime.tasks import Background
from agent.store.ledger import Event
from agent.store.recorder import Recorder
from agent.store.store import Store
from agent.store.writer import Writer
from agent.wire.text import printable
from drivers.identity import serial_of
from drivers.layout import Layout
from drivers.quantities import Poll

log = logging.getLogger(__name__)

LEAST_LOOK_S = 0.05  # between two looks around, however fast its time runs
SITE = ""  # the unit of alarms that are of no single unit


class Watching:
    """Takes the frames of units: records and judges them, and announces alarms before the disk has them."""

    def __init__(
        self,
        site_alarms: SiteAlarms,
        recorder: Recorder,
        store: Store,
        writer: Writer,
        background: Background,
        clock: Clock,
        kept: Mapping[str, bytes],
    ) -> None:
        self.latest: dict[str, Latest] = {}
        self._site_alarms, self._recorder, self._store, self._writer = site_alarms, recorder, store, writer
        self._background, self._clock = background, clock
        self._settings: dict[str, Settings] = {}
        self._first_days: dict[str, FirstDays] = {}
        self._judges: dict[str, UnitJudges] = {}
        self._schemas: dict[str, bytes] = {}
        self._identities: dict[str, AlarmBook] = {}
        self._unseen: dict[str, Unseen] = {}
        self._exchanges: dict[str, AlarmBook] = {}
        self._refused: dict[str, AlarmBook] = {}
        self.restart_state = RestartState(kept, site_alarms, clock)
        self._hosts: dict[str, str] = {}  # of the gateways that buses lead to
        self._awake = Awake(LEAST_LOOK_S * clock.scale)
        self._together = Together(self.restart_state.book(SITE, "together"))
        self._doubles = Doubles(self.restart_state.book(SITE, "doubles"))
        site_alarms.watch(SITE, {"together": self._together.book, "doubles": self._doubles.book})

    def expect(self, config: Config) -> None:
        """Take the units that there are from now on, and how they are to be judged."""
        self._settings = {
            unit.path: config.detection.settings(unit.chemistry, unit.cells_per_block, unit.name)
            for unit in config.unit
        }
        self._first_days = {
            unit.path: FirstDays(unit.commissioned) for unit in config.unit if unit.commissioned
        }
        ends = {bus.name: bus.endpoint for bus in config.bus}
        self._hosts = {name: "" if end.device else end.place for name, end in ends.items()}
        for gone in self._identities.keys() - self._settings.keys():
            del self._identities[gone], self._exchanges[gone], self._unseen[gone], self._refused[gone]
        self.restart_state.expect(self._settings)
        for new in self._settings.keys() - self._identities.keys():
            self._identities[new] = self.restart_state.book(new, "identity")
            self._exchanges[new] = self.restart_state.book(new, "exchanged")
            self._refused[new] = self.restart_state.book(new, "refused")
            self._unseen[new] = Unseen(
                self.restart_state.book(new, "unseen"), self.restart_state.in_vain_s.get(new, 0.0)
            )
            books = {"identity": self._identities[new], "exchanged": self._exchanges[new]}
            books |= {"unseen": self._unseen[new].book, "refused": self._refused[new]}
            self._site_alarms.watch(new, books)

    def begin_anew(self, units: Iterable[Unit]) -> None:
        """Forget the frames of units that are polled otherwise from now on."""
        for unit in units:
            self._schemas.pop(unit.name, None)  # new detectors take up what these have learned
            self.latest.pop(unit.name, None)

    def connected(self, unit: Unit, layout: Layout) -> None:
        """Take a unit's layout: its description onto disk, and detectors for its values."""
        digest, body = layout.schema
        self.restart_state.marks[unit.name] = dict(unit.marks)
        # the writer works in order: the schema is on disk before any batch that needs it
        self._background(self._writer(self._store.add_schema, digest, body))
        if digest != self._schemas.get(unit.name):  # else the same values again: the detectors go on
            self._schemas[unit.name] = digest
            settings = replace(self._settings[unit.name], early=self.first_days(unit.name) is not None)
            judges = UnitJudges(layout, unit.period_s, settings)
            over = self.restart_state.begin(unit.name, judges)
            self._judges[unit.name] = judges
            self._site_alarms.watch(unit.name, judges.books)
            self._site_alarms.found(unit.name, self._clock.stamp(), over)
        reads = len(layout.plan.reads)
        log.info("unit %s: %s, %d values in %d reads", unit.name, layout.profile_model, layout.n, reads)

    def frame(self, frame: Frame, layout: Layout) -> None:
        """Take one frame."""
        t_s = frame.stamp.boottime_ns / 1e9
        self._doubles.took(frame.unit, frame.raw, frame.quality)
        seen = not self._unseen[frame.unit].lost(t_s) and not self._mismatched(frame.unit)
        record = partial(self._record, frame, layout)
        found = self._judges[frame.unit].judge(t_s, frame.raw, frame.quality, record, seen=seen)
        shadow = [Event(frame.unit, record_of(frame.unit, e, frame.stamp)) for e in found if e.shadow]
        found = [event for event in found if not event.shadow]
        if shadow:
            self._background(self._recorder.seal(frame.rack, shadow))
        if found:
            self._site_alarms.found(frame.unit, frame.stamp, found)
        elif self._recorder.due:
            self._background(self._recorder.seal())

    def _record(self, frame: Frame, layout: Layout, marked: Codes) -> Floats:
        """Give a frame as it was marked to the recorder, and show it; return its values in SI units."""
        if marked is not frame.quality:
            frame = replace(frame, quality=marked)
        self._recorder.add(frame)
        t_s, si = frame.stamp.boottime_ns / 1e9, np.empty(layout.n)
        layout.to_si(frame.raw, marked, si)
        before = self.latest.get(frame.unit)
        known = before is not None and before.frame.schema == frame.schema
        last = before.last if before and known else LastGood(layout.n)
        last.take(t_s, si)
        self.latest[frame.unit] = Latest(frame, layout, si, last)
        return si

    def mismatch(self, unit: Unit, said: str) -> None:
        """Announce that a unit is not what its profile describes, or ("") that it is now."""
        stamp = self._clock.stamp()
        found = identity.judge(self._identities[unit.name], said, stamp.boottime_ns / 1e9)
        self._site_alarms.found(unit.name, stamp, found)

    def _mismatched(self, unit: str) -> bool:
        standing = self._identities[unit].standing()
        return any(alarm.said and alarm.said.detector == "identity" for alarm in standing)

    def exchanged(self, unit: Unit, said: str) -> None:
        """Announce that a unit was exchanged; drop what was learned of the old one."""
        stamp = self._clock.stamp()
        self._schemas.pop(unit.name, None)
        self.latest.pop(unit.name, None)
        self.restart_state.forget(unit.name)
        found = identity.exchanged(self._exchanges[unit.name], said, stamp.boottime_ns / 1e9)
        self._site_alarms.found(unit.name, stamp, found)

    def refuses(self, unit: Unit) -> None:
        """Keep what a unit refuses, and announce the safety points among that."""
        stamp = self._clock.stamp()
        self.restart_state.refused.take(unit.name, unit.learned.to_plain(stamp.utc_ns))
        if unit.connection is None:
            return
        layout = unit.connection.layout
        lacking = [f"{value.label} ({value.span})" for value in unit.learned.lacking(layout)]
        safety = sum(value.poll is Poll.SAFETY for value in layout.values)
        found = refused.judge(self._refused[unit.name], lacking, safety, stamp.boottime_ns / 1e9)
        self._site_alarms.found(unit.name, stamp, found)

    def first_days(self, unit: str, utc_s: float | None = None) -> dict[str, Any] | None:
        """Return what the status says of the first days of a unit; None: it has none, or they are over."""
        first = self._first_days.get(unit)
        now_s = self._clock.stamp().utc_ns / 1e9 if utc_s is None else utc_s
        return first.report(now_s) if first else None

    def look_around(self, buses: Iterable[Bus]) -> None:
        """Judge which units are out of sight, and which fell silent together; let first days end."""
        stamp = self._clock.stamp()
        now_s = stamp.boottime_ns / 1e9
        for name in self._first_days.keys() & self._judges.keys():
            self._judges[name].watch.hasten(self.first_days(name, stamp.utc_ns / 1e9) is not None)
        on = [(bus, unit) for bus in buses for unit in bus.units]
        self._awake.look(now_s)
        asked = {u.name: Asked(bus.name, u.unit_id, u.profile.model, serial_of(u.marks)) for bus, u in on}
        self._site_alarms.found(SITE, stamp, self._doubles.judge(now_s, asked))
        contacts = {unit.name: self._contact(bus, unit, now_s) for bus, unit in on}
        for name, event in self._together.judge(now_s, contacts):
            self._site_alarms.found(name, stamp, [event])
        listed = self._together.listed(contacts)
        for bus, unit in on:
            why = printable(bus.trouble or unit.trouble) or "it answers, but not with all its safety points"
            mismatched, limit_s = self._mismatched(unit.name), blind_s(unit.pace_s)
            named = mismatched or unit.name in listed or not contacts[unit.name].fair
            part = self._judged_age_s(unit.name, now_s) <= limit_s / 2  # not merely its last words
            said = self._unseen[unit.name].judge(now_s, unit.heard_s, limit_s, why, named=named, part=part)
            self._site_alarms.found(unit.name, stamp, said)
            self.restart_state.in_vain_s[unit.name] = (
                0.0 if mismatched else self._unseen[unit.name].in_vain_s(now_s)
            )
        self._site_alarms.sights((unit.name, self.known(unit, now_s)) for _, unit in on)
        self._site_alarms.unshelve_due()

    def _contact(self, bus: Bus, unit: Unit, now_s: float) -> UnitContact:
        unseen = self._unseen[unit.name]
        return UnitContact(
            unit.heard_s,
            unit.pace_s,
            bus.name,
            host=self._hosts.get(bus.name, ""),
            trouble=printable(bus.trouble),
            unseen_s=unseen.for_s(now_s),
            lost=unseen.lost(now_s),
            fair=self._awake.fair(unit.pace_s, now_s),
            alone=bool(unseen.book.standing()) or self._mismatched(unit.name),
        )

    def look(self, unit: str, event: AlarmEvent, fresh_s: float, now_s: float) -> Present:
        """Return the present value at the place of an alarm of a unit."""
        judges = self._judges.get(unit)
        ahead = judges.watch.forecast(event) if judges else None
        return present(event, self.latest.get(unit), fresh_s, now_s, ahead)

    def learning(self, unit: str) -> dict[str, Any] | None:
        """Return what a unit's detectors began with, and how many channels they judge; None: not yet."""
        judges = self._judges.get(unit)
        if judges is None:
            return None
        origin, found = self.restart_state.origin(unit), judges.watch.learning()
        kinds = {kind: said.as_json() for kind, said in found.items()}
        return {**asdict(origin), **asdict(total(found)), "kinds": kinds}

    def left_s(self, unit: str) -> Floats | None:
        """Return for how long each value of a unit is learned still, see `UnitDetectors.left_s`."""
        judges = self._judges.get(unit)
        return judges.watch.left_s() if judges else None

    def known(self, unit: Unit, now_s: float) -> Knowledge:
        """Say how much is known of a unit now."""
        judges, latest = self._judges.get(unit.name), self.latest.get(unit.name)
        age_s = None if unit.heard_s is None else now_s - unit.heard_s
        quality = latest.frame.quality if latest else None
        liveness = judges.liveness.state() if judges else None
        empty = latest is not None and bool(latest.layout.empty)
        judged_age_s = math.inf if empty else self._judged_age_s(unit.name, now_s)
        limited = judges is None or not judges.watch.limit_notes.unknown
        return knowledge(age_s, unit.pace_s, quality, liveness, judged_age_s, limited)

    def age_s(self, unit: Unit, now_s: float) -> float | None:
        """Return the age of a unit's last whole reading, of the part that is read where it is PARTIAL for not
        being read whole; None: there is neither.
        """
        age_s = None if unit.heard_s is None else now_s - unit.heard_s
        whole = age_s is not None and age_s <= blind_s(unit.pace_s)
        if whole or self.known(unit, now_s) is not Knowledge.PARTIAL:
            return age_s
        return self._judged_age_s(unit.name, now_s)

    def limits(self, unit: str) -> dict[str, Any] | None:
        """Return what the status says of the limits of a unit; None: not yet known."""
        judges = self._judges.get(unit)
        return judges.watch.limit_notes._asdict() if judges else None

    def watched(self, unit: Unit, now_s: float) -> bool:
        """Say whether a unit tells anything that is judged."""
        return self._judged_age_s(unit.name, now_s) <= blind_s(unit.pace_s)

    def _judged_age_s(self, unit: str, now_s: float) -> float:
        """Return the age of the youngest good value that anything judges; infinite: there is none."""
        judges, latest = self._judges.get(unit), self.latest.get(unit)
        if judges is None or latest is None:
            return math.inf
        return float(now_s - np.max(latest.last.at_s[judges.judged], initial=-math.inf))
