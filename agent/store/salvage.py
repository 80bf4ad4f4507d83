"""What can still be read of a damaged buffer: whose it was, how far it had come, and alarms not delivered."""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.store.black_box import EVENTS
from agent.store.database import epoch_of_batches
from agent.store.errors import ERRORS
from agent.store.ledger import Event
from agent.wire.batch import decode_batch
from agent.wire.errors import WireError
from agent.wire.limits import DEFAULT_LIMITS, UNBOUNDED
from agent.wire.ranges import Ranges


@dataclass(slots=True)
class Salvage:
    """`epoch` None: not even that could be read. `last_sequence` 0: nobody knows how far it had come."""

    epoch: bytes | None = None
    last_sequence: int = 0
    alarms: list[Event] = field(default_factory=list)


def salvage(path: Path) -> Salvage:
    """Read a damaged database row by row. Routine batches stay in it, for a person; alarms are taken over.

    An alarm may have been delivered just before: its old place goes with it.
    """
    found = Salvage()
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    except ERRORS:
        return found
    with contextlib.closing(db):
        row = rows_of(db, "SELECT epoch, last_sequence FROM account")
        if not row or not isinstance(row[0][0], bytes) or len(row[0][0]) != 16:
            return found
        epoch, last = row[0]
        found.epoch = epoch = epoch_of_batches(db) or epoch
        found.last_sequence = last if isinstance(last, int) and 0 < last <= DEFAULT_LIMITS.sequence else 0
        settled = _settled(db)
        events = f"priority = {EVENTS} AND priority < 2"
        sequences = rows_of(db, f"SELECT sequence FROM batch WHERE {events} ORDER BY sequence") or rows_of(
            db, f"SELECT sequence FROM batch NOT INDEXED WHERE priority = {EVENTS}"
        )
        for (sequence,) in sequences:
            if sequence not in settled:
                found.alarms += _alarms(db, epoch, sequence)
    return found


def _settled(db: sqlite3.Connection) -> Ranges:
    """What no upstream needs any more."""
    found: Ranges | None = None
    for (name,) in rows_of(db, "SELECT name FROM upstream"):
        rows = rows_of(db, "SELECT first, last FROM settled WHERE upstream = ?", name)
        ranges = Ranges((a, b) for a, b in rows if 0 < a <= b < 2**63)
        found = ranges if found is None else found.both(ranges)
    return found or Ranges()


def _alarms(db: sqlite3.Connection, epoch: bytes, sequence: int) -> list[Event]:
    blobs = rows_of(db, "SELECT blob FROM batch WHERE sequence = ?", sequence)
    try:
        batches = [decode_batch(blob, UNBOUNDED) for (blob,) in blobs]
    except (WireError, TypeError):
        return []
    return [
        Event(batch.unit, record)
        for batch in batches
        for record in carried(batch.events, epoch, sequence)
        if record["kind"] == "alarm"
    ]


def carried(records: Iterable[dict[str, Any]], epoch: bytes, sequence: int) -> Iterator[dict[str, Any]]:
    """Yield the events of a batch that hold under another epoch: all but the gaps of its own.

    An alarm names its old place: it may have been delivered from there.
    """
    for record in records:
        if record["kind"] == "alarm":
            yield {"salvaged_epoch": epoch, "salvaged_sequence": sequence, **record}
        elif record["kind"] != "gap" or "epoch" in record:
            yield record


def rows_of(db: sqlite3.Connection, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """The rows up to the first that cannot be read."""
    rows = []
    with contextlib.suppress(*ERRORS, OverflowError):
        for row in db.execute(query, parameters):
            rows.append(row)
    return rows
