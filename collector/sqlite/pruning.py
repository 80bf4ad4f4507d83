"""What of a collector's database may be deleted, a row per class of `collector.retention`, and its deletion.

The file keeps its size: SQLite fills the pages that are free with what comes next.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

from collector.sink import Old
from collector.sqlite.ranges import has

DAY_NS = 86_400 * 10**9
#: That the figures of a batch are not made yet, or are to be made anew: it is needed for them.
_NEEDED = """frames > 0 AND (
    EXISTS (SELECT 1 FROM not_indexed AS n WHERE n.agent = batch.agent AND n.epoch = batch.epoch
        AND batch.sequence BETWEEN n.first AND n.last)
    OR EXISTS (SELECT 1 FROM unsynchronised AS u JOIN boot_due USING (agent, boot_id)
        WHERE u.agent = batch.agent AND u.epoch = batch.epoch AND u.sequence = batch.sequence)
    OR EXISTS (SELECT 1 FROM unit LEFT JOIN unsynchronised AS u
        ON u.agent = batch.agent AND u.epoch = batch.epoch AND u.sequence = batch.sequence
        JOIN due ON due.span_s = 60 AND due.unit = unit.id
        AND due.utc_s >= coalesce(u.first_s, batch.first_utc_ns / 60000000000 * 60)
        AND due.utc_s <= coalesce(u.last_s, batch.last_utc_ns / 1000000000)
        WHERE unit.agent = batch.agent AND unit.name = batch.unit))"""
STREAMS = 500  # that are asked for their times: some 10 ms


def _batches(db: sqlite3.Connection, keys: Sequence[int]) -> None:
    marks = ", ".join("?" * len(keys))
    sums = db.execute(
        "SELECT count(*), sum(frames), sum(value_count), sum(length(blob)), agent, epoch FROM batch"
        f" WHERE rowid IN ({marks}) GROUP BY agent, epoch",
        keys,
    ).fetchall()
    db.executemany(
        "UPDATE stream SET batches = batches - ?, frames = frames - ?, value_count = value_count - ?,"
        " wire_bytes = wire_bytes - ? WHERE agent = ? AND epoch = ?",
        sums,
    )
    db.execute(f"DELETE FROM batch WHERE rowid IN ({marks})", keys)


#: Of an hour: that its minutes, or it, are to be made.
_TO_BE_MADE = (
    "EXISTS (SELECT 1 FROM due WHERE due.span_s = 60 AND due.unit = hour.unit AND due.utc_s >= hour.utc_s"
    " AND due.utc_s < hour.utc_s + 3600) OR EXISTS (SELECT 1 FROM due WHERE due.span_s = 3600"
    " AND due.unit = hour.unit AND due.utc_s = hour.utc_s)"
)


def _minutes(db: sqlite3.Connection, keys: Sequence[int]) -> None:
    """The minutes of hours: these are never made again, and need no batches any more."""
    marks = ", ".join("?" * len(keys))
    hours = db.execute(f"SELECT DISTINCT unit, utc_s, utc_s + 3600 FROM hour WHERE rowid IN ({marks})", keys)
    for hour in hours.fetchall():
        within = "unit = ? AND utc_s >= ? AND utc_s < ?"
        db.execute(f"DELETE FROM minute WHERE {within}", hour)
        db.execute(
            f"DELETE FROM batch_minute WHERE {within} AND NOT EXISTS"
            " (SELECT 1 FROM unit JOIN batch USING (agent) WHERE unit.id = batch_minute.unit"
            " AND batch.epoch = batch_minute.epoch AND batch.sequence = batch_minute.sequence)",
            hour,
        )
        db.execute("UPDATE hour SET minutes_gone = 1 WHERE unit = ? AND utc_s = ?", hour[:2])


class Class(NamedTuple):
    """table: whose rows they are. select: the columns of `Old` and where they are, with `received` and `key`
    for the order. needed: which of them something is still to be made of.
    """

    table: str
    select: str
    received: str
    key: str
    needed: str
    delete: Callable[[sqlite3.Connection, Sequence[int]], None]


CLASSES = {
    "raw": Class(
        "batch",
        "SELECT rowid, agent, epoch, sequence, unit, received_utc_ns, first_utc_ns, last_utc_ns FROM batch",
        "received_utc_ns",
        "rowid",
        _NEEDED,
        _batches,
    ),
    "minute": Class(
        "hour",
        "SELECT hour.rowid, agent, x'', 0, name, made_utc_ns, utc_s * 1000000000, (utc_s + 3600) * 1000000000"
        " FROM hour JOIN unit ON unit.id = hour.unit AND NOT minutes_gone",
        "made_utc_ns",
        "hour.rowid",
        _TO_BE_MADE,
        _minutes,
    ),
}


def old(
    db: sqlite3.Connection, what: str, before_ns: int, after: Old | None, most: int, needed: bool = False
) -> list[Old]:
    """Rows of a class that came before a time, behind `after`, in the order of their arrival. needed: those,
    too, of which something is still to be made.
    """
    of = CLASSES.get(what)
    if of is None or not has(db, of.table):
        return []
    since = (after.received_ns, after.key) if after else (-(2**63), -(2**63))
    found = db.execute(
        f"{of.select} WHERE {of.received} < ? AND ({of.received}, {of.key}) > (?, ?)"
        f" {'' if needed else f'AND NOT ({of.needed})'} ORDER BY {of.received}, {of.key} LIMIT ?",
        [before_ns, *since, most],
    )
    return [Old(key, (agent, epoch), *rest) for key, agent, epoch, *rest in found]


def prune(db: sqlite3.Connection, what: str, rows: Sequence[Old]) -> None:
    """Delete rows of a class, in the caller's transaction."""
    CLASSES[what].delete(db, [row.key for row in rows])


def heard_ns(db: sqlite3.Connection) -> list[int]:
    """When what was measured last was measured, of the streams heard in this collector's last day."""
    streams = db.execute(
        "SELECT agent, epoch FROM stream WHERE last_utc_ns > (SELECT max(last_utc_ns) FROM stream) - ?"
        " LIMIT ?",
        [DAY_NS, STREAMS],
    ).fetchall()
    last = (
        "SELECT last_utc_ns FROM batch WHERE agent = ? AND epoch = ? AND last_utc_ns IS NOT NULL"
        " ORDER BY sequence DESC LIMIT 1"
    )
    return [utc_ns for stream in streams for (utc_ns,) in db.execute(last, stream)]
