"""What a buffer whose files were exchanged leaves to the one that is begun in its place.

The old file may hold another's bytes by now: a batch counts only by its checksum and the name in it.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent.store.ballast import BALLAST_BYTES
from agent.store.black_box import BLACK_BOX, EVENTS, ROUTINE
from agent.store.cursors import name_upstreams
from agent.store.database import connect, quarantine
from agent.store.ledger import Event, Identity, Ledger
from agent.store.salvage import carried, rows_of
from agent.store.upstream import Upstream
from agent.wire.batch import decode_batch
from agent.wire.errors import WireError
from agent.wire.ranges import Ranges
from agent.wire.schema import decode_schema

#: Makes the alarm that goes with a new database: how many batches are taken over, and are wanted; the name
#: of what lay there.
Tell = Callable[[int, int, str], Sequence[Event]]

CARRY_S = 5.0  # for batches of frames: what is polled waits in memory meanwhile; events take what they need
ENDED = 1  # sequence of the gap record that ends the old epoch; it stands for that epoch's own gap records
TABLES = ("alarm", "interval", "snapshot", "clock_offset")


@dataclass
class Left:
    """What the exchanged buffer leaves. `known`: upstreams, and the sequences that each has. `said`: events
    of this process, for those that the files hold no more. `intact`: only the names of the files were
    changed, so that tables without checksums can be believed.
    """

    db: sqlite3.Connection
    who: Identity
    last_sequence: int
    known: Sequence[tuple[Upstream, Ranges]]
    said: Mapping[int, Event]
    intact: bool = True

    @property
    def wanted(self) -> Ranges:
        """The sequences that any upstream lacks."""
        everything = Ranges.through(self.last_sequence)
        return Ranges(ends for _, known in self.known for ends in everything.minus(known))

    def holders(self, sequence: int) -> list[str]:
        """The upstreams that have a batch."""
        return [upstream.name for upstream, known in self.known if sequence in known]


def begin_beside(
    path: Path, max_bytes: int, left: Left, tell: Tell
) -> tuple[sqlite3.Connection, dict[int, int]]:
    """Put aside what lies at the path and begin anew there, with what is undelivered, in one transaction.

    Return the new sequences by the old ones, too. `tell` makes the alarm that goes with it. Raises what
    `connect` does, and leaves nothing new then.
    """
    new: sqlite3.Connection | None = None
    try:
        aside = quarantine(path)
        new = connect(path, max_bytes)
        cursors = name_upstreams(new, [upstream for upstream, _ in left.known])
        new.execute("BEGIN IMMEDIATE")
        who = Identity.of(new, left.who.agent, left.who.boot_id)
        ledger = Ledger(new, who, cursors)
        if left.last_sequence:
            ledger.report_gap([(1, left.last_sequence)], "exchanged files", left.who.epoch)
        moved = _carry(ledger, left, path)
        if not left.intact and len(moved) < left.wanted.count and aside.exists():
            left.db.close()
            left.db = _reopened(aside)
            moved |= _carry(ledger, left, path, but=moved)
        for event in tell(len(moved), left.wanted.count, aside.name if aside.exists() else ""):
            ledger.seal_event(event)
        ledger.save()
        new.execute("COMMIT")
    except BaseException:
        if new:
            new.close()
            for suffix in ("-wal", "-shm", ""):
                Path(f"{path}{suffix}").unlink(missing_ok=True)
        raise
    return new, moved


def _carry(ledger: Ledger, left: Left, path: Path, but: Iterable[int] = ()) -> dict[int, int]:
    """Take over wanted batches, alarms first; return their new sequences by the old ones."""
    old, epoch, wanted = left.db, left.who.epoch, left.wanted.minus(Ranges((s, s) for s in but))
    room_bytes = _room_bytes(path)
    for digest, body in rows_of(old, "SELECT hash, body FROM schema"):
        with contextlib.suppress(WireError, TypeError):
            if decode_schema(body)[0] == digest:
                ledger.take_rows("schema", [(digest, body)])
    for table in TABLES if left.intact else ():
        ledger.take_rows(table, rows_of(old, f"SELECT * FROM {table}"))
    moved = _events(ledger, left, wanted)
    until_s = time.monotonic() + CARRY_S
    for priority in (BLACK_BOX, ROUTINE):
        for sequence in _sequences(old, wanted, priority):
            if time.monotonic() > until_s or room_bytes <= 0:
                return moved
            for row in rows_of(old, "SELECT * FROM batch WHERE sequence = ?", sequence):
                with contextlib.suppress(WireError, TypeError, ValueError, sqlite3.IntegrityError):
                    moved[sequence] = ledger.take(row, epoch)
                    ledger.withhold(left.holders(sequence))
                    room_bytes -= len(row[-1])
    return moved


def _events(ledger: Ledger, left: Left, wanted: Ranges) -> dict[int, int]:
    """Take over events, but for gap records of the old epoch: the record `ENDED` stands for those."""
    old, epoch, said, moved = left.db, left.who.epoch, left.said, dict[int, int]()
    there = _sequences(old, wanted, EVENTS)
    for sequence in sorted({*there, *(s for s in said if s in wanted)}):
        for (blob,) in rows_of(old, "SELECT blob FROM batch WHERE sequence = ?", sequence):
            with contextlib.suppress(WireError, TypeError, ValueError):
                batch = decode_batch(blob)
                if (batch.epoch, batch.sequence) == (epoch, sequence):
                    events = tuple(carried(batch.events, epoch, sequence))
                    taken = replace(batch, events=events)
                    moved[sequence] = ledger.take_events(taken, logged=left.intact) if events else ENDED
                    ledger.withhold(left.holders(sequence) if events else ())
        if sequence not in moved and (event := said.get(sequence)):
            for record in carried([event.record], epoch, sequence):
                moved[sequence] = ledger.seal_event(Event(event.unit, record))
                ledger.withhold(left.holders(sequence))
    return moved


def _sequences(old: sqlite3.Connection, wanted: Iterable[tuple[int, int]], priority: int) -> list[int]:
    select = f"SELECT sequence FROM batch WHERE priority = {priority} AND sequence BETWEEN ? AND ? ORDER BY 1"
    return [sequence for ends in wanted for (sequence,) in rows_of(old, select, *ends)]


def _reopened(path: Path) -> sqlite3.Connection:
    """Open a file that others wrote into, to read its bytes and its WAL anew: no cache, no -shm."""
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)


def _room_bytes(path: Path) -> int:
    """What the disk has for batches that are taken over: once in the WAL, once in the database."""
    disk = os.statvfs(path.parent)
    return disk.f_bavail * disk.f_frsize // 2 - 4 * BALLAST_BYTES
