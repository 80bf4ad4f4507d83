"""The buffer itself: opened, sealed into by one commit at a time, read for its upstreams, and begun anew
where its database or its files are lost.

Its parts: the files (`opened`), rows and priorities (`sealing`, `ledger`), the upstreams' word (`delivery`),
what the buffer says of itself (`buffer_alarms`), events until they are delivered (`under_way`). The page of
this package says what holds, and in which order things are written.
"""

import contextlib
import logging
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from agent.store import queries
from agent.store.account import Account, BufferSettings, Exposure
from agent.store.buffer_alarms import BufferAlarms, MakeAlarm
from agent.store.capacity import SMALL_BYTES, Full, fullness, keep_below, keep_history_below
from agent.store.carry import Left
from agent.store.cursor import Cursor
from agent.store.cursors import name_upstreams
from agent.store.database import quarantine
from agent.store.delivery import Delivery
from agent.store.errors import ERRORS, Exchanged, StoreError, implausible, is_damage, is_full, opening_failed
from agent.store.intervals import Stretch
from agent.store.intervals import insert as insert_intervals
from agent.store.ledger import Event, Identity, Ledger
from agent.store.open_batch import OpenBatch
from agent.store.opened import Opened
from agent.store.outgoing import PendingBatch, first_of, in_order
from agent.store.renumber import HIGHEST, forgotten_at_most, renumber
from agent.store.salvage import Salvage, salvage
from agent.store.sealing import Sealing, needed_bytes
from agent.store.transaction import transaction
from agent.store.under_way import EventsUnderWay
from agent.store.upstream import Upstream
from agent.store.vintage import mark
from agent.wire.errors import WireError
from agent.wire.ranges import Ranges

log = logging.getLogger(__name__)

#: Why batches will never come, as gap records say it.
FORGOTTEN = "forgotten by the buffer"
BEYOND_BOUND, RESTORED = "its sequences went beyond their bound", "an older image of the buffer was restored"


class Store:
    """One agent's buffer, for one upstream or several, each asked for by its name.

    `make_alarm` makes the events of an alarm that the buffer raises about itself. `last_sequence`: the last
    that was drawn; `opened_at`: what it was when the database was opened. `full`: whether it drops, as of the
    last commit.
    """

    def __init__(
        self,
        path: Path,
        agent: str,
        boot_id: bytes,
        upstreams: Sequence[Upstream],
        make_alarm: MakeAlarm,
        settings: BufferSettings | None = None,
    ) -> None:
        self.path = path
        self._names, self._upstreams = (agent, boot_id), tuple(upstreams)
        self._settings = settings or BufferSettings()
        self._own = BufferAlarms(path, make_alarm)
        self._under_way = EventsUnderWay()
        self._schemas: dict[bytes, bytes] = {}  # of this process, for a database that must begin anew
        self._new_schemas: dict[bytes, bytes] = {}  # for the next commit, as the next
        self._new_intervals: list[Stretch] = []
        self.full: Full | None = None
        try:
            self._opened = Opened(path, self._settings.max_bytes)
            with contextlib.ExitStack() as undo:
                undo.callback(self._opened.lock.release)
                self._open()
                undo.pop_all()
        except (*ERRORS, OSError) as error:
            raise opening_failed(path, error) from error
        self._opened.ballast.take()
        if self._own.waiting:  # before anything else can go wrong
            with contextlib.suppress(StoreError):
                self.seal(())

    @property
    def _db(self) -> sqlite3.Connection:
        return self._opened.db

    @property
    def epoch(self) -> bytes:
        """The random name of this database."""
        return self._who.epoch

    @property
    def unsaid(self) -> Collection[Event]:
        """What the buffer has to say of itself and is not on disk yet."""
        return self._own.waiting

    # ---- a database is opened, or begun in place of another

    def _open(self) -> None:
        """Open the database; put a damaged one aside and begin anew."""
        opened, is_new = self._opened, not self.path.exists()
        try:
            opened.connect()
        except ERRORS as error:
            if is_damage(error):
                return self._begin_anew(str(error), Salvage(opened.lock.epoch))
            if not is_full(error) or not opened.ballast.release():
                raise
            opened.connect()
        if is_new:
            mark(self._db)
        self._take_over()

    def _take_over(self) -> None:
        """Go on with the database that is open now; nothing of the last one counts any more."""
        self._who = Identity.of(self._db, *self._names)
        self._read_state()
        if (beyond := self.last_sequence) > HIGHEST and self._renumber(BEYOND_BOUND):
            self._own.renumbered(beyond)
        self.opened_at = self.last_sequence
        self._sealing = Sealing(self._settings)
        self._new_schemas = dict(self._schemas)
        self._under_way.begin()
        self._left: Left | None = None  # of exchanged files, until a new database is begun
        self._opened.lock.note(self.epoch)
        self._opened.watch()  # last: what was written until here is this agent's

    def _read_state(self) -> None:
        self.last_sequence = Ledger(self._db, self._who).last_sequence
        cursors = name_upstreams(self._db, self._upstreams)
        self._deliveries = {c.upstream.name: Delivery(c, self.last_sequence) for c in cursors}

    def name_upstreams(self, upstreams: Sequence[Upstream]) -> None:
        """Be for these upstreams from now on. Raises StoreError where the disk refused: nothing changes."""
        try:
            self.seal(())  # what those have said that were named until now
            cursors = name_upstreams(self._db, upstreams)
        except ERRORS as error:
            raise StoreError(f"{self.path}: {error}") from error
        finally:
            self._opened.files.note()
        self._upstreams = tuple(upstreams)
        self._deliveries = {
            cursor.upstream.name: self._going_on(cursor) or Delivery(cursor, self.last_sequence)
            for cursor in cursors
        }

    def _going_on(self, cursor: Cursor) -> Delivery | None:
        """Return what an upstream has said that was named before, as it is named now."""
        delivery = self._deliveries.get(cursor.upstream.name)
        if delivery:
            delivery.cursor = cursor
        return delivery

    def _renumber(self, why: str) -> bool:
        """Begin a new epoch in the same database; return whether that went well, and the database is read."""
        cursors = [delivery.cursor for delivery in self._deliveries.values()]
        try:
            self._who = renumber(self._db, self._who, cursors, why)
        except (*ERRORS, OverflowError) as error:  # no room for it, perhaps
            self._db.close()
            self._begin_anew(str(error), Salvage(self.epoch))
            return False
        self._read_state()
        self._nobody_knows()
        return True

    def _nobody_knows(self) -> None:
        """Take note that no upstream can know this epoch yet."""
        for delivery in self._deliveries.values():
            delivery.asked = True

    def _begin_anew(self, damage: str, known: Salvage) -> None:
        """Put a damaged database aside, and account for it in a new one, under a new epoch."""
        aside = quarantine(self.path)
        found = salvage(aside)
        self._opened.connect()
        self._take_over()
        self._nobody_knows()
        self._own.damaged(" ".join(damage.split())[:200], aside, known, found)

    def look(self) -> bool:
        """Begin anew where the files were exchanged since the last commit, and return whether they were.

        Raises StoreError where that cannot be done; until it is, nothing is sealed.
        """
        try:
            self._opened.check()
        except Exchanged as exchanged:
            self._replace(exchanged)
            return True
        return False

    def _replace(self, exchanged: Exchanged) -> None:
        """Begin anew, under a new epoch: the open files may be in another's hands, and what is written into
        them now may never be found. What was not delivered is taken over as far as it can be read.
        """
        if self._left is None:  # else the last try failed: what is left is what was left then
            known = [(delivery.cursor.upstream, delivery.known()) for delivery in self._deliveries.values()]
            self._left = Left(self._db, self._who, self.last_sequence, known, self._under_way.events)
        left = self._left
        left.intact = left.intact and exchanged.intact
        try:
            moved = self._opened.begin_beside(left, partial(self._own.exchanged, exchanged))
        except (*ERRORS, OSError, StoreError) as error:
            self._own.not_begun(exchanged, error)
            raise StoreError(f"{self.path}: {exchanged}; no new one can be begun: {error}") from error
        self._take_over()
        self._own.waiting = []  # the new database has it
        self._nobody_knows()
        self._under_way.move(left.who.epoch, left.said, moved, self.epoch)
        with contextlib.suppress(sqlite3.Error):
            left.db.close()  # SQLite sees that its file has moved, and leaves the WAL of that name alone

    def close(self) -> None:
        """Store what waits for a commit, and close."""
        try:
            self.look()
            if any(d.waits for d in self._deliveries.values()) or self._own.waiting or self._new_intervals:
                self.seal(())
        finally:
            self._opened.close()

    # ---- commits

    def add_schema(self, digest: bytes, body: bytes) -> None:
        """Keep the description of a unit's values under its hash, on disk with the next commit."""
        if digest not in self._schemas:
            self._schemas[digest] = self._new_schemas[digest] = body

    def add_intervals(self, stretches: Iterable[Stretch]) -> None:
        """Keep how often units were read, on disk with the next commit."""
        self._new_intervals += stretches

    def seal(
        self,
        batches: Sequence[OpenBatch],
        events: Sequence[Event] = (),
        snapshots: Mapping[str, bytes] | None = None,
    ) -> None:
        """Put open batches, events and what is kept over a restart on disk, in one synchronous transaction.

        What the upstreams said since the last one goes with it. Raises StoreError where the disk refused;
        then nothing was sealed and the caller keeps everything.
        """
        commit = partial(self._commit, batches, events, snapshots or {})
        try:
            commit()
        except ERRORS as error:
            try:
                self._mend(error)
                commit()
            except (*ERRORS, OSError) as again:
                raise StoreError(f"{self.path}: {again}") from again
        self._opened.ballast.take()

    def _mend(self, error: Exception) -> None:
        """Do what may let the commit succeed when it is tried again; else raise."""
        if isinstance(error, Exchanged):
            return self._replace(error)
        if self.look():  # the error may have come from another's files
            return
        if is_damage(error):
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
            self._begin_anew(str(error), Salvage(self.epoch, self.last_sequence))
        elif is_full(error) and self._opened.ballast.release():
            log.error("%s: the disk is full; the oldest batches will be dropped", self.path)
            self._db.execute("PRAGMA wal_checkpoint(RESTART)")
            self._opened.files.note()
        else:
            raise error

    def _commit(
        self, batches: Sequence[OpenBatch], events: Sequence[Event], snapshots: Mapping[str, bytes]
    ) -> None:
        """Write everything that waits, in the order that the page of this package gives; then forget it."""
        low = self._opened.disk_is_low()
        events = [*self._own.waiting, *events]
        need = needed_bytes(batches, len(events), snapshots)
        with self._transaction() as ledger:
            lost = {name: delivery.write(ledger) for name, delivery in self._deliveries.items()}
            if low:  # before the inserts, which then need no new pages
                keep_below(ledger, max(SMALL_BYTES, self._opened.size_bytes()) - need, "disk full")
            keep_below(ledger, self._settings.max_bytes - need, "buffer full")
            self._db.executemany("INSERT OR IGNORE INTO schema VALUES (?, ?)", self._new_schemas.items())
            insert_intervals(self._db, self._new_intervals)
            sealed = self._sealing.insert(ledger, batches, events)
            ledger.keep_snapshots(snapshots)
            keep_history_below(ledger, self._settings.history_bytes)
            keep_below(ledger, self._settings.max_bytes, "buffer full")
            self.full = fullness(ledger, self._settings.max_bytes, self._opened.size_bytes() if low else None)
        self._own.waiting, self._new_schemas, self._new_intervals = [], {}, []
        for name, (stored, gone) in lost.items():
            self._deliveries[name].written(stored)
            self._own.lost_by_collector(name, stored.count, gone.count)
            self._under_way.lose(name, self.epoch, Ranges([*stored, *gone]))
        self._under_way.sealed(self.epoch, sealed)
        self._sealing.committed()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Ledger]:
        with transaction(self._opened, self._who, self._deliveries.values()) as ledger:
            yield ledger
        self.last_sequence = ledger.last_sequence

    # ---- an upstream's word

    def apply_acknowledgement(
        self, upstream: str, epoch: bytes, held: Collection[int], refused: Mapping[int, str]
    ) -> None:
        """Take an upstream's word on batches that it was sent; it reaches the disk with the next commit."""
        delivery = self._deliveries.get(upstream)
        if epoch != self.epoch or not delivery:  # this buffer began anew meanwhile, or is no more for it
            return
        delivery.hear(held, refused)
        required = [d for d in self._deliveries.values() if d.cursor.upstream.required]
        settled = [s for s in (*held, *refused) if all(d.has(s) for d in required)]
        self._under_way.settle(upstream, epoch, held, refused, settled)

    def name_missing(self, upstream: str, epoch: bytes, held: Ranges) -> int:
        """Take an upstream's word on what it holds: what it had acknowledged and lost since is sent again.

        The next commit takes back that it was acknowledged. Return how many batches it names that were healed
        within the hour: they wait until that is over.
        """
        delivery = self._deliveries.get(upstream)
        if epoch != self.epoch or not delivery:
            return 0
        withheld = self.withheld(upstream)
        # no frames come, so nothing else makes a commit
        if delivery.missing(held, withheld, self.last_sequence):
            self.seal(())
        return delivery.healing.again

    def reconcile(self, upstream: str, epoch: bytes, held: Ranges, utc_s: float | None = None) -> None:
        """Compare with what an upstream holds of an epoch: before this process sends it anything, and after.

        Where it holds what this buffer never heard of, this is an older copy of itself: an image restored, or
        a disk that lost what it had promised to keep. Once it then goes on above that, by no more than it can
        have sealed. Raises Implausible where that cannot be, StoreError where the disk refused.
        """
        delivery = self._deliveries.get(upstream)
        if epoch != self.epoch or not delivery:  # this buffer began anew meanwhile, or is no more for it
            return
        known = self.last_sequence if delivery.asked else delivery.knows
        unknown = held.highest - known
        if unknown > 0:
            now_s = time.time() if utc_s is None else utc_s
            with self._reading():
                most = forgotten_at_most(self._db, self._settings.units, now_s)
            if delivery.asked or unknown > most or held.highest > HIGHEST:
                raise implausible(held.highest, self.last_sequence, unknown)
            self._rejoin(delivery, unknown, held)
        elif not delivery.asked:
            self._first_word(delivery, held)
        delivery.asked = True

    def _first_word(self, delivery: Delivery, held: Ranges) -> None:
        """Take what an upstream holds, before this process sends it anything.

        What waits here is sent all the same: only its bytes show whether a clone of this agent sent others.
        """
        cursor = delivery.cursor
        if cursor.forgotten.count or cursor.withheld.whole.both(held).count:
            with self._changing() as ledger:
                ledger.remember(delivery.name, held, FORGOTTEN)

    def _rejoin(self, delivery: Delivery, forgotten: int, held: Ranges) -> None:
        """Go on above what an upstream holds; under a new epoch where another one may have been sent other
        batches of the same numbers since.
        """
        if delivery.cursor.forgotten.count or any(d.asked for d in self._deliveries.values()):
            delivery.hold(held)
            self.seal(())  # what they hold is not to be sent under another name
            if self._renumber(RESTORED):
                self._own.renumbered_image(delivery.name, forgotten)
            return
        with self._changing() as ledger:
            ledger.rejoin(delivery.knows, delivery.name, held, FORGOTTEN)
            for event in self._own.rolled_back(forgotten):
                ledger.seal_event(event)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Ledger]:
        """A transaction for an upstream's word; what goes wrong is a StoreError."""
        try:
            with self._transaction() as ledger:
                yield ledger
        except (*ERRORS, WireError) as error:
            raise StoreError(f"{self.path}: {error}") from error

    # ---- reading

    def pending(
        self,
        upstream: str,
        max_batches: int,
        max_bytes: int,
        fresh_after: int = 0,
        backlog: bool = True,
        aside: Iterable[int] = (),
        only_alarms: bool = False,
        heal: bool = True,
    ) -> tuple[bytes, list[PendingBatch]]:
        """Return the epoch, and what an upstream lacks in the order of sending; the first whatever its size.

        Alarms, the black box, what was sealed after `fresh_after`, and then, where `backlog`, the rest; where
        `heal`, what the upstream lost again, in its places; none of those that are put `aside`.
        """
        delivery = self._deliveries.get(upstream)
        if not delivery:
            return self.epoch, []
        known, healing = delivery.known(aside), delivery.healing.ranges
        known, healing = (known, healing) if heal else (Ranges([*known, *healing]), Ranges())
        with self._reading():
            batches = in_order(
                self._db, known, self.last_sequence, fresh_after, backlog, max_batches, only_alarms, healing
            )
            return self.epoch, first_of(batches, max_batches, max_bytes)

    def withheld(self, upstream: str) -> Ranges:
        """Return the sequences that an upstream is not to have."""
        delivery = self._deliveries.get(upstream)
        if not delivery:
            return Ranges()
        with self._reading():
            return delivery.withheld(self._db, self.last_sequence)

    def accounts(self) -> dict[str, Account]:
        """Return the account of each upstream, what waits for the next commit included."""
        with self._reading():
            return {name: queries.account(self._db, delivery) for name, delivery in self._deliveries.items()}

    def exposure(self) -> Exposure:
        """Return how much of the frames on this disk is in no other place, and in which it is missing."""
        with self._reading():
            return queries.exposure(self._db, list(self._deliveries.values()), self.last_sequence)

    def account(self, upstream: str) -> Account:
        """Return the account of an upstream, what waits for the next commit included."""
        with self._reading():
            return queries.account(self._db, self._deliveries[upstream])

    def schemas(self, digests: Iterable[bytes]) -> list[bytes]:
        """Return the descriptions with these hashes."""
        with self._reading():
            return queries.schemas(self._db, digests)

    def known_schemas(self) -> set[bytes]:
        """Return the hashes of all descriptions."""
        with self._reading():
            return queries.schema_hashes(self._db)

    def snapshots(self) -> dict[str, bytes]:
        """Return what is kept over a restart, by name, as last sealed; see `agent.runtime.restart_state`."""
        with self._reading():
            return queries.snapshots(self._db)

    def clock_offset_ns(self) -> int | None:
        """Return UTC less boot time as it was last put on record for this boot."""
        with self._reading():
            return queries.clock_offset_ns(self._db, self._who.boot_id)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Make what goes wrong with reading a StoreError; a damaged database begins anew at once."""
        try:
            yield
        except ERRORS as error:
            with contextlib.suppress(*ERRORS, OSError):
                if is_damage(error):
                    self._mend(error)
            raise StoreError(f"{self.path}: {error}") from error
