"""The SQLite sink: one writer connection, one transaction per request, acknowledged only after its commit.

WAL with synchronous=FULL. A `Sink` is used by one thread at a time and is the only writer of its database:
SQLite before 3.51.3 can corrupt a WAL that two connections write or checkpoint. Readers open it `mode=ro`.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.wire import Acknowledgement, Batch, WireError, decode_schema, schema
from agent.wire.limits import DEFAULT_LIMITS
from agent.wire.ranges import Ranges, durable
from agent.wire.sound import fitting
from collector import incidents
from collector.accounted import dropped_ranges, gap_ranges, stored_ranges
from collector.admission import Admitted
from collector.files import Files, try_to_write
from collector.schema import migrate

MISSING_NAMED = 256  # ranges in one acknowledgement, beside those around what was sent
Stream = tuple[str, bytes]


class SinkError(Exception):
    """The database cannot be opened or written."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a request. `conflicts` are keys already held with other bytes, `unusable` hashes of
    schemas that were refused, `incidents` what a person must look at, as (kind, text); `asked` and `schemas`
    are what its sound batches are called, and are read by.
    """

    acknowledgement: Acknowledgement
    stored: int
    values: int
    duplicates: int
    conflicts: list[int]
    unusable: list[bytes | None]
    incidents: list[tuple[str, str]]
    asked: list[int]
    schemas: set[bytes]


class Sink:
    """Batches of any number of agents in one database.

    `trouble`: why nothing can be stored, as of the last time that it was tried; "" where something can.
    """

    trouble = ""

    def __init__(self, path: Path, utc_ns: Callable[[], int]) -> None:
        self.path = path
        self._utc_ns = utc_ns
        self._accounted: dict[Stream, Ranges] = {}  # stored or reported dropped
        self._duplicates: dict[Stream, int] = {}  # counted, and written with the next insert
        self._times = incidents.Times()
        self._wanted_bytes = 0  # of what could not be stored last
        self._widths: dict[bytes, int | None] = {}  # of stored schemas
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            migrate(self._db)
            self._files = Files(path)
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
        try:
            with self._telling():
                new, conflicts, duplicates = self._sort(stream, admitted)
                found: list[tuple[str, str]] = []
                if duplicates:
                    self._duplicates[stream] = self._duplicates.get(stream, 0) + duplicates
                self._wanted_bytes = 2 * sum(len(blob) for _, blob in new)  # with rows and index
                news = new or conflicts or admitted.refused or admitted.bad_schemas
                if news or self._unknown(list(admitted.schemas)):
                    with self._transaction():
                        found = self._write(stream, admitted, new, conflicts)
                self._wanted_bytes = 0
                asked = [batch.sequence for batch, _ in admitted.batches]
                schemas = {batch.schema for batch, _ in admitted.batches if batch.schema}
                ack = self._acknowledgement(stream, asked, schemas, admitted.refused)
                self._files.check()
        except BaseException:
            self._accounted.clear()  # it may say more than the database does
            raise
        values = sum(batch.values for batch, _ in new)
        unusable = [digest for digest, _ in admitted.bad_schemas]
        return Stored(ack, len(new), values, duplicates, conflicts, unusable, found, asked, schemas)

    def together(self, agent: str, pieces: Sequence[Stored]) -> Stored:
        """What became of a request that was stored piece by piece. Raises SinkError."""

        def all_of(name: str) -> list[Any]:
            return [one for piece in pieces for one in getattr(piece, name)]

        refused = [one for piece in pieces for one in piece.acknowledgement.refused]
        asked, schemas = all_of("asked"), set(all_of("schemas"))
        with self._telling():
            stream = (agent, pieces[0].acknowledgement.epoch)
            ack = self._acknowledgement(stream, asked, schemas, refused)
        return Stored(
            ack,
            sum(piece.stored for piece in pieces),
            sum(piece.values for piece in pieces),
            sum(piece.duplicates for piece in pieces),
            all_of("conflicts"),
            all_of("unusable"),
            all_of("incidents"),
            asked,
            schemas,
        )

    def _acknowledgement(
        self, stream: Stream, asked: list[int], schemas: set[bytes], refused: list[tuple[int, str]]
    ) -> Acknowledgement:
        through, missing = durable(self._ledger(stream), MISSING_NAMED, asked)
        return Acknowledgement(stream[1], through, missing, self._unknown(sorted(schemas)), refused)

    def width_of(self, digest: bytes) -> int | None:
        """How many values a stored schema describes; None where there is none that can be used."""
        if digest not in self._widths:
            row = self._db.execute("SELECT body FROM schema WHERE hash = ?", [digest]).fetchone()
            if not row:
                return None
            try:
                description = decode_schema(row[0])[1]
            except WireError:
                description = {}
            self._widths[digest] = None if schema.unusable(description) else schema.width(description)
        return self._widths[digest]

    def agents(self) -> list[str]:
        """Every agent that was ever heard."""
        with self._telling():
            return [row[0] for row in self._db.execute("SELECT DISTINCT agent FROM stream")]

    def incidents(self) -> list[tuple[str, str, int]]:
        """(agent, kind, times) of what a person must look at."""
        with self._telling():
            return incidents.counts(self._db)

    def look(self, anew: bool) -> str:
        """Return `trouble` as it is now; anew: try whether something can be written."""
        try:
            with self._telling():
                self._files.check()
                self._files.check_room()
                if anew or self.trouble:
                    with self._transaction():
                        try_to_write(self._db, self._wanted_bytes)
        except SinkError:
            pass
        return self.trouble

    def missing(self) -> dict[str, int]:
        """How many batches are missing below the highest seen, for every agent heard since the start."""
        found: dict[str, int] = {}
        for (agent, _), accounted in self._accounted.items():
            found[agent] = found.get(agent, 0) + accounted.highest - accounted.count
        return found

    def report(self, agent: str, epoch: bytes, kind: str, text: str) -> None:
        """Put an incident on record."""
        with self._telling(), self._transaction():
            incidents.record(self._db, (agent, epoch), kind, text, self._utc_ns())

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Raise SinkError for what SQLite says, and keep it as `trouble` until something can be stored."""
        try:
            yield
        except sqlite3.Error as error:
            self.trouble = str(error)
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
    ) -> list[tuple[str, str]]:
        db, now_ns = self._db, self._utc_ns()
        db.executemany("INSERT OR IGNORE INTO schema VALUES (?, ?)", admitted.schemas.items())
        db.executemany(
            "INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?, ?)",
            [(*stream, sequence, reason, now_ns) for sequence, reason in admitted.refused],
        )
        found = []
        if new:
            found += [("rollback", text) for text in incidents.of_epochs(db, stream)]
            self._insert(stream, new, now_ns)
            boots = incidents.of_boots(db, stream, [batch for batch, _ in new], self._times)
            found += [("clone", text) for text in boots]
        for sequence in conflicts:
            text = f"batch {sequence} came again with other bytes: a cloned or restored agent"
            found.append(("conflict", text))
        found += map(incidents.of_schema, admitted.bad_schemas)
        for kind, text in found:
            incidents.record(db, stream, kind, text, now_ns)
        return found

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
                record = json.dumps(fitting(event), default=_plain, ensure_ascii=False, allow_nan=False)
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
            ranges = gap_ranges(event, DEFAULT_LIMITS.sequence + 1) or self._ledger((agent, ended)).holes()
        else:
            return
        reason = str(event.get("reason", ""))
        for first, last in ranges:
            self._db.execute(
                "INSERT INTO dropped VALUES (?, ?, ?, ?, ?, ?)", [agent, ended, first, last, reason, sequence]
            )
            self._ledger((agent, ended)).add(first, last)

    def _ledger(self, stream: Stream) -> Ranges:
        """What of a stream is accounted for, read from the database the first time.

        What an earlier version took beyond the bound of sequences is none of it: no agent would believe it.
        """
        if stream not in self._accounted:
            found = [*stored_ranges(self._db, stream), *dropped_ranges(self._db, stream)]
            bound = DEFAULT_LIMITS.sequence
            self._accounted[stream] = Ranges((a, min(b, bound)) for a, b in found if a <= bound)
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
            self.trouble = ""
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._duplicates.clear()


def _row(stream: Stream, batch: Batch, blob: bytes, now_ns: int) -> tuple[Any, ...]:
    times = (int(batch.utc_ns.min()), int(batch.utc_ns.max())) if batch.frames else (None, None)
    return (
        *(*stream, batch.sequence, batch.unit, batch.schema, batch.frames, batch.values),
        *(*times, now_ns, blob),
    )


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
