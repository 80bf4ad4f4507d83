"""The rows of minute and hour figures in PostgreSQL: written beside batches, and by the job that makes them.

Who writes has the lock of each agent of whom it writes, so that nobody waits for somebody who waits for him.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from collector.figures.figures import HOUR_S, MINUTE_S, Arrays, Figures
from collector.figures.marks import Placed, offsets, placed
from collector.figures.work import Made, Work
from collector.postgres import days
from collector.postgres.connection import Connection
from collector.sink import Change, Stream

TABLES = {MINUTE_S: "minute", HOUR_S: "hour"}
NUMBERS = (
    "utc_s, schema, frames, data_s, safety_s, data_minutes, safety_minutes, clock, hottest, hottest_at,"
    " hottest_s, spread, spread_s, min, max, mean, last, good_s"
)
#: UTC less boot time of a boot, as was sealed last; arrival tells nothing.
OFFSET = (
    "(SELECT o.offset_ns FROM clock_offset AS o JOIN stream AS s USING (agent, epoch)"
    " WHERE o.agent = {of}.agent AND o.boot_id = {of}.boot_id"
    " ORDER BY s.number DESC, o.sequence DESC, o.position DESC LIMIT 1)"
)
_GONE = (
    "DELETE FROM batch_minute AS b USING unnest($1::text[], $2::text[], $3::bigint[], $4::integer[],"
    " $5::bigint[]) AS gone (agent, name, utc_s, stream, sequence) JOIN unit USING (agent, name)"
    " WHERE b.unit = unit.id AND b.utc_s = gone.utc_s AND b.stream = gone.stream"
    " AND b.sequence = gone.sequence"
)
_COME = (
    "INSERT INTO batch_minute SELECT unit.id, utc_s, stream, sequence FROM unnest($1::text[], $2::text[],"
    " $3::bigint[], $4::integer[], $5::bigint[]) AS come (agent, name, utc_s, stream, sequence)"
    " JOIN unit USING (agent, name) ON CONFLICT DO NOTHING"
)
_DUE = (
    "INSERT INTO due (span_s, unit, utc_s, since_ns) SELECT span_s, unit.id, utc_s, since_ns"
    " FROM unnest($1::integer[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])"
    " AS new (span_s, agent, name, utc_s, since_ns) JOIN unit USING (agent, name) ORDER BY 1, 2, 3"
    " ON CONFLICT (span_s, unit, utc_s) DO UPDATE SET marks = due.marks + 1"
)
_UNSYNCHRONISED = (
    "INSERT INTO unsynchronised SELECT * FROM unnest($1::integer[], $2::bigint[], $3::text[], $4::bytea[],"
    " $5::bigint[], $6::bigint[], $7::bigint[]) ON CONFLICT (stream, sequence) DO UPDATE"
    " SET offset_ns = excluded.offset_ns, first_s = excluded.first_s, last_s = excluded.last_s"
)
_STAYS = (
    "UPDATE unsynchronised AS u SET offset_ns = new.offset_ns"
    " FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS new (stream, sequence, offset_ns)"
    " WHERE u.stream = new.stream AND u.sequence = new.sequence"
)
_LOOK = "INSERT INTO boot_due SELECT * FROM unnest($1::text[], $2::bytea[]) ON CONFLICT DO NOTHING"
_LOOK_AT_ALL = (
    "INSERT INTO boot_due SELECT DISTINCT agent, boot_id FROM clock_offset WHERE agent = ANY ($1)"
    " ON CONFLICT DO NOTHING"
)
_OFFSETS = (
    "INSERT INTO clock_offset SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bigint[],"
    " $5::integer[], $6::bigint[]) ON CONFLICT DO NOTHING"
)
_LOOKED = (
    "DELETE FROM boot_due AS d USING unnest($1::text[], $2::bytea[]) AS looked (agent, boot_id)"
    " WHERE d.agent = looked.agent AND d.boot_id = looked.boot_id AND NOT EXISTS (SELECT FROM unsynchronised"
    f" AS u WHERE u.agent = d.agent AND u.boot_id = d.boot_id AND u.offset_ns IS DISTINCT FROM {OFFSET})"
).format(of="u")
_INSERT = "INSERT INTO {} (unit, made_utc_ns, " + NUMBERS + ") VALUES ({})"


def mark(db: Connection, changes: Sequence[Change], numbers: Mapping[Stream, int]) -> None:
    """Place the batches of changes, and mark what they make due, within their transaction."""
    new = [placed(change.stream, batch) for change in changes for batch, _ in change.batches if batch.frames]
    put(db, new, numbers, max((change.utc_ns for change in changes), default=0))
    told = [(change.stream, one) for change in changes for one in offsets(change.events)]
    db.run_with(
        _OFFSETS,
        [(agent, o.boot_id, epoch, o.sequence, o.position, o.offset_ns) for (agent, epoch), o in told],
    )
    _look_at(db, {(agent, o.boot_id) for (agent, _), o in told})
    if moved := [change.stream[0] for change in changes if change.epochs]:
        db.rows(_LOOK_AT_ALL, moved)  # another order of epochs: another offset may be the last


def put(db: Connection, batches: Sequence[Placed], numbers: Mapping[Stream, int], now_ns: int) -> None:
    """Let batches lie where they are placed; what that changes is due."""
    gone = [(b.stream[0], b.unit, s, numbers[b.stream], b.sequence) for b in batches for s in b.gone]
    come = [(b.stream[0], b.unit, s, numbers[b.stream], b.sequence) for b in batches for s in b.minutes]
    db.run_with(_GONE, gone)
    db.run_with(_COME, come)
    minutes = {row[:3] for row in (*gone, *come)}
    db.run_with(_DUE, [(MINUTE_S, *row, now_ns) for row in sorted(minutes)])
    moving = [b for b in batches if b.may_move]
    db.run_with(
        _UNSYNCHRONISED,
        [
            (
                numbers[b.stream],
                b.sequence,
                b.stream[0],
                b.boot_id,
                b.offset_ns,
                min(b.minutes),
                max(b.minutes),
            )
            for b in moving
            if b.minutes
        ],
    )
    db.run_with(_STAYS, [(numbers[b.stream], b.sequence, b.offset_ns) for b in moving if not b.minutes])
    _look_at(db, {(b.stream[0], b.boot_id) for b in moving})


def _look_at(db: Connection, boots: Iterable[tuple[str, bytes]]) -> None:
    """Batches of boots may be misplaced."""
    db.run_with(_LOOK, sorted(boots))


def agents_of(work: Work) -> set[str]:
    """Of whom a piece of work is."""
    return {
        *(one.stream[0] for one in work.placed),
        *(agent for (agent, _), _ in work.indexed),
        *(agent for agent, _ in work.looked_at),
        *(made.due.span.agent for made in work.made),
    }


def keep(
    db: Connection, work: Work, numbers: Mapping[Stream, int], now_ns: int, made_days: set[date]
) -> None:
    """Keep what a job did, within a transaction. made_days: whose partitions are there."""
    put(db, work.placed, numbers, now_ns)
    for stream, through in work.indexed:
        db.rows("DELETE FROM not_indexed WHERE stream = $1 AND last <= $2", numbers[stream], through)
        db.rows("UPDATE not_indexed SET first = $2 + 1 WHERE stream = $1", numbers[stream], through)
    db.run_with(_LOOKED, sorted(work.looked_at))
    wanted = {_day(one) for made in work.made for one in made.figures or () if one.span.span_s == MINUTE_S}
    days.make(db, wanted - made_days, "minute")
    for made in work.made:
        _keep(db, made, now_ns)
    hours = {
        (HOUR_S, made.due.span.agent, made.due.span.unit, made.due.span.utc_s // HOUR_S * HOUR_S, now_ns)
        for made in work.made
        if made.figures is not None and made.due.span.span_s == MINUTE_S
    }
    db.run_with(_DUE, sorted(hours))
    made_days |= wanted


def _keep(db: Connection, made: Made, now_ns: int) -> None:
    (span, since_ns, marks), figures = made
    found = db.rows("SELECT id FROM unit WHERE agent = $1 AND name = $2", span.agent, span.unit)
    (unit,) = found[0]
    key = (span.span_s, unit, span.utc_s)
    held = db.rows(
        "SELECT since_ns, marks FROM due WHERE span_s = $1 AND unit = $2 AND utc_s = $3 FOR UPDATE", *key
    )
    if since_ns and (not held or held[0][0] != since_ns):
        return  # another process made it meanwhile
    if held and tuple(held[0]) == (since_ns, marks):
        db.rows("DELETE FROM due WHERE span_s = $1 AND unit = $2 AND utc_s = $3", *key)
    if figures is None:
        return
    table = TABLES[span.span_s]
    db.rows(f"DELETE FROM {table} WHERE unit = $1 AND utc_s = $2", unit, span.utc_s)
    rows = [_row(unit, one, now_ns) for one in figures]
    if rows:
        marks_of = ", ".join(f"${n}" for n in range(1, len(rows[0]) + 1))
        db.many(_INSERT.format(table, marks_of), rows)


def _day(one: Figures) -> date:
    return datetime.fromtimestamp(one.span.utc_s, UTC).date()


def _row(unit: int, one: Figures, now_ns: int) -> tuple[Any, ...]:
    arrays: tuple[Any, ...] = (None,) * 5
    if one.arrays is not None:
        names = (*Arrays.FLOATS, "good_s")
        arrays = tuple(getattr(one.arrays, name).tolist() for name in names)
    return (unit, now_ns, one.span.utc_s, *one.numbers()[1:], *arrays)
