"""The buffer itself: sealing, pending batches, acknowledgements, and the account of all three.

A `Store` is used by one thread only (the agent's writer thread) and is the only writer of its database.
Readers open it `mode=ro` (agent/store/reading.py).
"""

import contextlib
import json
import logging
import math
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from agent.store.account import Account, BufferSettings
from agent.store.ballast import BALLAST_BYTES, Ballast
from agent.store.black_box import ROUTINE, BlackBox, rack_of
from agent.store.carry import Left, begin_beside
from agent.store.database import PAGE_BYTES, Lock, connect, quarantine
from agent.store.errors import ERRORS, Exchanged, Implausible, StoreError, is_damage, is_full, opening_failed
from agent.store.files import Files
from agent.store.healing import Healing
from agent.store.intervals import Stretch
from agent.store.intervals import insert as insert_intervals
from agent.store.ledger import Event, Identity, Ledger
from agent.store.open_batch import OpenBatch
from agent.store.outgoing import PendingBatch, in_order
from agent.store.place import must_be_a_file
from agent.store.receipt import Receipt
from agent.store.renumber import HIGHEST, forgotten_at_most, renumber
from agent.store.salvage import Salvage, salvage
from agent.store.vintage import mark
from agent.wire.errors import WireError
from agent.wire.limits import DEFAULT_LIMITS
from agent.wire.ranges import Ranges

log = logging.getLogger(__name__)

FREED_AT_ONCE = 256 * 1024  # so that a full buffer does not drop, and report, with every commit
LOW_DISK_BYTES = 2 * BALLAST_BYTES  # with less than this free the database grows no more,
SMALL_BYTES = BALLAST_BYTES // 2  # unless it is smaller than this
SAID_MOST = 1000  # events kept in memory for a buffer whose files are exchanged: 1 MB
FOREIGN_MOST, FOREIGN_S = 3, 3600.0  # how often it is believed that others write into the files
CURE = "Find out what did it; stop the agent before its files are restored"
EVENT_BYTES = 1024  # about what a batch with one event takes; a value takes less than one

RECEIPTS_MOST = 100
NAMED_S = 20.0  # after which healing waits no longer for a commit that brings frames
GONE = "acknowledged, lost again by the collector, and no longer in the history"

Alarm = Callable[..., Sequence[Event]]


def _each(sequences: Iterable[int]) -> Ranges:
    return Ranges((s, s) for s in sequences)


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
        self._heard, self._refused = Ranges(), dict[int, str]()  # since the last commit
        self._schemas: dict[bytes, bytes] = {}  # of this process, for a database that must begin anew
        self._new_schemas: dict[bytes, bytes] = {}  # that go with the next commit
        self._unsaid: list[Event] = []  # what the buffer has to say of itself
        self._receipts: deque[Receipt] = deque(maxlen=RECEIPTS_MOST)
        self._said: dict[int, Event] = {}  # events of this process that the upstream does not hold yet
        self._foreign_s: deque[float] = deque(maxlen=FOREIGN_MOST)  # when others wrote into the files
        self._new_intervals: list[Stretch] = []  # that go with the next commit
        try:
            must_be_a_file(path)
            self._ballast = Ballast(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = Lock(path)
            try:
                self._open()
            except BaseException:
                self._lock.release()
                raise
        except (*ERRORS, OSError) as error:
            raise opening_failed(path, error) from error
        self._ballast.take()
        if self._unsaid:  # before anything else can go wrong
            with contextlib.suppress(StoreError):
                self.seal(())

    def _open(self) -> None:
        """Open the database; put a damaged one aside and begin anew."""
        max_bytes, begun = self._settings.max_bytes, not self.path.exists()
        try:
            self._db = connect(self.path, max_bytes)
        except ERRORS as error:
            if is_damage(error):
                return self._begin_anew(str(error), Salvage(self._lock.epoch))
            if not is_full(error) or not self._ballast.release():
                raise
            self._db = connect(self.path, max_bytes)
        if begun:
            mark(self._db)
        self._take_over()

    def _take_over(self) -> None:
        """Read who this buffer is and how far it has come."""
        agent, boot_id, upstream = self._names
        db = self._db
        self._who = Identity.of(db, agent, boot_id, upstream)
        self._settled = Ranges(
            db.execute("SELECT first, last FROM settled WHERE upstream = ? ORDER BY first", [upstream])
        )
        self.last_sequence = Ledger(db, self._who, self._settled).last_sequence
        self._met = False
        if self.last_sequence > HIGHEST:
            self._renumber()
        self.opened_at = self.last_sequence
        self._lock.note(self.epoch)
        self._black_box = BlackBox(self._settings.before_alarm_s, self._settings.after_alarm_s)
        self._heard, self._refused = Ranges(), {}
        self._new_schemas = dict(self._schemas)
        (healing,) = self._db.execute("SELECT healing FROM ledger WHERE name = ?", [upstream]).fetchone()
        self._healing, self._named_s = Healing(Ranges(json.loads(healing)).minus(self._settled)), math.inf
        self._said = {}
        self._left: Left | None = None
        self._files = Files(self.path, self._db)

    def _renumber(self) -> None:
        """Begin a new epoch: an older version believed an answer that moved this buffer beyond all bounds."""
        text = (
            f"a collector had moved this buffer to sequence {self.last_sequence}, beyond the bound of"
            f" {DEFAULT_LIMITS.sequence}; a new epoch was begun, under which what was not delivered is sent."
            " Look at what answers under the URL of [upstream]"
        )
        log.critical("%s: %s", self.path, text)
        try:
            self._who = renumber(self._db, self._who, self._settled)
        except (*ERRORS, OverflowError) as error:  # no room for it, perhaps
            self._db.close()
            return self._begin_anew(str(error), Salvage(self.epoch))
        self._settled = Ranges()
        self.last_sequence = Ledger(self._db, self._who, self._settled).last_sequence
        self._met = True  # nobody can know this epoch yet
        self._unsaid += self._alarm("buffer_renumbered", text)

    def _begin_anew(self, damage: str, known: Salvage) -> None:
        """Put a damaged database aside, and account for it in a new one, under a new epoch."""
        aside, damage = quarantine(self.path), " ".join(damage.split())[:200]
        found = salvage(aside)
        self._db = connect(self.path, self._settings.max_bytes)
        self._take_over()
        self._met = True  # nobody can know this epoch yet
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
            self._check()
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
            known = Ranges([*self._settled, *self._heard, *_each(self._refused)])
            wanted = Ranges([(1, last)] if last else []).minus(known)
            self._left = Left(self._db, self._who, last, wanted, self._said)
        left, lock = self._left, self._lock
        left.intact = left.intact and exchanged.intact
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self._files.locked:
                lock = Lock(self.path)
            new, moved = begin_beside(self.path, self._settings.max_bytes, left, self._exchange(exchanged))
        except (*ERRORS, OSError, StoreError) as error:
            if lock is not self._lock:
                lock.release()
            if is_full(error):
                self._ballast.release()
            self._exchange(exchanged)(f"no new one can be begun: {error}")
            raise StoreError(f"{self.path}: {exchanged}; no new one can be begun: {error}") from error
        if lock is not self._lock:
            self._lock.release()
        self._db, self._lock, self._ballast = new, lock, Ballast(self.path)
        self._take_over()
        self._said = {moved[s]: event for s, event in left.said.items() if s in moved}
        self._unsaid, self._met = [], True  # nobody can know this epoch yet
        for receipt in self._receipts:
            receipt.move(left.who.epoch, moved, self.epoch)
        if not left.intact:
            self._foreign_s.append(time.monotonic())
        with contextlib.suppress(sqlite3.Error):
            left.db.close()  # it looks where its file is, and leaves what bears its name alone

    def _exchange(self, exchanged: Exchanged) -> Callable[[str], Sequence[Event]]:
        def tell(then: str) -> Sequence[Event]:
            text = f"the buffer's files were exchanged under the running agent ({exchanged}); {then}. {CURE}"
            log.critical("%s: %s", self.path, text)
            self._unsaid += self._alarm("buffer_exchanged", text)
            return self._unsaid

        return tell

    def _check(self) -> None:
        """Raise Exchanged; file times that change by themselves are believed only now and then."""
        often = len(self._foreign_s) == FOREIGN_MOST and time.monotonic() - self._foreign_s[0] < FOREIGN_S
        self._files.check(written=not often)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Ledger]:
        """One synchronous transaction, on disk when it is done: in the files that are found there again."""
        db = self._db
        self._check()
        db.execute("BEGIN IMMEDIATE")
        try:
            ledger = Ledger(db, self._who, self._settled, self._healing.ranges)
            yield ledger
            ledger.save()
            db.execute("COMMIT")
            self._files.check(written=False)
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                if db.in_transaction:  # a full disk may have rolled it back already
                    db.execute("ROLLBACK")
            raise
        finally:
            self._files.note()
        self._settled, self.last_sequence = ledger.settled, ledger.last_sequence
        self._healing.ranges = ledger.healing

    @property
    def unsaid(self) -> Collection[Event]:
        """What the buffer has to say of itself and is not on disk yet."""
        return self._unsaid

    @property
    def epoch(self) -> bytes:
        """The random name of this database."""
        return self._who.epoch

    def close(self) -> None:
        """Store what the upstream said last, and close. The only commit without a batch."""
        try:
            self.look()
            if self._heard.count or self._refused or self._unsaid or self._new_intervals:
                self.seal(())
        finally:
            self._db.close()
            self._lock.release()

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
        self._ballast.take()

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
        elif is_full(error) and self._ballast.release():
            log.error("%s: the disk is full; the oldest batches will be dropped", self.path)
            self._db.execute("PRAGMA wal_checkpoint(RESTART)")
            self._files.note()
        else:
            raise error

    def _commit(
        self, batches: Sequence[OpenBatch], events: Sequence[Event], snapshots: Mapping[str, bytes]
    ) -> None:
        low = self._disk_is_low()
        need = EVENT_BYTES * (len(events) + len(self._unsaid)) + sum(
            b.frames[0].raw.size * len(b.frames) for b in batches
        )
        need += sum(map(len, snapshots.values()))
        with self._transaction() as ledger:
            ledger.acknowledge(self._heard)
            ledger.refuse(self._refused)
            healed = self._heal(ledger)
            if low:  # before the inserts, which then need no new pages
                self._keep_below(ledger, max(SMALL_BYTES, self._file_bytes()) - need, "disk full")
            self._keep_below(ledger, self._settings.max_bytes - need, "buffer full")
            self._db.executemany("INSERT OR IGNORE INTO schema VALUES (?, ?)", self._new_schemas.items())
            insert_intervals(self._db, self._new_intervals)
            said, remember = self._insert(ledger, batches, [*self._unsaid, *events])
            ledger.keep_snapshots(snapshots)
            if ledger.used_bytes() > self._settings.history_bytes + FREED_AT_ONCE:
                ledger.forget(ledger.used_bytes() - self._settings.history_bytes)
            self._keep_below(ledger, self._settings.max_bytes, "buffer full")
        self._heard, self._refused, self._unsaid, self._new_schemas = Ranges(), {}, [], {}
        self._new_intervals = []
        healed()
        for sequence, event in said.items():
            if event.receipt:
                event.receipt.seal(self.epoch, sequence)
                self._receipts.append(event.receipt)
        self._said = dict([*self._said.items(), *said.items()][-SAID_MOST:])
        for sealed in remember:
            self._black_box.sealed(*sealed)

    def _insert(
        self, ledger: Ledger, batches: Sequence[OpenBatch], events: Sequence[Event]
    ) -> tuple[dict[int, Event], list[tuple[int, str, int]]]:
        """Insert events, then batches; return which is which, and what an alarm may want later."""
        said = {}
        for event in events:
            said[ledger.seal_event(event)] = event
            record = event.record
            if record["kind"] == "alarm" and record["state"] == "NEW" and event.unit:
                ledger.raise_priority(self._black_box.alarm(rack_of(event.unit), record["boottime_ns"]))
        remember = []
        for batch in batches:
            first, last = batch.frames[0].stamp.boottime_ns, batch.frames[-1].stamp.boottime_ns
            priority = self._black_box.priority(batch.rack, first)
            sequences = ledger.seal_frames(batch, priority)
            if priority == ROUTINE:
                remember += [(sequence, batch.rack, last) for sequence in sequences]
        return said, remember

    @staticmethod
    def _keep_below(ledger: Ledger, limit_bytes: int, reason: str) -> None:
        excess = ledger.used_bytes() - limit_bytes
        if excess > 0:
            dropped = ledger.drop(excess + FREED_AT_ONCE, reason)
            if dropped:
                log.error("%s: %d batches were dropped before they were delivered", reason, dropped)

    def _file_bytes(self) -> int:
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        return int(pages) * PAGE_BYTES

    def _disk_is_low(self) -> bool:
        with contextlib.suppress(OSError):
            disk = os.statvfs(self.path.parent)
            return disk.f_bavail * disk.f_frsize < LOW_DISK_BYTES
        return False

    def apply_acknowledgement(self, epoch: bytes, held: Collection[int], refused: Mapping[int, str]) -> None:
        """Take an upstream's word on batches that it was sent; it reaches the disk with the next commit."""
        if epoch != self.epoch:  # this buffer began anew meanwhile
            return
        for sequence in held:
            self._heard.add(sequence)
            self._said.pop(sequence, None)
        self._refused.update(refused)
        self._healing.settled([*held, *refused])
        for receipt in self._receipts:
            receipt.settle(epoch, held, refused)

    def name_missing(self, epoch: bytes, held: Ranges) -> int:
        """Take an upstream's word on what it holds: what it had acknowledged and lost since is sent again.

        The next commit takes back that it was acknowledged. Return how many batches it names that were healed
        within the hour: they wait until that is over.
        """
        if epoch != self.epoch:
            return 0
        healing = self._healing
        healing.name(self._settled, held, self.last_sequence)
        if not healing.named.count:
            self._named_s = math.inf
        elif self._named_s == math.inf:
            self._named_s = time.monotonic()
        elif time.monotonic() > self._named_s + NAMED_S:  # nothing is read, so that nothing is sealed
            self.seal(())
        return healing.again

    def _heal(self, ledger: Ledger) -> Callable[[], None]:
        """Take back what was acknowledged and is missing; return what to do when that is on disk."""
        stored, gone = ledger.unsettle(self._healing.named, GONE)

        def done() -> None:
            self._healing.begun(stored)
            for receipt in self._receipts:
                receipt.lose(self.epoch, Ranges([*stored, *gone]))
            if stored.count:
                log.warning(
                    "the collector lacks %d batches that it had acknowledged; they are sent again",
                    stored.count,
                )
            if gone.count:
                text = (
                    f"the collector lacks {gone.count} batches that it had acknowledged, and they are no"
                    " longer in this box's history: no one has them, unless there is a backup of the"
                    " collector. [store] history_mb says how much is kept"
                )
                self._unsaid += self._alarm("collector_lost", text, severity="warning")

        return done

    def reconcile(self, epoch: bytes, upstream: Ranges, utc_s: float | None = None) -> None:
        """Compare with what an upstream holds of an epoch: before this process sends it anything, and after.

        Where it holds what this buffer never heard of, this is an older copy of itself: an image restored, or
        a disk that lost what it had promised to keep. Once it then goes on above that, by no more than it can
        have sealed. Raises Implausible where that cannot be, StoreError where the disk refused.
        """
        if epoch != self.epoch:  # this buffer began anew meanwhile
            return
        lost = upstream.highest - (self.last_sequence if self._met else self.opened_at)
        if lost > 0:
            with self._reading():
                most = forgotten_at_most(
                    self._db, self._settings.units, time.time() if utc_s is None else utc_s
                )
            if self._met or lost > most or upstream.highest > HIGHEST:
                raise Implausible(
                    f"says that it holds batch {upstream.highest}, where this buffer has sealed"
                    f" {self.last_sequence}: {lost} more than there can be, unless another copy of this agent"
                    " is alive. Nothing was changed, and nothing is sent; look at the collector's archive"
                    " (cellwarden-collector audit)"
                )
            self._rejoin(lost, upstream)
        self._met = True

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
        known = Ranges([*self._settled, *self._heard, *_each([*self._refused, *aside])])
        healing = self._healing.ranges
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
        acknowledged += self._heard.minus(self._settled).count
        dropped += len(self._refused)
        pending = sealed - acknowledged - dropped
        healing = self._healing.ranges.count
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
