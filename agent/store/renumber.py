"""How far sequences may go; a buffer that an older version let go farther begins a new epoch, once."""

import contextlib
import logging
import secrets
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from agent.clock import never_set
from agent.store.atomic import atomic
from agent.store.cursor import Cursor
from agent.store.ledger import Event, Identity, Ledger
from agent.store.salvage import carried
from agent.wire.batch import decode_batch
from agent.wire.errors import WireError
from agent.wire.limits import DEFAULT_LIMITS, UNBOUNDED
from agent.wire.ranges import Ranges

log = logging.getLogger(__name__)

UNIT_PER_S = 10.0  # batches of one unit; ten times what the shortest cycle with a batch of its own makes
YEAR_S = 365.25 * 86_400
LEAST_AGE_S = 60.0  # of a buffer that was made just now: a test of a restored image
#: Above this no answer moves a buffer, and no buffer goes on: what is left lasts for a century.
HIGHEST = DEFAULT_LIMITS.sequence - 2**32


def forgotten_at_most(db: sqlite3.Connection, units: int, utc_s: float) -> int:
    """How many batches a buffer of so many units can have sealed since it was made, and forgotten."""
    (said,) = db.execute("SELECT min(applied_at) FROM _sqlite_migrations").fetchone()
    age_s = YEAR_S
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        made = datetime.fromisoformat(said)
        made_s = made.replace(tzinfo=made.tzinfo or UTC).timestamp()
        if not never_set(made_s) and made_s <= utc_s:
            age_s = max(LEAST_AGE_S, utc_s - made_s)
    return int(UNIT_PER_S * max(1, units) * age_s)


def renumber(db: sqlite3.Connection, who: Identity, cursors: Collection[Cursor], why: str) -> Identity:
    """Begin a new epoch in the same database, in one transaction; return whose batches follow.

    What is undelivered is sealed anew under it, from 1, and withheld from those who have it. What was
    delivered stays as history, below 1. A gap record ends the old epoch: batches of it that have not arrived
    never will. Raises ERRORS.
    """
    last = Ledger(db, who).last_sequence
    everything = Ranges.through(last)
    wanted = Ranges(ends for cursor in cursors for ends in everything.minus(cursor.settled))
    now = replace(who, epoch=secrets.token_bytes(16))
    with atomic(db):
        db.execute("DELETE FROM batch WHERE sequence NOT BETWEEN 1 AND ?", [last])
        for table in ("batch", "refused"):
            db.execute(f"UPDATE {table} SET sequence = sequence - ? - 1", [last])
        for table in ("gap", "event_range"):
            db.execute(f"DELETE FROM {table}")
        db.execute(
            "UPDATE ledger SET epoch = ?, last_sequence = 0, frames = 0, value_count = 0, wire_bytes = 0"
            " WHERE name = ''",
            [now.epoch],
        )
        ledger = Ledger(db, now, [Cursor.begun(cursor.upstream) for cursor in cursors])
        ledger.seal_event(Event("", {"kind": "gap", "ranges": [], "reason": why, "epoch": who.epoch}))
        for sequence, priority, blob in _moved(db, list(wanted), last):
            if _seal_anew(ledger, now.epoch, sequence, priority, blob):
                ledger.withhold([c.upstream.name for c in cursors if sequence in c.settled])
        ledger.save()
    return now


def _moved(
    db: sqlite3.Connection, wanted: list[tuple[int, int]], last: int
) -> Iterator[tuple[int, int, bytes]]:
    """Take out what is undelivered, as (old sequence, priority, blob), oldest first."""
    below = [(first - last - 1, end - last - 1) for first, end in wanted if first <= end]
    rows = [
        s
        for ends in below
        for (s,) in db.execute("SELECT sequence FROM batch WHERE sequence BETWEEN ? AND ?", ends)
    ]
    for sequence in sorted(rows):
        select = "SELECT priority, blob FROM batch WHERE sequence = ?"
        priority, blob = db.execute(select, [sequence]).fetchone()
        db.execute("DELETE FROM batch WHERE sequence = ?", [sequence])
        yield sequence + last + 1, priority, blob


def _seal_anew(ledger: Ledger, epoch: bytes, sequence: int, priority: int, blob: bytes) -> bool:
    """Seal a batch under the new epoch; return whether there was anything in it."""
    try:
        batch = decode_batch(blob, UNBOUNDED)
        events = tuple(carried(batch.events, batch.epoch, sequence))
        if batch.frames or events:
            new = replace(batch, epoch=epoch, sequence=ledger.last_sequence + 1, events=events)
            ledger.insert(new, priority)
            return True
    except WireError as error:
        log.error("batch %d cannot be read, and is lost: %s", sequence, error)
    return False
