"""The rows of upstreams in the ledger: read, begun for a new upstream, and ended with one that is gone."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from agent.store.atomic import atomic
from agent.store.cursor import COLUMNS, Cursor
from agent.store.upstream import Upstream
from agent.wire.ranges import Ranges


def read_cursors(db: sqlite3.Connection) -> list[Cursor]:
    """How far each upstream of the ledger was at the last commit; whether it is required is not in there.

    Raises ValueError, TypeError, LookupError where a row holds what no version writes.
    """
    rows = db.execute(f"SELECT name, {', '.join(COLUMNS)} FROM ledger WHERE name <> '' ORDER BY name")
    return [Cursor.of_row(Upstream(name), row) for name, *row in rows.fetchall()]


def withheld_from(db: sqlite3.Connection, cursor: Cursor, last_sequence: int) -> Ranges:
    """The sequences that an upstream is not to have."""
    events = Ranges()
    if cursor.withheld.periods:
        events = Ranges(db.execute("SELECT first, last FROM event_range ORDER BY first"))
    return cursor.withheld.ranges(events, last_sequence)


def name_upstreams(db: sqlite3.Connection, upstreams: Sequence[Upstream]) -> list[Cursor]:
    """Let a buffer be for these upstreams from now on; return how far each is. Raises sqlite3.Error.

    What is stored goes to a new one, too; what is here no more is none of its. One that is not named any more
    needs nothing, and nothing is remembered of it.
    """
    (last,) = db.execute("SELECT last_sequence FROM account").fetchone()
    before = {cursor.upstream.name: cursor for cursor in read_cursors(db)}
    after = [_as_named(db, before.get(upstream.name), upstream, last) for upstream in upstreams]
    gone = before.keys() - {upstream.name for upstream in upstreams}
    changed = [c for c in after if (old := before.get(c.upstream.name)) is None or old.row() != c.row()]
    if gone or changed:
        with atomic(db):
            db.executemany("DELETE FROM ledger WHERE name = ?", [(name,) for name in gone])
            db.executemany(
                f"INSERT OR REPLACE INTO ledger (name, {', '.join(COLUMNS)})"
                f" VALUES (?{', ?' * len(COLUMNS)})",
                [(cursor.upstream.name, *cursor.row()) for cursor in changed],
            )
    return after


def _as_named(db: sqlite3.Connection, before: Cursor | None, upstream: Upstream, last: int) -> Cursor:
    everything = Ranges.through(last)
    if before is None:
        new = Cursor(upstream)
        new.withhold(everything.minus(_stored(db, "" if upstream.frames else "AND frames = 0")))
        new.withheld.turn(upstream.frames, last)
        return new
    cursor = replace(before.copy(), upstream=upstream)
    had_frames = not (cursor.withheld.periods and cursor.withheld.periods[-1][1] is None)
    if had_frames and not upstream.frames:
        cursor.withhold(everything.minus(cursor.settled).both(_stored(db, "AND frames > 0")))
    cursor.withheld.turn(upstream.frames, last)
    return cursor


def _stored(db: sqlite3.Connection, which: str) -> Ranges:
    return Ranges(
        (sequence, sequence)
        for (sequence,) in db.execute(f"SELECT sequence FROM batch WHERE sequence > 0 {which} ORDER BY 1")
    )
