"""Reading what a SQLite sink has stored: one read-only connection, beside a running writer or without one."""

import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.clock import NEVER_SET_NS
from agent.wire import Batch
from collector.archive import ArchiveError, Descriptions, OfSchema, Sums, intact, offsets_ns
from collector.incidents import SCHEMA
from collector.sink import Old, Range, Stream
from collector.sqlite.figure_source import FigureQueries, fast_views
from collector.sqlite.pruning import old
from collector.sqlite.ranges import (
    dropped_ranges,
    has,
    has_column,
    pruned_ranges,
    stored_ranges,
    withheld_ranges,
)
from collector.sqlite.schema import refuse_newer

log = logging.getLogger(__name__)

OLDER = "written by an older cellwarden: start this version's collector on it once"


class SqliteArchive(FigureQueries):
    """A collector's database, read-only. `tell`: takes a line for each thing that cannot be read, and why."""

    def __init__(self, path: Path, tell: Callable[[str], None] = log.warning) -> None:
        self.path, self.tell = path, tell
        self._descriptions = Descriptions(self._body, self._refused, tell)
        try:
            self.db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            self.db.text_factory = lambda raw: raw.decode(errors="backslashreplace")
            self.db.execute("SELECT 1 FROM stream LIMIT 1")
            #: The column of `stream` by which an agent's epochs are in order.
            self._order = "number" if has_column(self.db, "stream", "number") else "first_utc_ns"
            refuse_newer(self.db)
            fast_views(self.db)
        except ValueError as error:
            raise ArchiveError(f"{path}: {error}") from error
        except sqlite3.Error as error:
            raise ArchiveError(
                f"{path}: {error}; give --sink sqlite:PATH of a collector's database"
            ) from error

    def close(self) -> None:
        """Close the connection."""
        self.db.close()

    def _rows(self, query: str, parameters: Any = ()) -> Iterator[tuple[Any, ...]]:
        """What a query finds. Raises ArchiveError where the database itself is damaged."""
        try:
            yield from self.db.execute(query, parameters)
        except sqlite3.Error as error:
            if str(error).startswith(("no such table", "no such column")):
                raise ArchiveError(f"{self.path}: {OLDER}") from error
            raise ArchiveError(f"{self.path}: {error}; restore it from a copy") from error

    def streams(self) -> list[Stream]:
        """Every (agent, epoch) of which anything is known."""
        newer = (table for table in ("withheld", "pruned") if has(self.db, table))
        tables = ["stream", "refused", "dropped", *newer]
        every = " UNION ".join(f"SELECT agent, epoch FROM {table}" for table in tables)
        found = self._rows(f"{every} ORDER BY agent")
        return [(agent, epoch) for agent, epoch in found]

    @contextmanager
    def as_of_now(self) -> Iterator[None]:
        """Read all as of one moment."""
        self.db.execute("BEGIN")
        try:
            yield
        finally:
            self.db.execute("ROLLBACK")

    def stored(self, stream: Stream) -> list[Range]:
        """The stored sequences of a stream."""
        return stored_ranges(self.db, stream)

    def pruned(self, stream: Stream) -> list[Range]:
        """The ranges that were stored here and are deleted since."""
        return pruned_ranges(self.db, stream)

    def old(self, what: str, before_ns: int, after: Old | None, most: int) -> list[Old]:
        """Rows of a class that came before a time, in the order of their arrival."""
        try:
            return old(self.db, what, before_ns, after, most, needed=True)
        except sqlite3.Error as error:
            raise ArchiveError(f"{self.path}: {error}; restore it from a copy") from error

    def dropped(self, stream: Stream) -> list[Range]:
        """The ranges that its agent reported as dropped."""
        return dropped_ranges(self.db, stream)

    def withheld(self, stream: Stream) -> list[Range]:
        """The ranges that its agent says this collector is never to have."""
        return withheld_ranges(self.db, stream)

    def refused(self, stream: Stream) -> list[tuple[int, str]]:
        """(sequence, reason) of what came and was not sound, in order."""
        found = self._rows(
            "SELECT sequence, reason FROM refused WHERE agent = ? AND epoch = ? ORDER BY sequence", stream
        )
        return [(sequence, reason) for sequence, reason in found]

    def incidents(self, stream: Stream, kinds: Sequence[str]) -> list[tuple[str, int, str]]:
        """(kind, times, text) of the incidents of some kinds."""
        marks = ", ".join("?" for _ in kinds)
        found = self._rows(
            f"SELECT kind, times, text FROM incident WHERE agent = ? AND epoch = ? AND kind IN ({marks})",
            [*stream, *kinds],
        )
        return [(kind, times, text) for kind, times, text in found]

    def schemas(self, stream: Stream) -> Iterator[OfSchema]:
        """The schemas of a stream's frames."""
        found = self._rows(
            "SELECT name, count, schema.body, incident.text FROM"
            " (SELECT schema AS name, count(*) AS count FROM batch"
            " WHERE agent = ?1 AND epoch = ?2 AND frames > 0 GROUP BY 1)"
            " LEFT JOIN schema ON hash = name"
            " LEFT JOIN incident ON agent = ?1 AND epoch = ?2"
            " AND kind IN (?3 || lower(hex(name)), ?3 || 'without a hash') GROUP BY 1",
            [*stream, SCHEMA],
        )
        return (OfSchema(*row) for row in found)

    def rows(self, stream: Stream) -> Iterator[tuple[int, int, int, Any]]:
        """(sequence, frames, values, bytes) of every stored batch, as its row says."""
        found = self._rows(
            "SELECT sequence, frames, value_count, blob FROM batch WHERE agent = ? AND epoch = ?", stream
        )
        return ((sequence, frames, values, blob) for sequence, frames, values, blob in found)

    def sums(self, stream: Stream) -> Sums | None:
        """The sums that were kept while batches were stored; None: nothing of the stream was."""
        found = self._rows(
            "SELECT batches, frames, value_count FROM stream WHERE agent = ? AND epoch = ?", stream
        )
        return next((Sums(*row) for row in found), None)

    def units(self) -> list[tuple[str | None, str, int]]:
        """(agent, unit, frames) of every unit of which there are frames."""
        found = self._rows(
            "SELECT agent, unit, sum(frames) FROM batch WHERE frames > 0 GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return [(agent, unit, frames) for agent, unit, frames in found]

    def batches(
        self, agent: str | None, unit: str | None, from_ns: int | None, to_ns: int | None
    ) -> Iterator[tuple[str, Batch]]:
        """Stored batches with frames that may lie in [from_ns, to_ns), as (agent, batch), unit by unit in the
        order of sealing: what was read before a clock was set is where it belongs, too.
        """
        found = self._rows(
            "SELECT agent, epoch, sequence, blob FROM batch JOIN stream USING (agent, epoch)"
            " WHERE batch.frames > 0 AND (?1 IS NULL OR agent = ?1) AND (?2 IS NULL OR unit = ?2)"
            " AND (batch.first_utc_ns < ?5 OR ((?3 IS NULL OR batch.last_utc_ns >= ?3)"
            " AND (?4 IS NULL OR batch.first_utc_ns < ?4)))"
            f" ORDER BY agent, unit, stream.{self._order}, epoch, sequence",
            [agent, unit, from_ns, to_ns, NEVER_SET_NS],
        )
        offsets = self._offsets_ns()
        for name, batch in intact(found, self.tell):
            yield name, batch.repaired(offsets.get((name, batch.boot_id.hex())))

    def alarms(self, agent: str | None) -> list[tuple[str, str, str]]:
        """(agent, unit, record as JSON) of what happened to alarms, in the order of sealing."""
        found = self._rows(
            "SELECT agent, unit, record FROM event JOIN stream USING (agent, epoch)"
            " WHERE kind = 'alarm' AND (?1 IS NULL OR agent = ?1)"
            f" ORDER BY agent, stream.{self._order}, epoch, sequence, position",
            [agent],
        )
        return [(agent, unit, record) for agent, unit, record in found]

    def newest(self, agent: str, unit: str, count: int) -> Iterator[tuple[int, Batch]]:
        """The batches of a unit that were sealed last, the newest first, and when each came."""
        epochs = self._rows(f"SELECT epoch FROM stream WHERE agent = ? ORDER BY {self._order} DESC", [agent])
        for (epoch,) in list(epochs):
            found = self._rows(
                "SELECT received_utc_ns, sequence, blob FROM batch"
                " WHERE agent = ? AND epoch = ? AND unit = ? AND frames > 0 ORDER BY sequence DESC LIMIT ?",
                [agent, epoch, unit, count],
            )
            for received_ns, sequence, blob in found:
                count -= 1
                for _, batch in intact([(agent, epoch, sequence, blob)], self.tell):
                    yield received_ns, batch

    def _offsets_ns(self) -> dict[tuple[str, str], int]:
        """UTC less boot time of every boot whose clock was set in the end; what was sealed last holds."""
        return offsets_ns(
            self._rows(
                "SELECT agent, record FROM event JOIN stream USING (agent, epoch)"
                " WHERE kind = 'clock_offset'"
                f" ORDER BY stream.{self._order}, sequence, position"  # what is healed arrives late
            )
        )

    def select(self, sql: str, values: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """The rows of a SELECT."""
        return self._rows(sql, values)

    def description(self, digest: bytes | None) -> dict[str, Any] | None:
        """The content of a schema; None where it never came, or is damaged."""
        return self._descriptions.of(digest)

    def _body(self, digest: bytes) -> Any:
        found = self._rows("SELECT body FROM schema WHERE hash = ?", [digest])
        return next((body for (body,) in found), None)

    def _refused(self, digest: bytes) -> str | None:
        found = self._rows("SELECT text FROM incident WHERE kind = ?", [SCHEMA + digest.hex()])
        return next((why for (why,) in found), None)
