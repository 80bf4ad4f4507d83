"""What of a stream is stored, and what its agent says it dropped, as ranges of sequences."""

import sqlite3
from typing import Any

Stream = tuple[str, bytes]


def stored_ranges(db: sqlite3.Connection, stream: Stream) -> list[tuple[int, int]]:
    """The stored sequences of a stream as ranges."""
    return db.execute(
        "SELECT min(sequence), max(sequence) FROM"
        " (SELECT sequence, sequence - row_number() OVER (ORDER BY sequence) AS island FROM batch"
        " WHERE agent = ? AND epoch = ?) GROUP BY island ORDER BY 1",
        stream,
    ).fetchall()


def dropped_ranges(db: sqlite3.Connection, stream: Stream) -> list[tuple[int, int]]:
    """The ranges of a stream that its agent reported as dropped."""
    return db.execute("SELECT first, last FROM dropped WHERE agent = ? AND epoch = ?", stream).fetchall()


def gap_ranges(event: dict[str, Any], before: int) -> list[tuple[int, int]]:
    """The ranges that a gap record names, without nonsense and without what was sealed after it."""
    ranges = event.get("ranges")
    return [
        (pair[0], pair[1])
        for pair in (ranges if isinstance(ranges, list) else [])
        if isinstance(pair, list) and len(pair) == 2 and all(type(end) is int for end in pair)
        if 1 <= pair[0] <= pair[1] < before
    ]
