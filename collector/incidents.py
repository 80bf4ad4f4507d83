"""What a person must look at: agents that are two machines, or an older copy of themselves, or silent."""

import sqlite3
from collections.abc import Sequence

from agent.wire import Batch

Stream = tuple[str, bytes]
SCHEMA = "schema "


def record(db: sqlite3.Connection, stream: Stream, kind: str, text: str, now_ns: int) -> None:
    """Count an incident; the first text of each kind stays."""
    db.execute(
        "INSERT INTO incident VALUES (?, ?, ?, ?, 1, ?, ?)"
        " ON CONFLICT DO UPDATE SET times = times + 1, last_utc_ns = excluded.last_utc_ns",
        [*stream, kind, text, now_ns, now_ns],
    )


def counts(db: sqlite3.Connection) -> list[tuple[str, str, int]]:
    """How often each agent was in an incident of each kind, as (agent, kind, times)."""
    rows = db.execute("SELECT agent, kind, times FROM incident ORDER BY 1, 2")
    found: dict[tuple[str, str], int] = {}
    for agent, kind, times in rows:
        key = agent, kind.partition(" ")[0]  # "schema HASH"
        found[key] = found.get(key, 0) + times
    return [(*key, times) for key, times in found.items()]


def of_schema(bad: tuple[bytes | None, str]) -> tuple[str, str]:
    """A schema that cannot be used: a kind of its own for each, so that each stays on record."""
    digest, reason = bad
    name = digest.hex() if digest else "without a hash"
    return f"{SCHEMA}{name}", f"cannot be used, its values stay raw numbers: {reason}"


def of_epochs(db: sqlite3.Connection, stream: Stream) -> list[str]:
    """Whether this epoch goes on although a later one of the same agent was seen: an old image, restored."""
    agent, epoch = stream
    later = db.execute(
        "SELECT newer.epoch FROM stream AS newer JOIN stream AS this ON this.agent = newer.agent"
        " WHERE this.agent = ? AND this.epoch = ? AND newer.epoch <> this.epoch"
        " AND newer.rowid > this.rowid LIMIT 1",  # by arrival: this collector's clock may have gone back
        [agent, epoch],
    ).fetchone()
    if not later:
        return []
    epochs = f"epoch {epoch.hex()} goes on after epoch {later[0].hex()} began"
    return [f"{epochs}: an old database was restored, or two agents share one id"]


def of_boots(db: sqlite3.Connection, stream: Stream, batches: Sequence[Batch]) -> list[str]:
    """Extend the span of sequences of each boot, and say which spans overlap: one machine boots in turn."""
    spans: dict[bytes, tuple[int, int]] = {}
    for batch in batches:
        first, last = spans.get(batch.boot_id, (batch.sequence, batch.sequence))
        spans[batch.boot_id] = min(first, batch.sequence), max(last, batch.sequence)
    found = []
    for boot_id, (first, last) in spans.items():
        db.execute(
            "INSERT INTO boot VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)",
            [*stream, boot_id, first, last],
        )
        other = db.execute(
            "SELECT other.boot_id FROM boot AS other JOIN boot AS this USING (agent, epoch)"
            " WHERE agent = ? AND epoch = ? AND this.boot_id = ? AND other.boot_id <> this.boot_id"
            " AND other.first <= this.last AND this.first <= other.last LIMIT 1",
            [*stream, boot_id],
        ).fetchone()
        if other:
            boots = f"boots {boot_id.hex()} and {other[0].hex()}"
            found.append(f"{boots} seal batches in turns: two machines with one database")
    return found
