"""What the writer's own connection reads of its buffer."""

import sqlite3
from collections.abc import Collection, Iterable

from agent.store.account import Account, Exposure
from agent.store.cursors import withheld_from
from agent.store.delivery import Delivery
from agent.wire.ranges import Ranges


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
    edge = "SELECT {} FROM batch WHERE frames > 0 AND sequence BETWEEN ? AND ? ORDER BY sequence {} LIMIT 1"
    total_ns = 0
    for ends in ranges:
        first = db.execute(edge.format("first_utc_ns", ""), ends).fetchone()
        last = db.execute(edge.format("last_utc_ns", "DESC"), ends).fetchone()
        if first and last:
            total_ns += max(0, last[0] - first[0])
    return total_ns / 1e9


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
