"""Reading what a PostgreSQL sink has stored: a connection that can only read, beside running collectors."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import asyncpg

from agent.clock import NEVER_SET_NS
from agent.wire import Batch
from collector.archive import ArchiveError, Descriptions, OfSchema, Sums, intact, offsets_ns
from collector.incidents import SCHEMA
from collector.postgres.connection import Connection
from collector.postgres.figure_source import FigureQueries
from collector.postgres.pruning import old
from collector.postgres.schema import check
from collector.sink import Old, Range, Stream

log = logging.getLogger(__name__)

_NAMED = re.compile(r"'[^']*'|(?<![:\w]):([a-z_]+)\b")
_TYPES = {bool: "boolean", int: "bigint", float: "float8", str: "text", bytes: "bytea", type(None): "text"}


class PostgresArchive(FigureQueries):
    """A collector's database, read-only. place: its URL, without the scheme. `tell`: as `Archive`."""

    def __init__(self, place: str, tell: Callable[[str], None] = log.warning) -> None:
        self.tell = tell
        self._descriptions = Descriptions(self._body, self._refused, tell)
        self._db = Connection(
            place,
            lambda where, why: ArchiveError(f"{where}: {why}"),
            _opened,
            default_transaction_read_only="on",
        )

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def as_of_now(self) -> AbstractContextManager[None]:
        """Read all as of one moment."""
        return self._db.transaction("ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def streams(self) -> list[Stream]:
        """Every (agent, epoch) of which anything is known."""
        tables = ("stream", "refused", "dropped", "withheld", "pruned")
        every = " UNION ".join(f"SELECT agent, epoch FROM {table}" for table in tables)
        return [(agent, epoch) for agent, epoch in self._db.rows(f"{every} ORDER BY agent, epoch")]

    def stored(self, stream: Stream) -> list[Range]:
        """The stored sequences of a stream, by their keys."""
        return self._ranges(
            "SELECT min(sequence), max(sequence) FROM"
            " (SELECT sequence, sequence - row_number() OVER (ORDER BY sequence) AS island FROM batch_key"
            " WHERE stream = (SELECT id FROM stream WHERE agent = $1 AND epoch = $2)) AS keys"
            " GROUP BY island ORDER BY 1",
            stream,
        )

    def pruned(self, stream: Stream) -> list[Range]:
        """The ranges that were stored here and are deleted since."""
        return self._ranges("SELECT first, last FROM pruned WHERE agent = $1 AND epoch = $2", stream)

    def old(self, what: str, before_ns: int, after: Old | None, most: int) -> list[Old]:
        """Rows of a class that came before a time, day by day."""
        return old(self._db, what, before_ns, after, most, needed=True)

    def dropped(self, stream: Stream) -> list[Range]:
        """The ranges that its agent reported as dropped."""
        return self._ranges("SELECT first, last FROM dropped WHERE agent = $1 AND epoch = $2", stream)

    def withheld(self, stream: Stream) -> list[Range]:
        """The ranges that its agent says this collector is never to have."""
        return self._ranges("SELECT first, last FROM withheld WHERE agent = $1 AND epoch = $2", stream)

    def _ranges(self, sql: str, stream: Stream) -> list[Range]:
        return [(first, last) for first, last in self._db.rows(sql, *stream)]

    def refused(self, stream: Stream) -> list[tuple[int, str]]:
        """(sequence, reason) of what came and was not sound, in order."""
        sql = "SELECT sequence, reason FROM refused WHERE agent = $1 AND epoch = $2 ORDER BY sequence"
        return [(sequence, reason) for sequence, reason in self._db.rows(sql, *stream)]

    def incidents(self, stream: Stream, kinds: Sequence[str]) -> list[tuple[str, int, str]]:
        """(kind, times, text) of the incidents of some kinds."""
        sql = (
            "SELECT kind, times, text FROM incident"
            " WHERE agent = $1 AND epoch = $2 AND kind = ANY ($3) ORDER BY kind"
        )
        return [(kind, times, text) for kind, times, text in self._db.rows(sql, *stream, list(kinds))]

    def schemas(self, stream: Stream) -> Iterator[OfSchema]:
        """The schemas of a stream's frames."""
        found = self._db.rows(
            "SELECT name, count, schema.body, min(incident.text) FROM"
            " (SELECT schema AS name, count(*) AS count FROM batch"
            " WHERE agent = $1 AND epoch = $2 AND frames > 0 GROUP BY 1) AS used"
            " LEFT JOIN schema ON hash = name"
            " LEFT JOIN incident ON incident.agent = $1 AND incident.epoch = $2"
            " AND kind IN ($3 || encode(name, 'hex'), $3 || 'without a hash')"
            " GROUP BY 1, 2, 3 ORDER BY 1",
            *stream,
            SCHEMA,
        )
        return (OfSchema(*row) for row in found)

    def rows(self, stream: Stream) -> Iterator[tuple[int, int, int, Any]]:
        """(sequence, frames, values, bytes) of every stored batch, as its row says."""
        found = self._db.each(
            "SELECT sequence, frames, value_count, blob FROM batch WHERE agent = $1 AND epoch = $2", *stream
        )
        return ((sequence, frames, values, blob) for sequence, frames, values, blob in found)

    def sums(self, stream: Stream) -> Sums | None:
        """The sums that were kept while batches were stored; None: nothing of the stream was."""
        found = self._db.rows(
            "SELECT batches, frames, value_count FROM stream WHERE agent = $1 AND epoch = $2", *stream
        )
        return next((Sums(*row) for row in found), None)

    def batches(
        self, agent: str | None, unit: str | None, from_ns: int | None, to_ns: int | None
    ) -> Iterator[tuple[str, Batch]]:
        """Stored batches with frames that may lie in [from_ns, to_ns), as (agent, batch), unit by unit in the
        order of sealing: what was read before a clock was set is where it belongs, too.
        """
        offsets = offsets_ns(
            (agent, record)
            for agent, record in self._db.rows(
                "SELECT agent, record FROM event JOIN stream USING (agent, epoch) WHERE kind = 'clock_offset'"
                " ORDER BY stream.number, sequence, position"  # what is healed arrives late
            )
        )
        found = self._db.each(
            "SELECT agent, epoch, sequence, blob FROM batch_body AS body"
            " JOIN stream ON stream.id = body.stream"
            " WHERE body.frames > 0 AND ($1::text IS NULL OR agent = $1) AND ($2::text IS NULL OR unit = $2)"
            " AND (body.first_utc_ns < $5 OR (($3::bigint IS NULL OR body.last_utc_ns >= $3)"
            " AND ($4::bigint IS NULL OR body.first_utc_ns < $4)))"
            " ORDER BY agent, unit, stream.number, epoch, sequence",
            *(agent, unit, from_ns, to_ns, NEVER_SET_NS),
        )
        for name, batch in intact(found, self.tell):
            yield name, batch.repaired(offsets.get((name, batch.boot_id.hex())))

    def alarms(self, agent: str | None) -> list[tuple[str, str, str]]:
        """(agent, unit, record as JSON) of what happened to alarms, in the order of sealing."""
        found = self._db.rows(
            "SELECT agent, unit, record FROM event JOIN stream USING (agent, epoch)"
            " WHERE kind = 'alarm' AND ($1::text IS NULL OR agent = $1)"
            " ORDER BY agent, stream.number, epoch, sequence, position",
            agent,
        )
        return [(agent, unit, record) for agent, unit, record in found]

    def newest(self, agent: str, unit: str, count: int) -> Iterator[tuple[int, Batch]]:
        """The batches of a unit that were sealed last, the newest first, and when each came."""
        streams = self._db.rows("SELECT id, epoch FROM stream WHERE agent = $1 ORDER BY number DESC", agent)
        for number, epoch in streams:
            found = self._db.rows(
                "SELECT received_utc_ns, sequence, blob FROM batch_body"
                " WHERE stream = $1 AND unit = $2 AND frames > 0 ORDER BY sequence DESC LIMIT $3",
                *(number, unit, count),
            )
            for received_ns, sequence, blob in found:
                count -= 1
                for _, batch in intact([(agent, epoch, sequence, blob)], self.tell):
                    yield received_ns, batch

    def select(self, sql: str, values: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """The rows of a SELECT."""
        used: list[str] = []

        def numbered(found: re.Match[str]) -> str:
            name = found[1]
            if name not in values:
                return found[0]
            if name not in used:
                used.append(name)
            return f"${used.index(name) + 1}::{_TYPES[type(values[name])]}"

        text = _NAMED.sub(numbered, sql)
        return map(tuple, self._db.each(text, *(values[name] for name in used)))

    def description(self, digest: bytes | None) -> dict[str, Any] | None:
        """The content of a schema; None where it never came, or is damaged."""
        return self._descriptions.of(digest)

    def _body(self, digest: bytes) -> Any:
        found = self._db.rows("SELECT body FROM schema WHERE hash = $1", digest)
        return next((row[0] for row in found), None)

    def _refused(self, digest: bytes) -> str | None:
        found = self._db.rows("SELECT text FROM incident WHERE kind = $1", SCHEMA + digest.hex())
        return next((row[0] for row in found), None)


async def _opened(db: asyncpg.Connection) -> None:
    await check(db)
    await db.set_type_codec("numeric", encoder=str, decoder=_number, schema="pg_catalog", format="text")


def _number(text: str) -> int | float:
    """A sum of bigints is numeric: whole numbers are told as such, as SQLite does."""
    return float(text) if "." in text or "N" in text else int(text)
