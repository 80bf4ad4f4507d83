"""What of a PostgreSQL archive may be deleted, a row per class of `collector.retention`, and its deletion.

Batches lie by the day of their arrival, and go so: a day that is not over yet for what was set stays whole,
and one of which nothing is left goes as a table.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from agent.wire.ranges import Ranges
from collector.postgres import days
from collector.postgres.connection import Connection
from collector.sink import Old, Range, Stream

DAY_NS = 86_400 * 10**9
STREAMS = 500  # that are asked for their times
LOCK_S = 0.1  # that a table waits for its readers, and others behind it
#: That the figures of a batch are not made yet, or are to be made anew: it is needed for them.
_NEEDED = """b.frames > 0 AND (
    EXISTS (SELECT FROM not_indexed AS n WHERE n.stream = b.stream AND b.sequence BETWEEN n.first AND n.last)
    OR EXISTS (SELECT FROM unsynchronised AS u JOIN boot_due USING (agent, boot_id)
        WHERE u.stream = b.stream AND u.sequence = b.sequence)
    OR EXISTS (SELECT FROM unit JOIN stream AS s USING (agent)
        LEFT JOIN unsynchronised AS u ON u.stream = b.stream AND u.sequence = b.sequence
        JOIN due ON due.span_s = 60 AND due.unit = unit.id
        AND due.utc_s >= coalesce(u.first_s, b.first_utc_ns / 60000000000 * 60)
        AND due.utc_s <= coalesce(u.last_s, b.last_utc_ns / 1000000000)
        WHERE s.id = b.stream AND unit.name = b.unit))"""
#: Of an hour: that its minutes, or it, are to be made.
_TO_BE_MADE = (
    "EXISTS (SELECT FROM due WHERE due.span_s = 60 AND due.unit = hour.unit AND due.utc_s >= hour.utc_s"
    " AND due.utc_s < hour.utc_s + 3600) OR EXISTS (SELECT FROM due WHERE due.span_s = 3600"
    " AND due.unit = hour.unit AND due.utc_s = hour.utc_s)"
)
_OF_DAY = (
    "SELECT b.stream, agent, epoch, sequence, unit, received_utc_ns, b.first_utc_ns, b.last_utc_ns"
    " FROM batch_body AS b JOIN stream ON stream.id = b.stream WHERE b.day = $1"
    " AND (b.stream, sequence) > ($2, $3) AND {} ORDER BY b.stream, sequence LIMIT $4"
)
_HOURS = (
    "SELECT hour.unit, agent, name, made_utc_ns, utc_s FROM hour JOIN unit ON unit.id = hour.unit"
    " WHERE NOT minutes_gone AND made_utc_ns < $1 AND (made_utc_ns, hour.unit, utc_s) > ($2, $3, $4) AND {}"
    " ORDER BY made_utc_ns, hour.unit, utc_s LIMIT $5"
)
_KEYS = "unnest($1::integer[], $2::bigint[]) AS gone (stream, sequence)"
_NO_BODIES = (
    f"DELETE FROM batch_body AS b USING {_KEYS} WHERE b.day = $3 AND b.stream = gone.stream"
    f" AND b.sequence = gone.sequence AND NOT ({_NEEDED})"
    " RETURNING b.stream, b.frames, b.value_count, length(b.blob)"
)
_NO_KEYS = (
    f"DELETE FROM batch_key AS k USING {_KEYS} WHERE k.stream = gone.stream AND k.sequence = gone.sequence"
)
_SUMS = (
    "UPDATE stream SET batches = batches - gone.n, frames = stream.frames - gone.frames,"
    " value_count = value_count - gone.count, wire_bytes = wire_bytes - gone.bytes"
    " FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])"
    " AS gone (id, n, frames, count, bytes) WHERE stream.id = gone.id"
)
_TOUCHED = "SELECT first, last FROM stored_range WHERE stream = $1 AND first <= $3 AND last >= $2"
_NO_RANGES = "DELETE FROM stored_range WHERE stream = $1 AND first <= $3 AND last >= $2"
_RANGES = "INSERT INTO stored_range SELECT * FROM unnest($1::integer[], $2::bigint[], $3::bigint[])"
_NOT_PRUNED = (
    "DELETE FROM pruned USING unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[])"
    " AS new (agent, epoch, first, last) WHERE pruned.agent = new.agent AND pruned.epoch = new.epoch"
    " AND pruned.first BETWEEN new.first AND new.last"
)
_PRUNED = "INSERT INTO pruned SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[])"
_HOUR = "unit = $1 AND utc_s >= $2 AND utc_s < $2 + 3600"


def _batches(db: Connection, before_ns: int, after: Old | None, most: int, needed: bool) -> list[Old]:
    """Day by day in the order of streams; a day that is not over by `before_ns` is left out."""
    of_day = _OF_DAY.format("TRUE" if needed else f"NOT ({_NEEDED})")
    first = days.day_of(after.received_ns) if after else date.min
    found: list[Old] = []
    for day in days.there(db, "batch_body"):
        if day < first or (day >= days.day_of(before_ns) and not needed):
            continue
        since = (after.key, after.sequence) if after and day == first else (-1, -1)
        rows = db.rows(of_day, day, *since, most - len(found))
        found += [Old(row[0], (row[1], row[2]), *row[3:]) for row in rows]
        if len(found) == most:
            break
    return found


def _hours(db: Connection, before_ns: int, after: Old | None, most: int, needed: bool) -> list[Old]:
    since = (after.received_ns, after.key, (after.first_ns or 0) // 10**9) if after else (-1, -1, -1)
    query = _HOURS.format("TRUE" if needed else f"NOT ({_TO_BE_MADE})")
    return [
        Old(unit, (agent, b""), 0, name, made_ns, utc_s * 10**9, (utc_s + 3600) * 10**9)
        for unit, agent, name, made_ns, utc_s in db.rows(query, before_ns, *since, most)
    ]


def _no_batches(db: Connection, rows: Sequence[Old]) -> bool:
    sums: dict[int, list[int]] = {}
    of_day: dict[date, list[Old]] = {}
    for row in rows:
        of_day.setdefault(days.day_of(row.received_ns), []).append(row)
    for day, some in of_day.items():
        keys = [row.key for row in some], [row.sequence for row in some]
        gone = db.rows(_NO_BODIES, *keys, day)
        if len(gone) != len(some):
            return False
        db.rows(_NO_KEYS, *keys)
        for stream, *counts in gone:
            so_far = sums.setdefault(stream, [0, 0, 0, 0])
            sums[stream] = [x + more for x, more in zip(so_far, (1, *counts), strict=True)]
    db.run_with(_SUMS, [(stream, *counts) for stream, counts in sums.items()])
    for stream in sums:
        _cut(db, stream, Ranges((row.sequence, row.sequence) for row in rows if row.key == stream))
    return True


def _cut(db: Connection, stream: int, gone: Ranges) -> None:
    """Take sequences out of the stored ranges of a stream."""
    for span in gone:
        held = Ranges((first, last) for first, last in db.rows(_TOUCHED, stream, *span))
        db.rows(_NO_RANGES, stream, *span)
        db.run_with(_RANGES, [(stream, *left) for left in held.minus(Ranges([span]))])


def _no_minutes(db: Connection, rows: Sequence[Old]) -> bool:
    """The minutes of hours: these are never made again, and need no batches any more."""
    for unit, utc_s in dict.fromkeys((row.key, (row.first_ns or 0) // 10**9) for row in rows):
        if db.rows(f"SELECT FROM hour WHERE unit = $1 AND utc_s = $2 AND ({_TO_BE_MADE})", unit, utc_s):
            return False
        db.rows(f"DELETE FROM minute WHERE {_HOUR}", unit, utc_s)
        db.rows(
            f"DELETE FROM batch_minute AS b WHERE {_HOUR} AND NOT EXISTS (SELECT FROM batch_key AS k"
            " WHERE k.stream = b.stream AND k.sequence = b.sequence)",
            *(unit, utc_s),
        )
        db.rows("UPDATE hour SET minutes_gone = true WHERE unit = $1 AND utc_s = $2", unit, utc_s)
    return True


class Class(NamedTuple):
    """table: parted by days. delete: whether all rows could be, in the caller's transaction."""

    table: str
    old: Callable[[Connection, int, Old | None, int, bool], list[Old]]
    delete: Callable[[Connection, Sequence[Old]], bool]


CLASSES = {
    "raw": Class("batch_body", _batches, _no_batches),
    "minute": Class("minute", _hours, _no_minutes),
}


def old(
    db: Connection, what: str, before_ns: int, after: Old | None, most: int, needed: bool = False
) -> list[Old]:
    """Rows of a class that came before a time, behind `after`. needed: those, too, of which something is
    still to be made, and of a day that is not over.
    """
    return CLASSES[what].old(db, before_ns, after, most, needed) if what in CLASSES else []


def prune(db: Connection, what: str, rows: Sequence[Old], pruned: Mapping[Stream, Sequence[Range]]) -> bool:
    """Delete rows of a class, in the caller's transaction, who has the lock of their agents; return whether
    none of them is needed, or gone, since they were found.
    """
    if not CLASSES[what].delete(db, rows):
        return False
    spans = [(*stream, *span) for stream, some in pruned.items() for span in some]
    db.run_with(_NOT_PRUNED, spans)
    db.run_with(_PRUNED, spans)
    return True


def drop_empty(db: Connection, what: str, before_ns: int) -> None:
    """Drop the tables of days that are over by a time, and of which nothing is left."""
    table = CLASSES[what].table
    for day in days.there(db, table):
        if day < days.day_of(before_ns):
            days.drop_empty(db, table, day, LOCK_S)


def heard_ns(db: Connection) -> list[int]:
    """When what was measured last was measured, of the streams heard in the collectors' last day."""
    rows: list[Any] = db.rows(
        "SELECT of.last_utc_ns FROM (SELECT id, last_utc_ns FROM stream WHERE last_utc_ns >"
        " (SELECT max(last_utc_ns) FROM stream) - $1 LIMIT $2) AS s CROSS JOIN LATERAL"
        " (SELECT last_utc_ns FROM batch_body WHERE stream = s.id AND last_utc_ns IS NOT NULL"
        " AND day >= (to_timestamp(s.last_utc_ns / 1000000000) AT TIME ZONE 'UTC')::date - 1"
        " ORDER BY sequence DESC LIMIT 1) AS of",
        *(DAY_NS, STREAMS),
    )
    return [utc_ns for (utc_ns,) in rows]
