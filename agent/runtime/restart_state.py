"""What outlives the agent: the alarms of each unit, and what its detectors had learned.

Alarms are small, and go to disk with the commit that follows any change of them: what a person acknowledged
or shelved is so after a power cut too. What was learned is large, and goes at every orderly stop, and else
seldom: flash wears out. Both are rows of the buffer, in commits that are made anyway.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from agent.alarms.site import SiteAlarms
from agent.clock import Clock, Passed, Stamp, passed
from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import AlarmEvent
from agent.detect.unit import Kept, Standing, UnitJudges
from agent.runtime.snapshot import BadSnapshot, Snapshot
from agent.wire.packing import pack

log = logging.getLogger(__name__)

ALARMS, STATE = "alarms", "state"  # what rows are called after a colon, which no unit's name has in it
OWN = "own"  # what the agent says of itself, among the books of the site
OLDEST_S = 30 * 86_400.0  # what batteries were like longer ago says little about them now
UNKNOWN_S = (
    4 * 3600.0
)  # a silence of unknown length is taken for one of at least so long: no lag reaches over it
#: A state goes to disk again when a quarter more is learned, but not within the one, and after the other.
QUARTER, OFTEN_S, SELDOM_S = 0.25, 3600.0, 86_400.0
_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a unit's detectors began with: since when they learn (UTC), of when the state they took up
    was (0: none), and the same in words.
    """

    since_utc_ns: int
    kept_utc_ns: int
    said: str


@dataclass(frozen=True, slots=True)
class _Before:
    """What was learned by predecessors of a unit's judges."""

    kept: Kept
    since_utc_ns: int
    stamp: Stamp
    boot_id: bytes


class Keeping:
    """Takes what was kept, gives it to a unit's judges once its layout is known, and says what is to be kept.

    rows: as they were on disk. It is the `Keeper` of a recorder.
    """

    def __init__(self, rows: Mapping[str, bytes], site_alarms: SiteAlarms, clock: Clock) -> None:
        self.origins: dict[str, Origin] = {}
        self.marks: dict[str, dict[str, str | int | float]] = {}  # what told each unit from others
        #: For how long units were looked for in vain. An agent that starts again and again, more often than
        #: one is called blind, would never call one so.
        self.in_vain_s: dict[str, float] = {}
        self._site_alarms, self._clock = site_alarms, clock
        self._before: dict[str, dict[str, _Before]] = {}  # by unit and layout
        self._standing: dict[str, Standing] = {}  # of units without judges yet
        self._trouble: dict[str, str] = {}
        self._names = set(rows)  # of rows on disk
        self._judges: dict[str, UnitJudges] = {}
        self._written: dict[str, bytes] = {}  # alarms, as they are on disk
        self._due: dict[str, bytes] = {}
        self._due_s: dict[str, float] = {}
        self._everything = False
        for name, blob in rows.items():
            if name.rpartition(":")[0] in site_alarms.units:
                self._read(name, blob)

    # ---- what was kept

    def _read(self, name: str, blob: bytes) -> None:
        unit, _, kind = name.rpartition(":")
        try:
            found, now = Snapshot.from_bytes(blob), self._clock.stamp()
            if found.stamp.simulated != now.simulated:
                raise BadSnapshot("of another kind of time: simulated and real do not meet")
            if kind == STATE:
                content = found.content
                self.marks[unit] = content.get("marks", {})  # version 0.1.0 kept none
                before = _Before(Kept(**content["kept"]), content["since_utc_ns"], found.stamp, found.boot_id)
                self._before.setdefault(unit, {})[before.kept.layout] = before
            elif kind == ALARMS:
                self._take_alarms(unit, found, self._later_s(found, now))
        except _UNREADABLE as error:  # BadSnapshot is one
            said = str(error) if isinstance(error, BadSnapshot) else f"not readable ({error!r})"
            log.error("%s: what was kept of its %s is %s, and is not used", unit or "site", kind, said)
            if kind == STATE:
                self._trouble[unit] = f"the state that was kept is {said}"

    def _later_s(self, found: Snapshot, now: Stamp) -> float:
        """How much later by this clock is what has the time `found`."""
        since = passed(found.stamp, found.boot_id, now, self._clock.boot_id)
        return (now.boottime_ns - found.stamp.boottime_ns) / 1e9 - since.seconds

    def _take_alarms(self, unit: str, found: Snapshot, later_s: float) -> None:
        books: dict[str, AlarmBook] = {}
        own = found.content["books"].pop(OWN, []), found.content["own"]
        for name, plain in found.content["books"].items():
            books[name] = AlarmBook()
            books[name].from_plain(plain, later_s)
        self.in_vain_s[unit] = float(found.content.get("in_vain_s", 0.0))
        if found.content["standing"]:
            standing = Standing(**found.content["standing"])
            shadow = AlarmBook()
            shadow.from_plain(standing.shadow, later_s)
            self._standing[unit] = replace(standing, shadow=shadow.to_plain())
        self._site_alarms.own.take(*own, later_s)
        self._site_alarms.watch(unit, books)
        if active := self._site_alarms.active(unit):
            log.warning("%s: %d alarms from before the restart are not over", unit or "site", len(active))
        self._written[unit] = b"" if later_s else self._alarms(unit)

    def book(self, unit: str, name: str) -> AlarmBook:
        """Return a book of a unit that was kept, or an empty one."""
        return self._site_alarms.books(unit).get(name) or AlarmBook()

    # ---- taken up

    def begin(self, unit: str, judges: UnitJudges) -> list[AlarmEvent]:
        """Give the new judges of a unit what was kept of it; return what alarms are over by that."""
        now = self._clock.stamp()
        if old := self._judges.get(unit):
            since_utc_ns = self.origins[unit].since_utc_ns
            learned = old.learned()
            if learned.t_s == learned.t_s:  # it has judged something
                held = self._before.setdefault(unit, {})
                held[old.layout] = _Before(learned, since_utc_ns, now, self._clock.boot_id)
            self._standing[unit] = old.standing()
        self.origins[unit] = self._learned(unit, judges, now)
        self._judges[unit] = judges
        self._due_s.setdefault(unit, self._next_s(unit, now))
        log.info("unit %s: %s", unit, self.origins[unit].said)
        return self._stood(unit, judges, now)

    def _learned(self, unit: str, judges: UnitJudges, now: Stamp) -> Origin:
        held = self._before.get(unit, {})
        before = held.pop(judges.layout, None)
        if before is None:
            other = "the state that was kept is of other values" if held else "no state was kept"
            return _anew(now, self._trouble.pop(unit, other))
        since = passed(before.stamp, before.boot_id, now, self._clock.boot_id)
        if since.seconds > OLDEST_S:
            return _anew(now, f"the state that was kept is {since.seconds / 86_400:.0f} days old")
        try:
            unfit = judges.take_up(before.kept, _last_s(before, since, now), since.sure)
        except _UNREADABLE as error:
            return _anew(now, f"the state that was kept is not readable ({error!r})")
        kept, learned = _utc(before.stamp.utc_ns), _utc(before.since_utc_ns)
        said = f"goes on with the state of {kept}, learned since {learned}"
        if unfit:
            said += f"; learning anew: {', '.join(unfit)}"
        return Origin(before.since_utc_ns, before.stamp.utc_ns, said)

    def _stood(self, unit: str, judges: UnitJudges, now: Stamp) -> list[AlarmEvent]:
        standing = self._standing.pop(unit, None)
        if standing is None:
            return []
        return judges.stand_again(self._site_alarms.books(unit), standing, now.boottime_ns / 1e9)

    def expect(self, units: Iterable[str]) -> None:
        """Take the units that there are from now on; nothing is kept of others."""
        wanted = set(units)
        tables: tuple[dict[str, Any], ...] = (
            self._before, self._standing, self._judges, self._due_s, self.origins, self.marks,
            self.in_vain_s,
        )  # fmt: skip
        for known in tables:
            for gone in known.keys() - wanted:
                del known[gone]

    def forget(self, unit: str) -> None:
        """Drop what was learned of a unit: another one is there. Its alarms stay until they are over."""
        for known in (self._before, self._standing, self._judges):
            known.pop(unit, None)
        self._due_s[unit] = self._clock.boottime_s()  # what is on disk is the old one's

    # ---- to be kept

    def keep_all(self) -> None:
        """Let everything go to disk with the next commit: the agent stops."""
        self._everything = True

    def due(self) -> Mapping[str, bytes]:
        """Return what is to be kept now; the state of one unit at most, so that no poll waits for many."""
        now = self._clock.stamp()
        self._due = {unit: self._alarms(unit) for unit in self._site_alarms.units}
        rows = {
            f"{unit}:{ALARMS}": self._row(self._content(unit), now) if content else b""
            for unit, content in self._due.items()
            if content != self._written.get(unit, b"") or (not content and f"{unit}:{ALARMS}" in self._names)
        }
        for unit in self._states_due(now.boottime_ns / 1e9):
            kept = self._judges[unit].learned()
            if kept.t_s == kept.t_s:
                content = {
                    "since_utc_ns": self.origins[unit].since_utc_ns,
                    "kept": asdict(kept),
                    "marks": self.marks.get(unit, {}),
                }
                rows[f"{unit}:{STATE}"] = self._row(content, now)
        for name in self._names:
            if name.rpartition(":")[0] not in self._due:
                rows[name] = b""
        return rows

    def _states_due(self, now_s: float) -> list[str]:
        if self._everything:
            return [unit for unit in self._judges if not self._foreign(unit)]
        late = [(s, unit) for unit, s in self._due_s.items() if s <= now_s and not self._foreign(unit)]
        return [min(late)[1]] if late else []

    def _foreign(self, unit: str) -> bool:
        """Is another battery there than the one whose state is held, which it must not push from disk."""
        return bool(self._before.get(unit)) and not self.book(unit, "identity").empty()

    def written(self, kept: Mapping[str, bytes]) -> None:
        """Take note of what is on disk now."""
        self._written = self._due
        self._names = (self._names | {n for n, row in kept.items() if row}) - {
            n for n, row in kept.items() if not row
        }
        now = self._clock.stamp()
        for unit in (name.removesuffix(f":{STATE}") for name in kept if name.endswith(f":{STATE}")):
            if unit in self._due_s:
                self._due_s[unit] = self._next_s(unit, now)

    def anew(self) -> None:
        """Take note that the buffer had to begin anew: all goes to disk again, unit by unit."""
        self._written = {}
        self._due_s = dict.fromkeys(self._due_s, 0.0)

    def _next_s(self, unit: str, now: Stamp) -> float:
        """When the state of a unit is to go to disk again, by this clock."""
        learned_s = (now.utc_ns - self.origins[unit].since_utc_ns) / 1e9
        return now.boottime_ns / 1e9 + min(max(QUARTER * learned_s, OFTEN_S), SELDOM_S)

    def _row(self, content: dict[str, Any], now: Stamp) -> bytes:
        return Snapshot(content, now, self._clock.boot_id).to_bytes()

    def _alarms(self, unit: str) -> bytes:
        """Return the alarms of a unit, to be compared with what is on disk; b"": there are none."""
        books = self._site_alarms.books(unit).values()
        judges = self._judges.get(unit)
        shadow = judges and not judges.watch.shadow_book.empty()
        quiet = all(book.empty() for book in books) and not shadow and not self.in_vain_s.get(unit)
        return b"" if quiet and (unit or not self._site_alarms.own.active()) else pack(self._content(unit))

    def _content(self, unit: str) -> dict[str, Any]:
        judges = self._judges.get(unit)
        standing = judges.standing() if judges else self._standing.get(unit)
        books = {
            name: book.to_plain() for name, book in self._site_alarms.books(unit).items() if not book.empty()
        }
        if not unit and (own := self._site_alarms.own.to_plain()):
            books[OWN] = own
        # "own": for version 0.1.0, which takes those in `books` for alarms of the site
        return {
            "books": books,
            "own": [],
            "standing": standing and asdict(standing),
            "in_vain_s": self.in_vain_s.get(unit, 0.0),
        }


def _anew(now: Stamp, why: str) -> Origin:
    return Origin(now.utc_ns, 0, f"learning anew: {why}")


def _last_s(before: _Before, since: Passed, now: Stamp) -> float:
    """Return when the last frame was, by this clock."""
    unheard_s = max(before.stamp.boottime_ns / 1e9 - before.kept.t_s, 0.0)
    silent_s = since.seconds if since.sure else max(since.seconds, UNKNOWN_S)
    return now.boottime_ns / 1e9 - silent_s - unheard_s


def _utc(utc_ns: int) -> str:
    return datetime.fromtimestamp(utc_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
