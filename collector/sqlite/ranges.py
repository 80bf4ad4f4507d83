"""What of a stream is stored, and what its agent says it dropped or withholds, as ranges of sequences."""

import sqlite3
from collections.abc import Sequence

from collector.sink import Range, Stream


def stored_ranges(db: sqlite3.Connection, stream: Stream) -> list[Range]:
    """The stored sequences of a stream as ranges."""
    return db.execute(
        "SELECT min(sequence), max(sequence) FROM"
        " (SELECT sequence, sequence - row_number() OVER (ORDER BY sequence) AS island FROM batch"
        " WHERE agent = ? AND epoch = ?) GROUP BY island ORDER BY 1",
        stream,
    ).fetchall()


def dropped_ranges(db: sqlite3.Connection, stream: Stream) -> list[Range]:
    """The ranges of a stream that its agent reported as dropped."""
    return db.execute("SELECT first, last FROM dropped WHERE agent = ? AND epoch = ?", stream).fetchall()


def has(db: sqlite3.Connection, table: str) -> bool:
    """Whether the database is of a version that has a table."""
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [table]).fetchone() is not None


def has_column(db: sqlite3.Connection, table: str, column: str) -> bool:
    """Whether the database is of a version in which a table has a column."""
    query = "SELECT 1 FROM pragma_table_info(?) WHERE name = ?"
    return db.execute(query, [table, column]).fetchone() is not None


def withheld_ranges(db: sqlite3.Connection, stream: Stream) -> list[Range]:
    """The ranges of a stream that its agent withholds."""
    return _ranges(db, "withheld", stream)


def pruned_ranges(db: sqlite3.Connection, stream: Stream) -> list[Range]:
    """The ranges of a stream that were stored here and are deleted since."""
    return _ranges(db, "pruned", stream)


def replace_ranges(db: sqlite3.Connection, table: str, stream: Stream, spans: Sequence[Range]) -> None:
    """Put ranges in place of those that lie within them, in the caller's transaction."""
    rows = [(*stream, *span) for span in spans]
    db.executemany(f"DELETE FROM {table} WHERE agent = ? AND epoch = ? AND first BETWEEN ? AND ?", rows)
    db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", rows)


def _ranges(db: sqlite3.Connection, table: str, stream: Stream) -> list[Range]:
    if not has(db, table):
        return []
    return db.execute(f"SELECT first, last FROM {table} WHERE agent = ? AND epoch = ?", stream).fetchall()
