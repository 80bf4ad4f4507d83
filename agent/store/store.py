"""The buffer itself: sealing, pending batches, acknowledgements, and the account of all three.

A `Store` is used by one thread only (the agent's writer thread) and is the only writer of its database:
SQLite before 3.51.3 can corrupt a WAL that two connections write or checkpoint. Readers open it `mode=ro`.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from agent.store.open_batch import OpenBatch
from agent.store.schema import migrate
from agent.wire.batch import Batch, encode_batch
from agent.wire.errors import TooLarge

PAGE_BYTES = 1024  # a third of the flash writes of 4 KiB pages at 1.5 kB batches
PRIORITY_ALARM, PRIORITY_FRAMES = 0, 1
LAST_SEQUENCE = 2**63 - 1


class StoreError(Exception):
    """The buffer cannot be opened or written."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a unit: an alarm's row for people, and its record for the wire."""

    unit: str
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PendingBatch:
    """A sealed batch that its upstream has not acknowledged."""

    sequence: int
    priority: int
    schema: bytes | None
    blob: bytes


@dataclass(frozen=True, slots=True)
class Account:
    """Where everything sealed has gone: sealed = acknowledged + pending + dropped."""

    sealed: int
    acknowledged: int
    pending: int
    dropped: int
    frames: int
    values: int
    wire_bytes: int


@dataclass(slots=True)
class Settled:
    """What an upstream has said since the last commit; stored with the next one, never alone.

    Everything up to `durable_through` is at the upstream, but for the `missing` ranges (inclusive).
    """

    durable_through: int = 0
    missing: list[tuple[int, int]] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)

    def covers(self, sequence: int) -> bool:
        """Whether the upstream needs no more of `sequence`."""
        return sequence in self.refused or not any(a <= sequence <= b for a, b in self.wanted())

    def wanted(self) -> list[tuple[int, int]]:
        """Return the ranges of sequences (inclusive) that the upstream does not hold."""
        return [*self.missing, (self.durable_through + 1, LAST_SEQUENCE)]

    def held(self) -> list[tuple[int, int]]:
        """Return the ranges of sequences (inclusive) that the upstream holds: what `wanted` leaves out."""
        ends = [first - 1 for first, _ in self.wanted()]
        starts = [1, *(last + 1 for _, last in self.missing)]
        return [(first, last) for first, last in zip(starts, ends, strict=True) if first <= last]


class Store:
    """One agent's buffer, for one upstream."""

    def __init__(self, path: Path, agent: str, boot_id: bytes, upstream: str) -> None:
        self.path = path
        self._agent, self._boot_id, self._upstream = agent, boot_id, upstream
        self.settled = Settled()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            migrate(self._db)
            self._db.execute("INSERT OR IGNORE INTO upstream (name) VALUES (?)", [upstream])
            (self.epoch,) = self._db.execute("SELECT epoch FROM account").fetchone()
        except (sqlite3.Error, OSError, ValueError) as error:
            raise StoreError(f"{path}: {error}") from error

    def close(self) -> None:
        """Store what the upstream said last, and close. The only commit without a batch."""
        if self.settled.durable_through or self.settled.refused:
            self._transaction((), ())
        self._db.close()

    def add_schema(self, digest: bytes, body: bytes) -> None:
        """Keep the description of a unit's values under its hash."""
        self._db.execute("INSERT OR IGNORE INTO schema VALUES (?, ?)", [digest, body])

    def schemas(self, digests: Iterable[bytes]) -> list[bytes]:
        """Return the descriptions with these hashes."""
        rows = (
            self._db.execute("SELECT body FROM schema WHERE hash = ?", [d]).fetchone() for d in set(digests)
        )
        return [row[0] for row in rows if row]

    def seal(self, batches: Sequence[OpenBatch], events: Sequence[Event] = ()) -> None:
        """Put open batches and events on disk, in one synchronous transaction, with what the upstream said.

        Raises sqlite3.Error where the disk refused; then nothing was sealed and the caller keeps everything.
        """
        self._transaction(batches, events)

    def _transaction(self, batches: Sequence[OpenBatch], events: Sequence[Event]) -> None:
        db, settled = self._db, self.settled
        db.execute("BEGIN IMMEDIATE")
        try:
            self._settle(settled)
            for event in events:
                self._insert(partial(self._event_batch, event))
            for batch in batches:
                self._insert_frames(batch)
            for event in events:
                self._log_alarm(event)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:  # a full disk may have rolled it back already
                db.execute("ROLLBACK")
            raise
        # from here on the database says it itself
        self.settled = Settled(settled.durable_through, settled.missing)

    def _settle(self, settled: Settled) -> None:
        acknowledged = sum(
            self._db.execute("DELETE FROM batch WHERE sequence BETWEEN ? AND ?", held).rowcount
            for held in settled.held()
        )
        dropped = 0
        for sequence, reason in settled.refused.items():
            self._db.execute(
                "INSERT OR REPLACE INTO refused SELECT sequence, ?, ?, blob FROM batch WHERE sequence = ?",
                [self._upstream, reason, sequence],
            )
            dropped += self._db.execute("DELETE FROM batch WHERE sequence = ?", [sequence]).rowcount
        if acknowledged or dropped:
            self._db.execute(
                "UPDATE upstream SET acknowledged = acknowledged + ?, dropped = dropped + ? WHERE name = ?",
                [acknowledged, dropped, self._upstream],
            )

    def _event_batch(self, event: Event, sequence: int) -> Batch:
        nothing = np.empty(0, np.int64)
        return Batch(
            agent=self._agent,
            epoch=self.epoch,
            sequence=sequence,
            unit=event.unit,
            schema=None,
            boot_id=self._boot_id,
            boottime_ns=nothing,
            utc_ns=nothing,
            clock=np.empty(0, np.uint8),
            raw=np.empty((0, 0), np.int64),
            quality=np.empty((0, 0), np.uint8),
            events=(event.record,),
        )

    def _insert_frames(self, batch: OpenBatch) -> None:
        """Insert a batch, or its halves where it is larger than collectors take."""
        try:
            self._insert(partial(batch.batch, self._agent, self.epoch, self._boot_id))
        except TooLarge:
            if len(batch.frames) == 1:
                raise
            for half in batch.halves():
                self._insert_frames(half)

    def _insert(self, make: Callable[[int], Batch]) -> None:
        (last,) = self._db.execute("SELECT last_sequence FROM account").fetchone()
        batch = make(last + 1)
        blob = encode_batch(batch)
        self._db.execute(
            "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                batch.sequence,
                PRIORITY_ALARM if batch.events else PRIORITY_FRAMES,
                batch.unit,
                batch.frames,
                batch.values,
                batch.schema,
                time.time_ns(),
                blob,
            ],
        )
        self._db.execute(
            "UPDATE account SET last_sequence = ?, frames = frames + ?, value_count = value_count + ?,"
            " wire_bytes = wire_bytes + ?",
            [batch.sequence, batch.frames, batch.values, len(blob)],
        )

    def _log_alarm(self, event: Event) -> None:
        record = event.record
        if record["kind"] == "alarm":
            self._db.execute(
                "INSERT INTO alarm (boottime_ns, utc_ns, boot_id, unit, location, detector, severity, state,"
                " text) VALUES (:boottime_ns, :utc_ns, :boot_id, :unit, :location, :detector, :severity,"
                " :state, :text)",
                {**record, "boot_id": self._boot_id, "unit": event.unit},
            )

    def settle(self, durable_through: int, missing: list[tuple[int, int]], refused: dict[int, str]) -> None:
        """Take an upstream's word; it reaches the disk with the next commit."""
        self.settled = Settled(durable_through, missing, {**self.settled.refused, **refused})

    def pending(self, priority: int, max_batches: int, max_bytes: int) -> list[PendingBatch]:
        """Return a priority's oldest unacknowledged batches: the first whatever its size."""
        found: list[PendingBatch] = []
        size = 0
        for wanted in self.settled.wanted():
            for row in self._db.execute(
                "SELECT sequence, priority, schema, blob FROM batch"
                " WHERE priority = ? AND sequence BETWEEN ? AND ? ORDER BY sequence LIMIT ?",
                [priority, *wanted, max_batches],
            ).fetchall():
                batch = PendingBatch(*row)
                if batch.sequence in self.settled.refused:
                    continue
                size += len(batch.blob)
                if found and (len(found) == max_batches or size > max_bytes):
                    return found
                found.append(batch)
        return found

    def account(self) -> Account:
        """Return the account, the acknowledgements included that wait for the next commit."""
        db = self._db
        sealed, frames, values, wire_bytes = db.execute(
            "SELECT last_sequence, frames, value_count, wire_bytes FROM account"
        ).fetchone()
        acknowledged, dropped = db.execute(
            "SELECT acknowledged, dropped FROM upstream WHERE name = ?", [self._upstream]
        ).fetchone()
        (stored,) = db.execute("SELECT count(*) FROM batch").fetchone()
        settled = sum(
            db.execute("SELECT count(*) FROM batch WHERE sequence BETWEEN ? AND ?", held).fetchone()[0]
            for held in self.settled.held()
        )
        refused = len(self.settled.refused)
        return Account(
            sealed=sealed,
            acknowledged=acknowledged + settled,
            pending=stored - settled - refused,
            dropped=dropped + refused,
            frames=frames,
            values=values,
            wire_bytes=wire_bytes,
        )
