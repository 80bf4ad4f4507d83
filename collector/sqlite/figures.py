"""The rows of minute and hour figures in SQLite: written beside batches, and by the job that makes them."""

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np

from collector.figures.figures import HOUR_S, MINUTE_S, Arrays, Figures
from collector.figures.marks import Placed, offsets, placed
from collector.figures.work import Made, Work
from collector.sink import Change

TABLES = {MINUTE_S: "minute", HOUR_S: "hour"}
FLOAT, SECONDS = np.dtype(">f4"), np.dtype(">u2")  # of arrays in blobs
#: UTC less boot time of a boot, as was sealed last; arrival tells nothing.
OFFSET = (
    "(SELECT offset_ns FROM clock_offset AS o JOIN stream USING (agent, epoch)"
    " WHERE o.agent = {of}.agent AND o.boot_id = {of}.boot_id"
    " ORDER BY stream.number DESC, o.sequence DESC, o.position DESC LIMIT 1)"
)
NUMBERS = (
    "utc_s, schema, frames, data_s, safety_s, data_minutes, safety_minutes, clock, hottest, hottest_at,"
    " hottest_s, spread, spread_s, min, max, mean, last, good_s"
)
COLUMNS = f"unit, made_utc_ns, {NUMBERS}"
_UNIT = "(SELECT id FROM unit WHERE agent = ? AND name = ?)"
_DUE = (
    "INSERT INTO due (span_s, unit, utc_s, since_ns) VALUES (?, {unit}, ?, ?)"
    " ON CONFLICT DO UPDATE SET marks = marks + 1"
)


def mark(db: sqlite3.Connection, change: Change) -> None:
    """Place the batches of a change, and mark what it makes due, within its transaction."""
    new = [placed(change.stream, batch) for batch, _ in change.batches if batch.frames]
    put(db, new, change.utc_ns)
    agent, epoch = change.stream
    found = list(offsets(change.events))
    db.executemany(
        "INSERT OR IGNORE INTO clock_offset VALUES (?, ?, ?, ?, ?, ?)",
        [(agent, o.boot_id, epoch, o.sequence, o.position, o.offset_ns) for o in found],
    )
    _look_at(db, {(agent, o.boot_id) for o in found})
    if change.epochs:  # another order of them: another offset may be the last
        db.execute(
            "INSERT OR IGNORE INTO boot_due SELECT agent, boot_id FROM clock_offset WHERE agent = ?", [agent]
        )
    if change.schemas:
        _read_again(db, change.schemas, change.utc_ns)


def put(db: sqlite3.Connection, batches: Sequence[Placed], now_ns: int) -> None:
    """Let batches lie where they are placed; what that changes is due."""
    db.executemany(
        "INSERT OR IGNORE INTO unit (agent, name) VALUES (?, ?)",
        {(b.stream[0], b.unit) for b in batches if b.minutes},
    )
    gone = [(b.stream[0], b.unit, utc_s, b.stream[1], b.sequence) for b in batches for utc_s in b.gone]
    come = [(b.stream[0], b.unit, utc_s, b.stream[1], b.sequence) for b in batches for utc_s in b.minutes]
    db.executemany(
        f"DELETE FROM batch_minute WHERE unit = {_UNIT} AND utc_s = ? AND epoch = ? AND sequence = ?", gone
    )
    db.executemany(f"INSERT OR IGNORE INTO batch_minute VALUES ({_UNIT}, ?, ?, ?)", come)
    minutes = {row[:3] for row in chain(gone, come)}
    db.executemany(_DUE.format(unit=_UNIT), [(MINUTE_S, *row, now_ns) for row in sorted(minutes)])
    db.executemany(
        "INSERT OR REPLACE INTO unsynchronised VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (*b.stream, b.sequence, b.boot_id, b.offset_ns, min(b.minutes), max(b.minutes))
            for b in batches
            if b.may_move and b.minutes
        ],
    )
    db.executemany(
        "UPDATE unsynchronised SET offset_ns = ? WHERE agent = ? AND epoch = ? AND sequence = ?",
        [(b.offset_ns, *b.stream, b.sequence) for b in batches if b.may_move and not b.minutes],
    )
    _look_at(db, {(b.stream[0], b.boot_id) for b in batches if b.may_move})


def _look_at(db: sqlite3.Connection, boots: Iterable[tuple[str, bytes]]) -> None:
    """Batches of boots may be misplaced."""
    db.executemany("INSERT OR IGNORE INTO boot_due VALUES (?, ?)", boots)


def _read_again(db: sqlite3.Connection, hashes: Iterable[bytes], now_ns: int) -> None:
    """Minutes that waited for a schema are due."""
    unread = "SELECT unit, utc_s FROM minute WHERE min IS NULL AND schema = ?"
    found = [row for digest in hashes for row in db.execute(unread, [digest])]
    db.executemany(_DUE.format(unit="?"), [(MINUTE_S, *row, now_ns) for row in found])


def keep(db: sqlite3.Connection, work: Work, now_ns: int) -> None:
    """Keep what a job did, within a transaction."""
    put(db, work.placed, now_ns)
    for (agent, epoch), through in work.indexed:
        db.execute(
            "DELETE FROM not_indexed WHERE agent = ? AND epoch = ? AND last <= ?", [agent, epoch, through]
        )
        db.execute(
            "UPDATE not_indexed SET first = ? WHERE agent = ? AND epoch = ?", [through + 1, agent, epoch]
        )
    db.executemany(
        "DELETE FROM boot_due AS d WHERE agent = ? AND boot_id = ? AND NOT EXISTS (SELECT 1"
        " FROM unsynchronised AS u WHERE u.agent = d.agent AND u.boot_id = d.boot_id"
        f" AND u.offset_ns IS NOT {OFFSET.format(of='u')})",
        work.looked_at,
    )
    for made in work.made:
        _keep(db, made, now_ns)


def _keep(db: sqlite3.Connection, made: Made, now_ns: int) -> None:
    (span, since_ns, marks), figures = made
    table, agent, unit = TABLES[span.span_s], span.agent, span.unit
    db.execute(
        f"DELETE FROM due WHERE span_s = ? AND unit = {_UNIT} AND utc_s = ? AND since_ns = ? AND marks = ?",
        [span.span_s, agent, unit, span.utc_s, since_ns, marks],
    )
    if figures is None:
        return
    db.execute(f"DELETE FROM {table} WHERE unit = {_UNIT} AND utc_s = ?", [agent, unit, span.utc_s])
    db.executemany(
        f"INSERT INTO {table} ({COLUMNS}) VALUES ({_UNIT}, {', '.join('?' * (COLUMNS.count(',')))})",
        [(agent, unit, *row(one, now_ns)) for one in figures],
    )
    if span.span_s == MINUTE_S:
        hour_s = span.utc_s // HOUR_S * HOUR_S
        db.execute(_DUE.format(unit=_UNIT), [HOUR_S, agent, unit, hour_s, now_ns])


def row(one: Figures, now_ns: int) -> tuple[object, ...]:
    """The columns of `COLUMNS` behind its unit."""
    arrays = (None,) * 5 if one.arrays is None else blobs(one.arrays)
    return (now_ns, one.span.utc_s, *one.numbers()[1:], *arrays)


def blobs(arrays: Arrays) -> tuple[bytes, ...]:
    """The arrays as the columns min, max, mean, last and good_s."""
    floats = (getattr(arrays, name).astype(FLOAT).tobytes() for name in Arrays.FLOATS)
    return (*floats, arrays.good_s.astype(SECONDS).tobytes())


def arrays_of(columns: Sequence[bytes | None]) -> Arrays | None:
    """The inverse of `blobs`."""
    if any(column is None for column in columns):
        return None
    *floats, good_s = columns
    found = (np.frombuffer(column or b"", FLOAT).astype(np.float32) for column in floats)
    low, high, mean, last = found
    return Arrays(low, high, mean, last, np.frombuffer(good_s or b"", SECONDS).astype(np.uint16))
