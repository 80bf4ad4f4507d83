"""Reading a buffer beside the running agent, or without one, by a connection that never checkpoints."""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agent.clock import NEVER_SET_NS
from agent.store.errors import ERRORS
from agent.wire import Batch, WireError, decode_batch, decode_schema
from agent.wire.limits import UNBOUNDED

log = logging.getLogger(__name__)


class BufferUnreadable(Exception):
    """The buffer cannot be read."""


class Buffer:
    """An agent's buffer, read-only: what is pending, and what was delivered and is still kept.

    Frames of the open batch, 10 s by default, are not in it yet. `tell`: takes a line for each batch that is
    damaged, and passed over.
    """

    def __init__(self, path: Path, tell: Callable[[str], None] = log.warning) -> None:
        self.path, self.tell = path, tell
        self._descriptions: dict[bytes, dict[str, Any]] = {}
        try:
            self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            self._offsets_ns: dict[bytes, int] = dict(
                self._db.execute("SELECT boot_id, offset_ns FROM clock_offset").fetchall()
            )
        except ERRORS as error:
            raise BufferUnreadable(f"{path}: {error}; give the buffer of an agent ([store] path)") from error

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def units(self) -> list[tuple[str | None, str, int]]:
        """(None, unit, frames) of every unit of which there are frames."""
        rows = self._rows("SELECT unit, sum(frames) FROM batch WHERE frames > 0 GROUP BY 1 ORDER BY 1", [])
        return [(None, unit, frames) for unit, frames in rows]

    def batches(
        self,
        agent: str | None = None,
        unit: str | None = None,
        from_ns: int | None = None,
        to_ns: int | None = None,
    ) -> Iterator[tuple[str, Batch]]:
        """Batches with frames that may lie in [from_ns, to_ns), as (agent, batch), in the order of sealing.

        Times from before the clock was set are put right where an offset of their boot is known.
        """
        rows = self._rows(
            "SELECT sequence, blob FROM batch WHERE frames > 0 AND (?1 IS NULL OR unit = ?1)"
            " AND (first_utc_ns < ?4 OR ((?2 IS NULL OR last_utc_ns >= ?2)"
            " AND (?3 IS NULL OR first_utc_ns < ?3))) ORDER BY sequence",
            [unit, from_ns, to_ns, NEVER_SET_NS],
        )
        for sequence, blob in rows:
            for batch in self._decode(sequence, blob):
                if agent in (None, batch.agent):
                    yield batch.agent, batch

    def thinned(self, unit: str, from_ns: int, to_ns: int, at_most: int) -> tuple[list[Batch], int]:
        """About `at_most` batches of a unit that lie evenly in [from_ns, to_ns), and how many there are."""
        rows = self._rows(
            "SELECT sequence FROM batch WHERE frames > 0 AND unit = ?1"
            " AND (first_utc_ns < ?4 OR (last_utc_ns >= ?2 AND first_utc_ns < ?3)) ORDER BY sequence",
            [unit, from_ns, to_ns, NEVER_SET_NS],
        )
        there = [sequence for (sequence,) in rows]
        wanted = there[:: max(1, -(-len(there) // at_most))]
        found = []
        for sequence in wanted:
            for (blob,) in self._rows("SELECT blob FROM batch WHERE sequence = ?", [sequence]):
                found += self._decode(sequence, blob)  # one may have been dropped meanwhile
        return found, len(there)

    def latest(self) -> list[Batch]:
        """The newest batch of each unit."""
        rows = self._rows(
            "SELECT max(sequence), blob FROM batch WHERE frames > 0 GROUP BY unit ORDER BY unit", []
        )
        return [batch for sequence, blob in rows for batch in self._decode(sequence, blob)]

    def raised(self, unit: str, from_ns: int, to_ns: int) -> list[tuple[int, str, str, str, str]]:
        """The alarms of a unit raised in [from_ns, to_ns): UTC, location, detector, severity, text."""
        return list(
            self._rows(
                "SELECT coalesce(o.offset_ns + a.boottime_ns, a.utc_ns) AS at_ns,"
                " location, detector, severity, text"
                " FROM alarm AS a LEFT JOIN clock_offset AS o USING (boot_id)"
                " WHERE unit = ?1 AND state = 'NEW' AND at_ns >= ?2 AND at_ns < ?3 ORDER BY id",
                [unit, from_ns, to_ns],
            )
        )

    def snapshots(self) -> dict[str, bytes]:
        """What the agent keeps over its restarts: rows by name."""
        return {
            name: bytes(body)
            for name, body in self._rows("SELECT unit, CAST(body AS BLOB) FROM snapshot", [])
        }

    def description(self, digest: bytes | None) -> dict[str, Any] | None:
        """The content of a schema."""
        if digest is None or digest in self._descriptions:
            return self._descriptions.get(digest or b"")
        for (body,) in self._rows("SELECT body FROM schema WHERE hash = ?", [digest]):
            try:
                self._descriptions[digest] = decode_schema(body)[1]
            except WireError as error:
                raise BufferUnreadable(f"{self.path}: a stored schema is damaged: {error}") from error
        return self._descriptions.get(digest)

    def _rows(self, query: str, parameters: list[Any]) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._db.execute(query, parameters)
        except ERRORS as error:
            raise BufferUnreadable(f"{self.path}: {error}") from error

    def _decode(self, sequence: int, blob: bytes) -> list[Batch]:
        """Return the batch in a list; where it is damaged, tell so and return none."""
        try:
            batch = decode_batch(blob, UNBOUNDED)  # history of before there was a bound
        except WireError as error:
            self.tell(f"{self.path}: batch {sequence} is damaged and left out: {error}")
            return []
        return [batch.repaired(self._offsets_ns.get(batch.boot_id))]
