"""The buffer itself: one commit at a time, what the upstream is sent, and a new epoch where files are lost.

Its parts: the files (`opened`), rows and priorities (`sealing`, `ledger`), the upstream's word (`delivery`).
The page of this package says what holds, and in which order things are written.
"""

import contextlib
import json
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from agent.store.account import Account, BufferSettings
from agent.store.ballast import BALLAST_BYTES
from agent.store.carry import Left
from agent.store.database import quarantine
from agent.store.delivery import Delivery
from agent.store.errors import ERRORS, Exchanged, Implausible, StoreError, is_damage, is_full, opening_failed
from agent.store.intervals import Stretch
from agent.store.intervals import insert as insert_intervals
from agent.store.ledger import Event, Identity, Ledger
from agent.store.open_batch import OpenBatch
from agent.store.opened import Opened
from agent.store.outgoing import PendingBatch, in_order
from agent.store.receipt import Receipt
from agent.store.renumber import HIGHEST, forgotten_at_most, renumber
from agent.store.salvage import Salvage, salvage
from agent.store.sealing import Sealing, needed_bytes
from agent.store.vintage import mark
from agent.wire.errors import WireError
from agent.wire.limits import DEFAULT_LIMITS
from agent.wire.ranges import Ranges

log = logging.getLogger(__name__)

FREED_AT_ONCE = 256 * 1024  # so that a full buffer does not drop, and report, with every commit
SMALL_BYTES = BALLAST_BYTES // 2  # below this the database may grow though the disk is low
SAID_MOST = 1000  # events kept in memory for a buffer whose files are exchanged: 1 MB
CURE = "Find out what did it; stop the agent before its files are restored"

RECEIPTS_MOST = 100

Alarm = Callable[..., Sequence[Event]]


class Store:
    """One agent's buffer, for one upstream.

    `alarm(detector, text, severity=...)` makes the alarm that the buffer raises about itself.
    """

    def __init__(
        self,
        path: Path,
        agent: str,
        boot_id: bytes,
        upstream: str,
        alarm: Alarm,
        settings: BufferSettings | None = None,
    ) -> None:
        self.path = path
        self._alarm, self._settings = alarm, settings or BufferSettings()
        self._names = (agent, boot_id, upstream)
        self._schemas: dict[bytes, bytes] = {}  # of this process, for a database that must begin anew
        self._new_schemas: dict[bytes, bytes] = {}  # that go with the next commit
        self._unsaid: list[Event] = []  # what the buffer has to say of itself
        self._receipts: deque[Receipt] = deque(maxlen=RECEIPTS_MOST)
        self._said: dict[int, Event] = {}  # events of this process that the upstream does not hold yet
        self._new_intervals: list[Stretch] = []  # that go with the next commit
        try:
            self._opened = Opened(path, self._settings.max_bytes)
            try:
                self._open()
            except BaseException:
                self._opened.lock.release()
                raise
        except (*ERRORS, OSError) as error:
            raise opening_failed(path, error) from error
        self._opened.ballast.take()
        if self._unsaid:  # before anything else can go wrong
            with contextlib.suppress(StoreError):
                self.seal(())

    def _open(self) -> None:
        """Open the database; put a damaged one aside and begin anew."""
        opened, begun = self._opened, not self.path.exists()
        try:
            opened.connect()
        except ERRORS as error:
            if is_damage(error):
                return self._begin_anew(str(error), Salvage(opened.lock.epoch))
            if not is_full(error) or not opened.ballast.release():
                raise
            opened.connect()
        if begun:
            mark(self._db)
        self._take_over()

    def _take_over(self) -> None:
        """Read who this buffer is and how far it has come."""
        agent, boot_id, upstream = self._names
        db = self._db
        self._who = Identity.of(db, agent, boot_id, upstream)
        settled = db.execute("SELECT first, last FROM settled WHERE upstream = ? ORDER BY first", [upstream])
        self._delivery = Delivery(Ranges(settled))
        self.last_sequence = Ledger(db, self._who, self._delivery.settled).last_sequence
        self._reconciled = False
        if self.last_sequence > HIGHEST:
            self._renumber()
        self.opened_at = self.last_sequence
        self._opened.lock.note(self.epoch)
        self._sealing = Sealing(self._settings)
        self._new_schemas = dict(self._schemas)
        (healing,) = self._db.execute("SELECT healing FROM ledger WHERE name = ?", [upstream]).fetchone()
        self._delivery = Delivery(self._delivery.settled, json.loads(healing))
        self._said = {}
        self._left: Left | None = None
        self._opened.watch()

    def _renumber(self) -> None:
        """Begin a new epoch: an older version believed an answer that moved this buffer beyond all bounds."""
        text = (
            f"a collector had moved this buffer to sequence {self.last_sequence}, beyond the bound of"
            f" {DEFAULT_LIMITS.sequence}; a new epoch was begun, under which what was not delivered is sent."
            " Look at what answers under the URL of [upstream]"
        )
        log.critical("%s: %s", self.path, text)
        try:
            self._who = renumber(self._db, self._who, self._delivery.settled)
        except (*ERRORS, OverflowError) as error:  # no room for it, perhaps
            self._db.close()
            return self._begin_anew(str(error), Salvage(self.epoch))
        self._delivery = Delivery(Ranges())
        self.last_sequence = Ledger(self._db, self._who, Ranges()).last_sequence
        self._reconciled = True  # nobody can know this epoch yet
        self._unsaid += self._alarm("buffer_renumbered", text)

    def _begin_anew(self, damage: str, known: Salvage) -> None:
        """Put a damaged database aside, and account for it in a new one, under a new epoch."""
        aside, damage = quarantine(self.path), " ".join(damage.split())[:200]
        found = salvage(aside)
        self._opened.connect()
        self._take_over()
        self._reconciled = True  # nobody can know this epoch yet
        text = f"the buffer was damaged ({damage}) and is kept as {aside.name}; a new one was begun"
        log.critical("%s: %s", self.path, text)
        epoch = known.epoch or found.epoch
        if epoch:
            last = max(known.last_sequence, found.last_sequence if found.epoch == epoch else 0)
            record = {"kind": "gap", "ranges": [(1, last)] if last else [], "reason": "damaged buffer"}
            self._unsaid.append(Event("", {**record, "epoch": epoch}))
        self._unsaid += [*self._alarm("buffer_damaged", text), *found.alarms]

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
        if self._left is None:
            last = self.last_sequence
            wanted = Ranges([(1, last)] if last else []).minus(self._delivery.known())
            self._left = Left(self._db, self._who, last, wanted, self._said)
        left = self._left
        left.intact = left.intact and exchanged.intact
        try:
            moved = self._opened.begin_beside(left, self._exchange(exchanged))
        except (*ERRORS, OSError, StoreError) as error:
            self._exchange(exchanged)(f"no new one can be begun: {error}")
            raise StoreError(f"{self.path}: {exchanged}; no new one can be begun: {error}") from error
        self._take_over()
        self._said = {moved[s]: event for s, event in left.said.items() if s in moved}
        self._unsaid, self._reconciled = [], True  # nobody can know this epoch yet
        for receipt in self._receipts:
            receipt.move(left.who.epoch, moved, self.epoch)
        with contextlib.suppress(sqlite3.Error):
            left.db.close()  # it looks where its file is, and leaves what bears its name alone

    def _exchange(self, exchanged: Exchanged) -> Callable[[str], Sequence[Event]]:
        def tell(then: str) -> Sequence[Event]:
            text = f"the buffer's files were exchanged under the running agent ({exchanged}); {then}. {CURE}"
            log.critical("%s: %s", self.path, text)
            self._unsaid += self._alarm("buffer_exchanged", text)
            return self._unsaid

        return tell

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Ledger]:
        """One synchronous transaction, on disk when it is done: in the files that are found there again."""
        db, delivery = self._db, self._delivery
        self._opened.check()
        db.execute("BEGIN IMMEDIATE")
        try:
            ledger = Ledger(db, self._who, delivery.settled, delivery.healing.ranges)
            yield ledger
            ledger.save()
            db.execute("COMMIT")
            self._opened.files.check(written=False)
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                if db.in_transaction:  # a full disk may have rolled it back already
                    db.execute("ROLLBACK")
            raise
        finally:
            self._opened.files.note()
        delivery.committed(ledger)
        self.last_sequence = ledger.last_sequence

    @property
    def _db(self) -> sqlite3.Connection:
        return self._opened.db

    @property
    def unsaid(self) -> Collection[Event]:
        """What the buffer has to say of itself and is not on disk yet."""
        return self._unsaid

    @property
    def epoch(self) -> bytes:
        """The random name of this database."""
        return self._who.epoch

    def close(self) -> None:
        """Store what the upstream said last, and close."""
        try:
            self.look()
            if self._delivery.waits or self._unsaid or self._new_intervals:
                self.seal(())
        finally:
            self._opened.close()

    def add_schema(self, digest: bytes, body: bytes) -> None:
        """Keep the description of a unit's values under its hash, on disk with the next commit."""
        if digest not in self._schemas:
            self._schemas[digest] = self._new_schemas[digest] = body

    def add_intervals(self, stretches: Iterable[Stretch]) -> None:
        """Keep how often units were read, on disk with the next commit."""
        self._new_intervals += stretches

    def schemas(self, digests: Iterable[bytes]) -> list[bytes]:
        """Return the descriptions with these hashes."""
        select = "SELECT body FROM schema WHERE hash = ?"
        with self._reading():
            rows = [self._db.execute(select, [digest]).fetchone() for digest in set(digests)]
        return [row[0] for row in rows if row]

    def known_schemas(self) -> set[bytes]:
        """Return the hashes of all descriptions."""
        with self._reading():
            return {digest for (digest,) in self._db.execute("SELECT hash FROM schema")}

    def snapshots(self) -> dict[str, bytes]:
        """Return what is kept over a restart, by name, as last sealed; see `agent.runtime.restart_state`."""
        with self._reading():
            return dict(self._db.execute("SELECT unit, CAST(body AS BLOB) FROM snapshot").fetchall())

    def clock_offset_ns(self) -> int | None:
        """Return UTC less boot time as it was last put on record for this boot."""
        with self._reading():
            row = self._db.execute(
                "SELECT offset_ns FROM clock_offset WHERE boot_id = ?", [self._who.boot_id]
            ).fetchone()
        return int(row[0]) if row else None

    def seal(
        self,
        batches: Sequence[OpenBatch],
        events: Sequence[Event] = (),
        snapshots: Mapping[str, bytes] | None = None,
    ) -> None:
        """Put open batches, events and what is kept over a restart on disk, in one synchronous transaction.

        What the upstream said since the last one goes with it. Raises StoreError where the disk refused; then
        nothing was sealed and the caller keeps everything.
        """
        work = (batches, events, snapshots or {})
        try:
            self._commit(*work)
        except ERRORS as error:
            try:
                self._mend(error)
                self._commit(*work)
            except (*ERRORS, OSError) as again:
                raise StoreError(f"{self.path}: {again}") from again
        self._opened.ballast.take()

    def _mend(self, error: Exception) -> None:
        """Do what may let the commit succeed when it is tried again; else raise."""
        if isinstance(error, Exchanged):
            return self._replace(error)
        if self.look():  # whose bytes were read?
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
        low = self._opened.disk_is_low()
        events = [*self._unsaid, *events]
        need = needed_bytes(batches, len(events), snapshots)
        with self._transaction() as ledger:
            stored, gone = self._delivery.write(ledger)
            if low:  # before the inserts, which then need no new pages
                self._keep_below(ledger, max(SMALL_BYTES, self._opened.size_bytes()) - need, "disk full")
            self._keep_below(ledger, self._settings.max_bytes - need, "buffer full")
            self._db.executemany("INSERT OR IGNORE INTO schema VALUES (?, ?)", self._new_schemas.items())
            insert_intervals(self._db, self._new_intervals)
            said = self._sealing.insert(ledger, batches, events)
            ledger.keep_snapshots(snapshots)
            if ledger.used_bytes() > self._settings.history_bytes + FREED_AT_ONCE:
                ledger.forget(ledger.used_bytes() - self._settings.history_bytes)
            self._keep_below(ledger, self._settings.max_bytes, "buffer full")
        self._unsaid, self._new_schemas, self._new_intervals = [], {}, []
        self._delivery.written(stored)
        self._tell_lost(stored, gone)
        for sequence, event in said.items():
            if event.receipt:
                event.receipt.seal(self.epoch, sequence)
                self._receipts.append(event.receipt)
        self._said = dict([*self._said.items(), *said.items()][-SAID_MOST:])
        self._sealing.committed()

    @staticmethod
    def _keep_below(ledger: Ledger, limit_bytes: int, reason: str) -> None:
        excess = ledger.used_bytes() - limit_bytes
        if excess > 0:
            dropped = ledger.drop(excess + FREED_AT_ONCE, reason)
            if dropped:
                log.error("%s: %d batches were dropped before they were delivered", reason, dropped)

    def apply_acknowledgement(self, epoch: bytes, held: Collection[int], refused: Mapping[int, str]) -> None:
        """Take an upstream's word on batches that it was sent; it reaches the disk with the next commit."""
        if epoch != self.epoch:  # this buffer began anew meanwhile
            return
        self._delivery.hear(held, refused)
        for sequence in held:
            self._said.pop(sequence, None)
        for receipt in self._receipts:
            receipt.settle(epoch, held, refused)

    def name_missing(self, epoch: bytes, held: Ranges) -> int:
        """Take an upstream's word on what it holds: what it had acknowledged and lost since is sent again.

        The next commit takes back that it was acknowledged. Return how many batches it names that were healed
        within the hour: they wait until that is over.
        """
        if epoch != self.epoch:
            return 0
        delivery = self._delivery
        if delivery.name(held, self.last_sequence):  # nothing is read, so that nothing is sealed
            self.seal(())
        return delivery.healing.again

    def _tell_lost(self, stored: Ranges, gone: Ranges) -> None:
        """Say what the upstream had acknowledged and lacks: `stored` here and sent again, or `gone`."""
        for receipt in self._receipts:
            receipt.lose(self.epoch, Ranges([*stored, *gone]))
        if stored.count:
            log.warning(
                "the collector lacks %d batches that it had acknowledged; they are sent again", stored.count
            )
        if gone.count:
            text = (
                f"the collector lacks {gone.count} batches that it had acknowledged, and they are no"
                " longer in this box's history: no one has them, unless there is a backup of the"
                " collector. [store] history_mb says how much is kept"
            )
            self._unsaid += self._alarm("collector_lost", text, severity="warning")

    def reconcile(self, epoch: bytes, upstream: Ranges, utc_s: float | None = None) -> None:
        """Compare with what an upstream holds of an epoch: before this process sends it anything, and after.

        Where it holds what this buffer never heard of, this is an older copy of itself: an image restored, or
        a disk that lost what it had promised to keep. Once it then goes on above that, by no more than it can
        have sealed. Raises Implausible where that cannot be, StoreError where the disk refused.
        """
        if epoch != self.epoch:  # this buffer began anew meanwhile
            return
        lost = upstream.highest - (self.last_sequence if self._reconciled else self.opened_at)
        if lost > 0:
            with self._reading():
                most = forgotten_at_most(
                    self._db, self._settings.units, time.time() if utc_s is None else utc_s
                )
            if self._reconciled or lost > most or upstream.highest > HIGHEST:
                raise Implausible(
                    f"says that it holds batch {upstream.highest}, where this buffer has sealed"
                    f" {self.last_sequence}: {lost} more than there can be, unless another copy of this agent"
                    " is alive. Nothing was changed, and nothing is sent; look at the collector's archive"
                    " (cellwarden-collector audit)"
                )
            self._rejoin(lost, upstream)
        self._reconciled = True

    def _rejoin(self, lost: int, upstream: Ranges) -> None:
        text = (
            f"the collector holds {lost} batches more than this buffer remembers: the disk was restored from"
            " an older image, or lost what it had confirmed"
        )
        log.critical("%s: %s", self.path, text)
        try:
            with self._transaction() as ledger:
                ledger.rejoin(self.opened_at, upstream, "forgotten by the buffer")
                for event in self._alarm("buffer_rolled_back", text):
                    ledger.seal_event(event)
        except (*ERRORS, WireError) as error:
            raise StoreError(f"{self.path}: {error}") from error

    def pending(
        self,
        max_batches: int,
        max_bytes: int,
        fresh_after: int = 0,
        backlog: bool = True,
        aside: Iterable[int] = (),
        only_alarms: bool = False,
        heal: bool = True,
    ) -> tuple[bytes, list[PendingBatch]]:
        """Return the epoch, and unacknowledged batches in the order of sending; the first whatever its size.

        Alarms, the black box, what was sealed after `fresh_after`, and then, where `backlog`, the rest; where
        `heal`, what the upstream lost again, in its places; none of those that are put `aside`.
        """
        known, healing = self._delivery.known(aside), self._delivery.healing.ranges
        known, healing = (known, healing) if heal else (Ranges([*known, *healing]), Ranges())
        found: list[PendingBatch] = []
        size = 0
        with self._reading():
            for batch in in_order(
                self._db, known, self.last_sequence, fresh_after, backlog, max_batches, only_alarms, healing
            ):
                size += len(batch.blob)
                if found and (len(found) == max_batches or size > max_bytes):
                    break
                found.append(batch)
        return self.epoch, found

    def account(self) -> Account:
        """Return the account, what waits for the next commit included."""
        with self._reading():
            sealed, frames, values, wire_bytes = self._db.execute(
                "SELECT last_sequence, frames, value_count, wire_bytes FROM account"
            ).fetchone()
            acknowledged, dropped = self._db.execute(
                "SELECT acknowledged, dropped FROM upstream WHERE name = ?", [self._who.upstream]
            ).fetchone()
        delivery = self._delivery
        acknowledged += delivery.heard.minus(delivery.settled).count
        dropped += len(delivery.refused)
        pending = sealed - acknowledged - dropped
        healing = delivery.healing.ranges.count
        return Account(sealed, acknowledged, pending, dropped, frames, values, wire_bytes, healing)

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
