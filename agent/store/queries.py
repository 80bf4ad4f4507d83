"""What the writer's own connection reads of its buffer."""

import sqlite3
from collections.abc import Collection, Iterable

from agent.store.account import Account, Exposure
from agent.store.cursors import withheld_from
from agent.store.delivery import Delivery
from agent.store.lasting import Look, lasting_ns, marks
from agent.wire.ranges import Ranges

LOOKS = 16  # at the batches of a range, to know for how long they last


def account(db: sqlite3.Connection, since: Delivery) -> Account:
    """Return the account of an upstream, with what it has said since the last commit."""
    sealed, frames, values, wire_bytes = db.execute(
        "SELECT last_sequence, frames, value_count, wire_bytes FROM account"
    ).fetchone()
    cursor = since.cursor
    acknowledged = cursor.acknowledged + since.heard.minus(cursor.settled).count
    dropped = cursor.dropped + len(since.refused)
    kept_back = withheld_from(db, cursor, sealed).count
    pending = sealed - acknowledged - dropped - kept_back
    healing = since.healing.ranges.count
    return Account(sealed, acknowledged, pending, dropped, kept_back, frames, values, wire_bytes, healing)


def exposure(db: sqlite3.Connection, deliveries: Collection[Delivery], last_sequence: int) -> Exposure:
    """Return for how long what is stored is in no other place."""
    everything = Ranges.through(last_sequence)
    lacking = {d.name: everything.minus(d.known()) for d in deliveries if d.cursor.upstream.frames}
    only_here = everything
    for ranges in lacking.values():
        only_here = only_here.both(ranges)
    behind_s = {name: _lasting_s(db, ranges) for name, ranges in lacking.items()}
    return Exposure(_lasting_s(db, only_here), behind_s)


def _lasting_s(db: sqlite3.Connection, ranges: Iterable[tuple[int, int]]) -> float:
    """Seconds from the first frame to the last, of each range: sequences are drawn in the order of time."""
    return sum(lasting_ns(_looks(db, *ends)) for ends in ranges) / 1e9


def _looks(db: sqlite3.Connection, first: int, last: int) -> list[Look]:
    """Look at some batches of a range, the first with frames and the last among them."""
    edge = (
        "SELECT sequence, first_utc_ns, last_utc_ns FROM batch"
        " WHERE frames > 0 AND sequence BETWEEN ? AND ? ORDER BY sequence {} LIMIT 1"
    )
    rows = [db.execute(edge.format(""), (mark, last)).fetchone() for mark in marks(first, last, LOOKS)]
    rows.append(db.execute(edge.format("DESC"), (first, last)).fetchone())
    return sorted({Look(*row) for row in rows if row})


def schemas(db: sqlite3.Connection, digests: Iterable[bytes]) -> list[bytes]:
    """Return the schemas with these hashes, as far as they are stored."""
    select = "SELECT body FROM schema WHERE hash = ?"
    rows = [db.execute(select, [digest]).fetchone() for digest in set(digests)]
    return [row[0] for row in rows if row]


def schema_hashes(db: sqlite3.Connection) -> set[bytes]:
    """Return the hashes of all schemas."""
    return {digest for (digest,) in db.execute("SELECT hash FROM schema")}


def snapshots(db: sqlite3.Connection) -> dict[str, bytes]:
    """Return what is kept over a restart, by name."""
    return dict(db.execute("SELECT unit, CAST(body AS BLOB) FROM snapshot").fetchall())


def clock_offset_ns(db: sqlite3.Connection, boot_id: bytes) -> int | None:
    """Return UTC less boot time as it was last recorded for a boot."""
    row = db.execute("SELECT offset_ns FROM clock_offset WHERE boot_id = ?", [boot_id]).fetchone()
    return int(row[0]) if row else None
