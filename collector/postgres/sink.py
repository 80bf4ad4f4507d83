"""The PostgreSQL sink: one transaction per write, one statement per table, whatever number of rows."""

import os
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from hashlib import blake2b
from itertools import chain
from typing import Any

from agent.wire import Batch
from agent.wire.ranges import Ranges
from collector.facts.order import Place, Told
from collector.figures.work import Work
from collector.postgres import days, pruning
from collector.postgres.connection import Connection
from collector.postgres.facts import events, fact_rows, lives
from collector.postgres.figures import agents_of, keep, mark
from collector.postgres.schema import LOCK, migrate
from collector.postgres.text import storable
from collector.sink import NOBODY, Accounted, Change, LifeKey, Old, Outdated, Range, SinkError, Stream

CALL_S = 15.0
_FIGURES, _PRUNING = 2, 3  # what one process of all does
Streams = dict[Stream, int]  # their numbers

_FIND_STREAMS = (
    "SELECT agent, epoch, id FROM stream JOIN unnest($1::text[], $2::bytea[]) AS wanted (agent, epoch)"
    " USING (agent, epoch)"
)
_ADD_TO_STREAMS = (
    "UPDATE stream SET batches = stream.batches + new.batches, frames = stream.frames + new.frames,"
    " value_count = stream.value_count + new.value_count, wire_bytes = stream.wire_bytes + new.wire_bytes,"
    " last_utc_ns = new.utc_ns FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[],"
    " $5::bigint[], $6::bigint[]) AS new (id, batches, frames, value_count, wire_bytes, utc_ns)"
    " WHERE stream.id = new.id"
)
_NEW_STREAMS = (
    "INSERT INTO stream (agent, epoch, batches, frames, value_count, wire_bytes, first_utc_ns, last_utc_ns,"
    " number) SELECT agent, epoch, 0, 0, 0, 0, utc_ns, utc_ns,"
    " (SELECT coalesce(max(number), 0) FROM stream WHERE stream.agent = new.agent)"
    " + row_number() OVER (PARTITION BY agent ORDER BY n)"
    " FROM unnest($1::text[], $2::bytea[], $3::bigint[])"
    " WITH ORDINALITY AS new (agent, epoch, utc_ns, n) ORDER BY n RETURNING agent, epoch, id"
)
_KEYS = "INSERT INTO batch_key SELECT * FROM unnest($1::integer[], $2::bigint[], $3::date[])"
_BODIES = (
    "INSERT INTO batch_body SELECT * FROM unnest($1::integer[], $2::bigint[], $3::date[], $4::integer[],"
    " $5::integer[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::bytea[], $11::bytea[])"
)
_TOUCHED_RANGES = (
    "SELECT stream, stored_range.first, stored_range.last FROM stored_range"
    " JOIN unnest($1::integer[], $2::bigint[], $3::bigint[]) AS new (stream, first, last) USING (stream)"
    " WHERE stored_range.first <= new.last + 1 AND stored_range.last >= new.first - 1"
)
_NO_RANGES = (
    "DELETE FROM stored_range USING unnest($1::integer[], $2::bigint[]) AS gone (stream, first)"
    " WHERE stored_range.stream = gone.stream AND stored_range.first = gone.first"
)
_RANGES = (
    "INSERT INTO stored_range SELECT * FROM unnest($1::integer[], $2::bigint[], $3::bigint[])"
    " ON CONFLICT (stream, first) DO UPDATE SET last = excluded.last"
)
_SCHEMAS = "INSERT INTO schema SELECT * FROM unnest($1::bytea[], $2::bytea[]) ON CONFLICT DO NOTHING"
_REFUSED = (
    "INSERT INTO refused"
    " SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::text[], $5::bigint[])"
    " ON CONFLICT (agent, epoch, sequence) DO UPDATE SET reason = excluded.reason, utc_ns = excluded.utc_ns"
)
_EVENTS = (
    "INSERT INTO event SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::integer[], $5::text[],"
    " $6::text[], $7::text[], $8::text[], $9::bigint[])"
)
_DROPPED = (
    "INSERT INTO dropped"
    " SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[])"
)
_NOT_WITHHELD = (
    "DELETE FROM withheld USING unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[])"
    " AS new (agent, epoch, first, last) WHERE withheld.agent = new.agent AND withheld.epoch = new.epoch"
    " AND withheld.first BETWEEN new.first AND new.last"
)
_WITHHELD = "INSERT INTO withheld SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[])"
_BOOTS = (
    "INSERT INTO boot SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[])"
    " ON CONFLICT (agent, epoch, boot_id) DO UPDATE SET first = excluded.first, last = excluded.last"
)
_INCIDENTS = (
    "INSERT INTO incident"
    " SELECT agent, epoch, kind, text, times, utc_ns, utc_ns FROM unnest($1::text[], $2::bytea[], $3::text[],"
    " $4::text[], $5::bigint[], $6::bigint[]) AS new (agent, epoch, kind, text, times, utc_ns)"
    " ON CONFLICT (agent, epoch, kind) DO UPDATE SET times = incident.times + excluded.times,"
    " last_utc_ns = excluded.last_utc_ns"
)
_WRITERS = (
    "INSERT INTO writer SELECT * FROM unnest($1::text[], $2::bytea[])"
    " ON CONFLICT (agent) DO UPDATE SET token = excluded.token"
)
_DUPLICATES = (
    "UPDATE stream SET duplicates = stream.duplicates + new.count"
    " FROM unnest($1::text[], $2::bytea[], $3::bigint[]) AS new (agent, epoch, count)"
    " WHERE stream.agent = new.agent AND stream.epoch = new.epoch"
)


class PostgresSink:
    """Rows of any number of agents in one database. place: its URL, without the scheme."""

    def __init__(self, place: str) -> None:
        self._days: set[date] = set()  # whose partitions are there
        self._figure_days: set[date] = set()
        self._token = b""  # by which others tell that this process wrote
        self._wrote: dict[str, bytes | None] = {}  # whose token agents had when `news` was asked for
        self._db = Connection(place, SinkError, self._opened, CALL_S)

    async def _opened(self, db: Any) -> None:
        self._figure_days.clear()
        self._days.clear()  # it may have been restored from a copy
        self._wrote.clear()
        self._token = secrets.token_bytes(8)
        await migrate(db)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def write(self, *changes: Change) -> None:
        """Insert the rows of some changes of different streams."""
        agents = {change.stream[0] for change in changes if change.stream != NOBODY}
        now_days = {days.day_of(change.utc_ns) for change in changes if change.batches}
        with self._db.transaction():
            self._lock(agents | _counted(changes))
            self._sign(agents)
            if now_days - self._days:
                days.make(self._db, now_days - self._days)
            numbers = self._insert(changes)
            for sql, rows in chain(_rows(changes), fact_rows(changes)):
                self._db.run_with(sql, rows)
            mark(self._db, changes, numbers)
        self._days |= now_days
        self._wrote.update(dict.fromkeys(agents, self._token))

    def write_figures(self, work: Work, utc_ns: int) -> None:
        """Keep what the job that makes figures did."""
        streams = {one.stream for one in work.placed} | {stream for stream, _ in work.indexed}
        with self._db.transaction():
            self._lock(agents_of(work))
            found = self._db.run_with(_FIND_STREAMS, sorted(streams))
            numbers = {(agent, epoch): number for agent, epoch, number in found}
            try:
                keep(self._db, work, numbers, utc_ns, self._figure_days)
            except SinkError:
                self._figure_days.clear()  # one may be dropped since
                raise

    def makes_figures(self) -> bool:
        """Whether this process makes figures: the first that asks does, until it ends."""
        return self._has_it(_FIGURES)

    def _has_it(self, what: int) -> bool:
        """Whether this process is the one of all on these tables that does something: it is until it ends."""
        found = self._db.rows("SELECT pg_try_advisory_lock($1 # hashtext(current_schema()), $2)", LOCK, what)
        return bool(found[0][0])

    def _lock(self, agents: Iterable[str]) -> None:
        """Have these agents for oneself until the transaction ends; in one order, whoever asks."""
        numbers = ",".join(str(number) for number in sorted(map(_lock_number, agents)))
        self._db.run(f"SELECT pg_advisory_xact_lock(n) FROM unnest('{{{numbers}}}'::bigint[]) AS n")

    def _sign(self, agents: Collection[str]) -> None:
        """Put this process's token to agents that are locked. Raises Outdated where another's came since."""
        found = self._tokens(agents)
        if any(found.get(agent) != self._wrote.get(agent, found.get(agent)) for agent in agents):
            raise Outdated(self._db.shown, "another collector wrote meanwhile")
        unsigned = [(agent, self._token) for agent in sorted(agents) if found.get(agent) != self._token]
        self._db.run_with(_WRITERS, unsigned)

    def _tokens(self, agents: Collection[str]) -> dict[str, bytes]:
        rows = self._db.rows("SELECT agent, token FROM writer WHERE agent = ANY ($1)", list(agents))
        return {agent: token for agent, token in rows}

    def news(self, agents: Collection[str]) -> set[str]:
        """Of some agents those of whom another process wrote last."""
        found = self._tokens(agents)
        self._wrote.update((agent, found.get(agent)) for agent in agents)
        return {agent for agent, token in found.items() if token != self._token}

    def stored_ns(self, agent: str) -> int | None:
        """When a batch of an agent was stored last."""
        rows = self._db.rows("SELECT max(last_utc_ns) FROM stream WHERE agent = $1", agent)
        return next((row[0] for row in rows), None)

    def _insert(self, changes: Sequence[Change]) -> Streams:
        """Insert batches, and what is counted of them; return the numbers of their streams."""
        bringing = [change for change in changes if change.batches]
        numbers = self._numbers(bringing)
        sums = [
            (
                numbers[change.stream],
                len(change.batches),
                sum(batch.frames for batch, _ in change.batches),
                sum(batch.values for batch, _ in change.batches),
                sum(len(blob) for _, blob in change.batches),
                change.utc_ns,
            )
            for change in bringing
        ]
        bodies = [
            _body(numbers[change.stream], batch, blob, change.utc_ns)
            for change in bringing
            for batch, blob in change.batches
        ]
        self._db.run_with(_ADD_TO_STREAMS, sums)
        self._db.run_with(_KEYS, [body[:3] for body in bodies])
        self._db.run_with(_BODIES, bodies)
        self._extend({(body[0], body[1]) for body in bodies})
        return numbers

    def _numbers(self, changes: Sequence[Change]) -> Streams:
        """The numbers of the changes' streams, which are made where they are new."""
        streams = list(dict.fromkeys(change.stream for change in changes))
        numbers = {row[:2]: row[2] for row in map(tuple, self._db.run_with(_FIND_STREAMS, streams))}
        new = {change.stream: change.utc_ns for change in changes if change.stream not in numbers}
        made = self._db.run_with(_NEW_STREAMS, [(*stream, utc_ns) for stream, utc_ns in new.items()])
        return numbers | {row[:2]: row[2] for row in map(tuple, made)}

    def _extend(self, stored: Iterable[tuple[int, int]]) -> None:
        """Put sequences into the ranges of their streams, as (number, sequence)."""
        new: dict[int, Ranges] = {}
        for number, sequence in sorted(stored):
            new.setdefault(number, Ranges()).add(sequence)
        spans = [(number, first, last) for number, ranges in new.items() for first, last in ranges]
        touched = {tuple(row) for row in self._db.run_with(_TOUCHED_RANGES, spans)}
        for number, first, last in touched:
            new[number].add(first, last)
        now = {(number, first): last for number, ranges in new.items() for first, last in ranges}
        self._db.run_with(_NO_RANGES, [row[:2] for row in touched if row[:2] not in now])
        self._db.run_with(_RANGES, [(*key, last) for key, last in now.items()])

    def held(self, stream: Stream, sequence: int) -> bytes | None:
        """The bytes of a batch."""
        rows = self._db.rows(
            "SELECT blob FROM batch_key JOIN batch_body USING (stream, sequence, day)"
            " WHERE stream = (SELECT id FROM stream WHERE agent = $1 AND epoch = $2) AND sequence = $3",
            *stream,
            sequence,
        )
        return next((row[0] for row in rows), None)

    def accounted(self, stream: Stream) -> Accounted:
        """What of a stream is accounted for, and how."""
        stored = (
            "SELECT first, last FROM stored_range"
            " WHERE stream = (SELECT id FROM stream WHERE agent = $1 AND epoch = $2)"
        )
        told = "SELECT first, last FROM {} WHERE agent = $1 AND epoch = $2"
        queries = (stored, *map(told.format, ("pruned", "withheld", "dropped")))
        return Accounted(*(list(map(_range, self._db.rows(sql, *stream))) for sql in queries))

    def schema(self, digest: bytes) -> bytes | None:
        """The body of a schema."""
        rows = self._db.rows("SELECT body FROM schema WHERE hash = $1", digest)
        return next((row[0] for row in rows), None)

    def epochs(self, agent: str) -> list[bytes]:
        """The epochs of an agent, in its order."""
        rows = self._db.rows("SELECT epoch FROM stream WHERE agent = $1 ORDER BY number, id", agent)
        return [row[0] for row in rows]

    def boots(self, stream: Stream) -> dict[bytes, Range]:
        """The span of sequences of every boot of a stream."""
        rows = self._db.rows("SELECT boot_id, first, last FROM boot WHERE agent = $1 AND epoch = $2", *stream)
        return {boot_id: (first, last) for boot_id, first, last in rows}

    def events(
        self, agent: str, kinds: Sequence[str], since: Mapping[str, Place] | None = None
    ) -> list[Told]:
        """The events of some kinds of an agent."""
        return events(self._db, agent, kinds, since)

    def lives(self, agent: str, ids: Sequence[str]) -> dict[str, list[LifeKey]]:
        """The keys of the lives of some alarms."""
        return lives(self._db, agent, ids)

    def schemas(self) -> list[tuple[bytes, bytes]]:
        """Every schema."""
        return [(digest, body) for digest, body in self._db.rows("SELECT hash, body FROM schema")]

    def facts(self) -> int:
        """The version of what derived the facts last."""
        return int(self._db.rows("SELECT coalesce(max(version), 0) FROM facts")[0][0])

    def agents(self) -> list[str]:
        """Every agent of which a batch is here, or withheld from here."""
        rows = self._db.rows("SELECT agent FROM stream UNION SELECT agent FROM withheld ORDER BY 1")
        return [row[0] for row in rows]

    def incidents(self) -> list[tuple[str, str, int]]:
        """(agent, kind, times) of every incident."""
        rows = self._db.rows("SELECT agent, kind, times FROM incident ORDER BY agent, kind, epoch")
        return [(agent, kind, times) for agent, kind, times in rows]

    def heard_ns(self) -> list[int]:
        """When what was measured last was measured, of the streams heard in the collectors' last day."""
        return pruning.heard_ns(self._db)

    def old(self, what: str, before_ns: int, after: Old | None, most: int) -> list[Old]:
        """Rows of a class of days that were over before a time, day by day; nothing, where another process
        prunes. A look that begins drops the tables of days of which nothing is left.
        """
        if not self._has_it(_PRUNING):
            return []
        if after is None:
            with suppress(SinkError):  # somebody reads them: another time
                pruning.drop_empty(self._db, what, before_ns)
        return pruning.old(self._db, what, before_ns, after, most)

    def prune(self, what: str, rows: Sequence[Old], pruned: Mapping[Stream, Sequence[Range]]) -> None:
        """Delete rows of a class, and keep what they leave in the account."""
        agents = {row.stream[0] for row in rows}
        signed = {agent for agent, _ in pruned}
        with self._db.transaction():
            self._lock(agents)
            self._sign(signed)
            if not pruning.prune(self._db, what, rows, pruned):
                raise Outdated(self._db.shown, "figures are to be made of it meanwhile")
        self._wrote.update(dict.fromkeys(signed, self._token))

    def check(self) -> None:
        """Whether the server answers, and the tables are there."""
        self._db.rows("SELECT 1 FROM stream LIMIT 1")

    def check_room(self) -> None:
        """Nobody but the server knows; `try_to_write` says."""

    def try_to_write(self, size_bytes: int) -> None:
        """Commit and take back so many bytes."""
        with self._db.transaction():
            self._db.rows("INSERT INTO trial VALUES ($1)", os.urandom(max(1, size_bytes)))
            self._db.run("DELETE FROM trial")


def _lock_number(agent: str) -> int:
    return int.from_bytes(blake2b(agent.encode(), digest_size=8).digest(), signed=True)


def _counted(changes: Sequence[Change]) -> set[str]:
    return {agent for change in changes for agent, _ in change.duplicates}


def _range(row: Any) -> Range:
    return row[0], row[1]


def _body(number: int, batch: Batch, blob: bytes, now_ns: int) -> tuple[Any, ...]:
    times = (int(batch.utc_ns.min()), int(batch.utc_ns.max())) if batch.frames else (None, None)
    return (
        *(number, batch.sequence, days.day_of(now_ns), batch.frames, batch.values),
        *(*times, now_ns, batch.unit, batch.schema, blob),
    )


def _rows(changes: Sequence[Change]) -> Iterable[tuple[str, list[tuple[Any, ...]]]]:
    """Every other table's statement with its rows: of each key one, in an order that is everybody's."""
    schemas: dict[bytes, bytes] = {}
    refused: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    incidents: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    duplicates: dict[Stream, int] = {}
    for change in changes:
        schemas = {**change.schemas, **schemas}
        for sequence, reason in change.refused:
            refused[*change.stream, sequence] = (storable(reason), change.utc_ns)
        for kind, text in change.incidents:
            key = (*change.stream, storable(kind))
            first, times, _ = incidents.get(key, (storable(text), 0, 0))
            incidents[key] = first, times + 1, change.utc_ns
        for stream, count in change.duplicates.items():
            duplicates[stream] = duplicates.get(stream, 0) + count
    withheld = [(*change.stream, *span) for change in changes for span in change.withheld]
    yield _SCHEMAS, sorted(schemas.items())
    yield _REFUSED, [(*key, *row) for key, row in refused.items()]
    yield (
        _EVENTS,
        [
            (
                *(*change.stream, row.sequence, row.position, storable(row.kind), row.unit),
                *(storable(row.record), storable(row.subject), change.utc_ns),
            )
            for change in changes
            for row in change.events
        ],
    )
    yield (
        _DROPPED,
        [
            (change.stream[0], row.epoch, row.first, row.last, storable(row.reason), row.reported_in)
            for change in changes
            for row in change.dropped
        ],
    )
    yield _NOT_WITHHELD, withheld
    yield _WITHHELD, withheld
    yield (
        _BOOTS,
        [(*change.stream, boot_id, *span) for change in changes for boot_id, span in change.boots.items()],
    )
    yield _INCIDENTS, [(*key, *row) for key, row in incidents.items()]
    yield _DUPLICATES, [(*stream, count) for stream, count in duplicates.items()]
