"""The SQLite sink: one writer connection, one transaction per request, acknowledged only after its commit.

WAL with synchronous=FULL. A `Sink` is used by one thread at a time and is the only writer of its database:
SQLite before 3.51.3 can corrupt a WAL that two connections write or checkpoint. Readers open it `mode=ro`.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.wire import Acknowledgement, Batch
from agent.wire.ranges import Ranges, durable
from collector import incidents
from collector.admission import Admitted
from collector.schema import migrate

MISSING_NAMED = 256  # ranges in one acknowledgement, beside those around what was sent
Stream = tuple[str, bytes]


class SinkError(Exception):
    """The database cannot be opened or written."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a request. `conflicts` are keys already held with other bytes."""

    acknowledgement: Acknowledgement
    stored: int
    values: int
    duplicates: int
    conflicts: list[int]


class Sink:
    """Batches of any number of agents in one database."""

    def __init__(self, path: Path, utc_ns: Callable[[], int]) -> None:
        self.path = path
        self._utc_ns = utc_ns
        self._accounted: dict[Stream, Ranges] = {}  # stored or reported dropped
        self._duplicates: dict[Stream, int] = {}  # counted, and written with the next insert
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            migrate(self._db)
        except (sqlite3.Error, ValueError) as error:
            raise SinkError(f"{path}: {error}") from error

    def close(self) -> None:
        """Write the counts that were waiting for an insert, and close."""
        if self._duplicates:
            with self._transaction():
                pass
        self._db.close()

    def store(self, admitted: Admitted) -> Stored:
        """Store what is new in one synchronous transaction; a request of duplicates writes nothing.

        Raises SinkError where the disk refused: then nothing of the request was stored.
        """
        stream = (admitted.agent, admitted.epoch)
        new, conflicts, duplicates = self._sort(stream, admitted)
        if duplicates:
            self._duplicates[stream] = self._duplicates.get(stream, 0) + duplicates
        try:
            if new or conflicts or admitted.refused or self._unknown(list(admitted.schemas)):
                with self._transaction():
                    self._write(stream, admitted, new, conflicts)
        except BaseException as error:
            self._accounted.clear()  # it may say more than the database does
            if isinstance(error, sqlite3.Error):
                raise SinkError(f"{self.path}: {error}") from error
            raise
        asked = [batch.sequence for batch, _ in admitted.batches]
        through, missing = durable(self._ledger(stream), MISSING_NAMED, asked)
        wanted = {batch.schema for batch, _ in admitted.batches if batch.schema}
        ack = Acknowledgement(stream[1], through, missing, self._unknown(sorted(wanted)), admitted.refused)
        return Stored(ack, len(new), sum(batch.values for batch, _ in new), duplicates, conflicts)

    def agents(self) -> list[str]:
        """Every agent that was ever heard."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT agent FROM stream")]

    def missing(self) -> dict[str, int]:
        """How many batches are missing below the highest seen, for every agent heard since the start."""
        found: dict[str, int] = {}
        for (agent, _), accounted in self._accounted.items():
            found[agent] = found.get(agent, 0) + accounted.highest - accounted.count
        return found

    def report(self, agent: str, epoch: bytes, kind: str, text: str) -> None:
        """Put an incident on record."""
        try:
            with self._transaction():
                incidents.record(self._db, (agent, epoch), kind, text, self._utc_ns())
        except sqlite3.Error as error:
            raise SinkError(f"{self.path}: {error}") from error

    def _sort(self, stream: Stream, admitted: Admitted) -> tuple[list[tuple[Batch, bytes]], list[int], int]:
        """New batches, keys in conflict, and how many the database holds already."""
        new: dict[int, tuple[Batch, bytes]] = {}
        conflicts, duplicates = [], 0
        for batch, blob in admitted.batches:
            held = new[batch.sequence][1] if batch.sequence in new else self._held(stream, batch.sequence)
            if held is None:
                new[batch.sequence] = (batch, blob)
            elif held == blob:
                duplicates += 1
            else:
                conflicts.append(batch.sequence)
        return list(new.values()), conflicts, duplicates

    def _held(self, stream: Stream, sequence: int) -> bytes | None:
        row = self._db.execute(
            "SELECT blob FROM batch WHERE agent = ? AND epoch = ? AND sequence = ?", [*stream, sequence]
        ).fetchone()
        return row[0] if row else None

    def _unknown(self, hashes: list[bytes]) -> list[bytes]:
        known = "SELECT 1 FROM schema WHERE hash = ?"
        return [digest for digest in hashes if not self._db.execute(known, [digest]).fetchone()]

    def _write(
        self, stream: Stream, admitted: Admitted, new: list[tuple[Batch, bytes]], conflicts: list[int]
    ) -> None:
        db, now_ns = self._db, self._utc_ns()
        db.executemany("INSERT OR IGNORE INTO schema VALUES (?, ?)", admitted.schemas.items())
        db.executemany(
            "INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?, ?)",
            [
                (*stream, sequence, reason, now_ns)
                for sequence, reason in admitted.refused
                if 0 < sequence < 2**63
            ],
        )
        if new:
            for text in incidents.of_epochs(db, stream):
                incidents.record(db, stream, "rollback", text, now_ns)
            self._insert(stream, new, now_ns)
            for text in incidents.of_boots(db, stream, [batch for batch, _ in new]):
                incidents.record(db, stream, "clone", text, now_ns)
        for sequence in conflicts:
            text = f"batch {sequence} came again with other bytes: a cloned or restored agent"
            incidents.record(db, stream, "conflict", text, now_ns)

    def _insert(self, stream: Stream, new: list[tuple[Batch, bytes]], now_ns: int) -> None:
        db, accounted = self._db, self._ledger(stream)
        db.execute(
            "INSERT INTO stream (agent, epoch, batches, frames, value_count, wire_bytes, first_utc_ns,"
            " last_utc_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " batches = batches + excluded.batches, frames = frames + excluded.frames,"
            " value_count = value_count + excluded.value_count,"
            " wire_bytes = wire_bytes + excluded.wire_bytes, last_utc_ns = excluded.last_utc_ns",
            [
                *stream,
                len(new),
                sum(batch.frames for batch, _ in new),
                sum(batch.values for batch, _ in new),
                sum(len(blob) for _, blob in new),
                now_ns,
                now_ns,
            ],
        )
        db.executemany(
            "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [_row(stream, batch, blob, now_ns) for batch, blob in new],
        )
        for batch, _ in new:
            accounted.add(batch.sequence)
            for position, event in enumerate(batch.events):
                record = json.dumps(event, default=_plain, ensure_ascii=False)
                key = (*stream, batch.sequence)
                db.execute(
                    "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [*key, position, event["kind"], batch.unit, record],
                )
                if event["kind"] == "gap":
                    self._insert_gap(key, event)

    def _insert_gap(self, key: tuple[str, bytes, int], event: dict[str, Any]) -> None:
        """What an agent says it dropped: `ranges` of sequences, of this epoch below its own, and why."""
        agent, epoch, sequence = key
        ended = event.get("epoch", epoch)
        if ended == epoch:
            ranges = gap_ranges(event, before=sequence)
        elif isinstance(ended, bytes) and len(ended) == len(epoch):
            # an epoch that ended with its database; without ranges nobody knows any more how far it had come
            ranges = gap_ranges(event, before=2**63) or self._ledger((agent, ended)).holes()
        else:
            return
        reason = str(event.get("reason", ""))
        for first, last in ranges:
            self._db.execute(
                "INSERT INTO dropped VALUES (?, ?, ?, ?, ?, ?)", [agent, ended, first, last, reason, sequence]
            )
            self._ledger((agent, ended)).add(first, last)

    def _ledger(self, stream: Stream) -> Ranges:
        """What of a stream is accounted for, read from the database the first time."""
        if stream not in self._accounted:
            self._accounted[stream] = Ranges(
                [*stored_ranges(self._db, stream), *dropped_ranges(self._db, stream)]
            )
        return self._accounted[stream]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            for stream, count in self._duplicates.items():
                self._db.execute(
                    "UPDATE stream SET duplicates = duplicates + ? WHERE agent = ? AND epoch = ?",
                    [count, *stream],
                )
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._duplicates.clear()


def stored_ranges(db: sqlite3.Connection, stream: Stream) -> list[tuple[int, int]]:
    """The stored sequences of a stream as ranges."""
    return db.execute(
        "SELECT min(sequence), max(sequence) FROM"
        " (SELECT sequence, sequence - row_number() OVER (ORDER BY sequence) AS island FROM batch"
        " WHERE agent = ? AND epoch = ?) GROUP BY island ORDER BY 1",
        stream,
    ).fetchall()


def dropped_ranges(db: sqlite3.Connection, stream: Stream) -> list[tuple[int, int]]:
    """The ranges of a stream that its agent reported as dropped."""
    return db.execute("SELECT first, last FROM dropped WHERE agent = ? AND epoch = ?", stream).fetchall()


def gap_ranges(event: dict[str, Any], before: int) -> list[tuple[int, int]]:
    """The ranges that a gap record names, without nonsense and without what was sealed after it."""
    ranges = event.get("ranges")
    return [
        (pair[0], pair[1])
        for pair in (ranges if isinstance(ranges, list) else [])
        if isinstance(pair, list) and len(pair) == 2 and all(type(end) is int for end in pair)
        if 1 <= pair[0] <= pair[1] < before
    ]


def _row(stream: Stream, batch: Batch, blob: bytes, now_ns: int) -> tuple[Any, ...]:
    times = (int(batch.utc_ns[0]), int(batch.utc_ns[-1])) if batch.frames else (None, None)
    return (
        *(*stream, batch.sequence, batch.unit, batch.schema, batch.frames, batch.values),
        *(*times, now_ns, blob),
    )


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
