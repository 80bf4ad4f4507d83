"""The SQLite sink: one writer connection, one synchronous transaction per change.

WAL with synchronous=FULL. It is the only writer of its database: SQLite before 3.51.3 can corrupt a WAL that
two connections write or checkpoint. Readers open it `mode=ro`.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.wire import Batch
from collector.facts.order import Place, Told
from collector.figures.work import Work
from collector.sink import Accounted, Change, LifeKey, Old, Range, SinkError, Stream
from collector.sqlite.facts import events, lives, write_facts
from collector.sqlite.figures import keep, mark
from collector.sqlite.files import DatabaseFiles, try_to_write
from collector.sqlite.pruning import heard_ns, old, prune
from collector.sqlite.ranges import (
    dropped_ranges,
    pruned_ranges,
    replace_ranges,
    stored_ranges,
    withheld_ranges,
)
from collector.sqlite.schema import migrate


class SqliteSink:
    """Rows of any number of agents in one database."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA synchronous = FULL")
            migrate(self._db)
            self._files = DatabaseFiles(path)
        except ValueError as error:
            raise SinkError(path, error) from error
        except sqlite3.Error as error:
            raise SinkError(
                path, f"{error}; give --sink sqlite:PATH of a file that can be written"
            ) from error

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def write(self, *changes: Change) -> None:
        """Insert the rows of some changes."""
        with self._transaction() as db:
            for change in changes:
                self._write(db, change)

    def _write(self, db: sqlite3.Connection, change: Change) -> None:
        stream, now_ns = change.stream, change.utc_ns
        db.executemany("INSERT OR IGNORE INTO schema VALUES (?, ?)", change.schemas.items())
        db.executemany(
            "INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?, ?)",
            [(*stream, sequence, reason, now_ns) for sequence, reason in change.refused],
        )
        if change.batches:
            self._insert(change)
        db.executemany(
            "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(*stream, *row, now_ns) for row in change.events],
        )
        db.executemany(
            "INSERT INTO dropped VALUES (?, ?, ?, ?, ?, ?)", [(stream[0], *row) for row in change.dropped]
        )
        replace_ranges(db, "withheld", stream, change.withheld)
        db.executemany(
            "INSERT OR REPLACE INTO boot VALUES (?, ?, ?, ?, ?)",
            [(*stream, boot_id, *span) for boot_id, span in change.boots.items()],
        )
        db.executemany(
            "INSERT INTO incident VALUES (?, ?, ?, ?, 1, ?, ?)"
            " ON CONFLICT DO UPDATE SET times = times + 1, last_utc_ns = excluded.last_utc_ns",
            [(*stream, kind, text, now_ns, now_ns) for kind, text in change.incidents],
        )
        db.executemany(
            "UPDATE stream SET duplicates = duplicates + ? WHERE agent = ? AND epoch = ?",
            [(count, *name) for name, count in change.duplicates.items()],
        )
        write_facts(db, change)
        mark(db, change)

    def write_figures(self, work: Work, utc_ns: int) -> None:
        """Keep what the job that makes figures did."""
        with self._transaction() as db:
            keep(db, work, utc_ns)

    def makes_figures(self) -> bool:
        """It is: nobody else writes."""
        return True

    def _insert(self, change: Change) -> None:
        stream, new, now_ns = change.stream, change.batches, change.utc_ns
        self._db.execute(
            "INSERT INTO stream (agent, epoch, batches, frames, value_count, wire_bytes, first_utc_ns,"
            " last_utc_ns, number) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
            " (SELECT coalesce(max(number), 0) + 1 FROM stream WHERE agent = ?1)) ON CONFLICT DO UPDATE SET"
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
        self._db.executemany(
            "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [_row(stream, batch, blob, now_ns) for batch, blob in new],
        )

    def news(self, agents: Collection[str]) -> set[str]:
        """None: nobody else writes."""
        return set()

    def stored_ns(self, agent: str) -> int | None:
        """None: nobody else writes."""
        return None

    def held(self, stream: Stream, sequence: int) -> bytes | None:
        """The bytes of a batch."""
        query = "SELECT blob FROM batch WHERE agent = ? AND epoch = ? AND sequence = ?"
        return next((blob for (blob,) in self._rows(query, *stream, sequence)), None)

    def accounted(self, stream: Stream) -> Accounted:
        """What of a stream is accounted for, and how."""
        with self._told():
            return Accounted(
                stored_ranges(self._db, stream),
                pruned_ranges(self._db, stream),
                withheld_ranges(self._db, stream),
                dropped_ranges(self._db, stream),
            )

    def schema(self, digest: bytes) -> bytes | None:
        """The body of a schema."""
        rows = self._rows("SELECT body FROM schema WHERE hash = ?", digest)
        return next((body for (body,) in rows), None)

    def epochs(self, agent: str) -> list[bytes]:
        """The epochs of an agent, in its order."""
        rows = self._rows("SELECT epoch FROM stream WHERE agent = ? ORDER BY number, rowid", agent)
        return [epoch for (epoch,) in rows]

    def boots(self, stream: Stream) -> dict[bytes, Range]:
        """The span of sequences of every boot of a stream."""
        rows = self._rows("SELECT boot_id, first, last FROM boot WHERE agent = ? AND epoch = ?", *stream)
        return {boot_id: (first, last) for boot_id, first, last in rows}

    def events(
        self, agent: str, kinds: Sequence[str], since: Mapping[str, Place] | None = None
    ) -> list[Told]:
        """The events of some kinds of an agent."""
        with self._told():
            return events(self._db, agent, kinds, since)

    def lives(self, agent: str, ids: Sequence[str]) -> dict[str, list[LifeKey]]:
        """The keys of the lives of some alarms."""
        with self._told():
            return lives(self._db, agent, ids)

    def schemas(self) -> list[tuple[bytes, bytes]]:
        """Every schema."""
        return [(digest, body) for digest, body in self._rows("SELECT hash, body FROM schema")]

    def facts(self) -> int:
        """The version of what derived the facts last."""
        return next((version for (version,) in self._rows("SELECT version FROM facts")), 0)

    def agents(self) -> list[str]:
        """Every agent of which a batch is here, or withheld from here."""
        return [agent for (agent,) in self._rows("SELECT agent FROM stream UNION SELECT agent FROM withheld")]

    def incidents(self) -> list[tuple[str, str, int]]:
        """(agent, kind, times) of every incident."""
        rows = self._rows("SELECT agent, kind, times FROM incident ORDER BY 1, 2")
        return [(agent, kind, times) for agent, kind, times in rows]

    def heard_ns(self) -> list[int]:
        """When what was measured last was measured, of the streams heard in this collector's last day."""
        with self._told():
            return heard_ns(self._db)

    def old(self, what: str, before_ns: int, after: Old | None, most: int) -> list[Old]:
        """Rows of a class that came before a time, in the order of their arrival."""
        with self._told():
            return old(self._db, what, before_ns, after, most)

    def prune(self, what: str, rows: Sequence[Old], pruned: Mapping[Stream, Sequence[Range]]) -> None:
        """Delete rows of a class, and keep what they leave in the account."""
        with self._transaction() as db:
            prune(db, what, rows)
            for stream, spans in pruned.items():
                replace_ranges(db, "pruned", stream, spans)

    def check(self) -> None:
        """Whether the files are still those that were opened."""
        with self._told():
            self._files.check()

    def check_room(self) -> None:
        """Whether the disk has room."""
        with self._told():
            self._files.check_room()

    def try_to_write(self, size_bytes: int) -> None:
        """Write and take back so many bytes, in one transaction."""
        with self._transaction() as db:
            try_to_write(db, size_bytes)

    def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._told():
            return self._db.execute(query, parameters).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Raise SinkError for what SQLite says."""
        try:
            yield
        except sqlite3.Error as error:
            raise SinkError(self.path, error) from error


def _row(stream: Stream, batch: Batch, blob: bytes, now_ns: int) -> tuple[Any, ...]:
    times = (int(batch.utc_ns.min()), int(batch.utc_ns.max())) if batch.frames else (None, None)
    return (
        *(*stream, batch.sequence, batch.unit, batch.schema, batch.frames, batch.values),
        *(*times, now_ns, blob),
    )
