"""What the writer's own connection reads of its buffer."""

import json
import sqlite3
from collections.abc import Iterable

from agent.store.account import Account
from agent.store.delivery import Delivery
from agent.wire.ranges import Ranges


def delivery(db: sqlite3.Connection, upstream: str) -> Delivery:
    """Return what the upstream had said at the last commit."""
    settled = db.execute("SELECT first, last FROM settled WHERE upstream = ? ORDER BY first", [upstream])
    (healing,) = db.execute("SELECT healing FROM ledger WHERE name = ?", [upstream]).fetchone()
    return Delivery(Ranges(settled), json.loads(healing))


def account(db: sqlite3.Connection, upstream: str, since: Delivery) -> Account:
    """Return the account. `since`: what the upstream said, the part that waits for a commit included."""
    sealed, frames, values, wire_bytes = db.execute(
        "SELECT last_sequence, frames, value_count, wire_bytes FROM account"
    ).fetchone()
    acknowledged, dropped = db.execute(
        "SELECT acknowledged, dropped FROM upstream WHERE name = ?", [upstream]
    ).fetchone()
    acknowledged += since.heard.minus(since.settled).count
    dropped += len(since.refused)
    pending = sealed - acknowledged - dropped
    healing = since.healing.ranges.count
    return Account(sealed, acknowledged, pending, dropped, frames, values, wire_bytes, healing)


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
