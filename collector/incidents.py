"""What a person must look at: agents that are two machines, or an older copy of themselves, or silent."""

import contextlib
import sqlite3
from collections.abc import Sequence

from agent.wire import CLOCK_SYNCHRONISED, Batch, WireError, decode_batch

Stream = tuple[str, bytes]
SCHEMA = "schema "
BOOTS = 8  # of each stream that are remembered: two machines that live take turns


class Times:
    """When the last few boots of each stream had their frames, as (first, last) in ns of UTC; None: their
    clock is not to be believed. Known since the start of this collector, and from their first and last batch.
    """

    def __init__(self) -> None:
        self._of: dict[Stream, dict[bytes, tuple[int, int] | None]] = {}
        self._looked_up: set[tuple[Stream, bytes]] = set()

    def take(self, stream: Stream, batch: Batch) -> None:
        """Take a batch in."""
        if not batch.frames:
            return
        boots = self._of.setdefault(stream, {})
        before = boots.pop(batch.boot_id, None)
        told_ns = batch.utc_ns[(batch.clock & CLOCK_SYNCHRONISED) != 0].tolist() + list(before or ())
        boots[batch.boot_id] = (min(told_ns), max(told_ns)) if told_ns else None
        if len(boots) > BOOTS:
            del boots[next(iter(boots))]

    def look_up(self, db: sqlite3.Connection, stream: Stream, boot_id: bytes) -> None:
        """Take in what was stored before the start."""
        if (stream, boot_id) in self._looked_up:
            return
        self._looked_up.add((stream, boot_id))
        rows = db.execute(
            "SELECT blob FROM batch JOIN boot USING (agent, epoch)"
            " WHERE agent = ? AND epoch = ? AND boot_id = ? AND sequence IN (first, last)",
            [*stream, boot_id],
        ).fetchall()
        for (blob,) in rows:
            with contextlib.suppress(WireError):  # from before it was refused
                self.take(stream, decode_batch(blob))

    def overlap(self, stream: Stream, one: bytes, other: bytes) -> bool:
        """Whether both boots were heard, and neither is known to have ended before the other began."""
        boots = self._of.get(stream, {})
        if one not in boots or other not in boots:
            return False
        a, b = boots[one], boots[other]
        return a is None or b is None or (a[0] <= b[1] and b[0] <= a[1])


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


def of_boots(db: sqlite3.Connection, stream: Stream, batches: Sequence[Batch], times: Times) -> list[str]:
    """Extend the span of sequences of each boot, and say which spans overlap, in time too: one machine boots
    in turn, but what an epoch that ended had not delivered follows in the next one, by priority.
    """
    spans: dict[bytes, tuple[int, int]] = {}
    for batch in batches:
        times.take(stream, batch)
        first, last = spans.get(batch.boot_id, (batch.sequence, batch.sequence))
        spans[batch.boot_id] = min(first, batch.sequence), max(last, batch.sequence)
    found = []
    for boot_id, (first, last) in spans.items():
        db.execute(
            "INSERT INTO boot VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)",
            [*stream, boot_id, first, last],
        )
        others = db.execute(
            "SELECT other.boot_id FROM boot AS other JOIN boot AS this USING (agent, epoch)"
            " WHERE agent = ? AND epoch = ? AND this.boot_id = ? AND other.boot_id <> this.boot_id"
            " AND other.first <= this.last AND this.first <= other.last",
            [*stream, boot_id],
        )
        other = None
        for (name,) in others.fetchall():
            for boot in (boot_id, name):
                times.look_up(db, stream, boot)
            other = name if times.overlap(stream, boot_id, name) else other
        if other:
            boots = f"boots {boot_id.hex()} and {other.hex()}"
            found.append(f"{boots} seal batches in turns: two machines with one database")
    return found
