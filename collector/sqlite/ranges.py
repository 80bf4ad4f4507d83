"""What of a stream is stored, and what its agent says it dropped or withholds, as ranges of sequences."""

import sqlite3

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


def has_withheld(db: sqlite3.Connection) -> bool:
    """Whether the database is of a version that agents could tell what they withhold."""
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'withheld'").fetchone() is not None


def withheld_ranges(db: sqlite3.Connection, stream: Stream) -> list[Range]:
    """The ranges of a stream that its agent withholds."""
    if not has_withheld(db):
        return []
    return db.execute("SELECT first, last FROM withheld WHERE agent = ? AND epoch = ?", stream).fetchall()
