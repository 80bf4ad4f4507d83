"""Reading what a collector has stored: one read-only connection, beside a running writer or without one."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.wire import Batch, WireError, decode_batch, decode_schema

NEVER_SET_NS = 1_735_689_600 * 10**9  # 2025-01-01: a clock that says an earlier time was never set
Stream = tuple[str, bytes]


class ArchiveError(Exception):
    """The database cannot be read."""


class Archive:
    """A collector's database, read-only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptions: dict[bytes, dict[str, Any]] = {}
        try:
            self.db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            self.db.execute("SELECT 1 FROM stream LIMIT 1")
        except sqlite3.Error as error:
            raise ArchiveError(
                f"{path}: {error}; give --sink sqlite:PATH of a collector's database"
            ) from error

    def close(self) -> None:
        """Close the connection."""
        self.db.close()

    def streams(self) -> list[Stream]:
        """Every (agent, epoch) of which anything is known."""
        return self.db.execute(
            "SELECT agent, epoch FROM stream UNION SELECT agent, epoch FROM refused"
            " UNION SELECT agent, epoch FROM dropped ORDER BY agent"
        ).fetchall()

    def units(self) -> list[tuple[str | None, str, int]]:
        """(agent, unit, frames) of every unit of which there are frames."""
        return self.db.execute(
            "SELECT agent, unit, sum(frames) FROM batch WHERE frames > 0 GROUP BY 1, 2 ORDER BY 1, 2"
        ).fetchall()

    def batches(
        self, agent: str | None, unit: str | None, from_ns: int | None, to_ns: int | None
    ) -> Iterator[tuple[str, Batch]]:
        """Stored batches with frames that may lie in [from_ns, to_ns), as (agent, batch), unit by unit in the
        order of sealing: what was read before a clock was set is where it belongs, too.
        """
        rows = self.db.execute(
            "SELECT agent, blob FROM batch JOIN stream USING (agent, epoch) WHERE batch.frames > 0"
            " AND (?1 IS NULL OR agent = ?1) AND (?2 IS NULL OR unit = ?2)"
            " AND (batch.first_utc_ns < ?5 OR ((?3 IS NULL OR batch.last_utc_ns >= ?3)"
            " AND (?4 IS NULL OR batch.first_utc_ns < ?4)))"
            " ORDER BY agent, unit, stream.first_utc_ns, epoch, sequence",
            [agent, unit, from_ns, to_ns, NEVER_SET_NS],
        )
        offsets_ns = self._offsets_ns()
        for name, blob in rows:
            try:
                batch = decode_batch(blob)
                yield name, batch.repaired(offsets_ns.get((name, batch.boot_id.hex())))
            except WireError as error:
                raise ArchiveError(f"{self.path}: a stored batch of {name} is damaged: {error}") from error

    def _offsets_ns(self) -> dict[tuple[str, str], int]:
        """UTC less boot time of every boot whose clock was set in the end."""
        records = self.db.execute("SELECT agent, record FROM event WHERE kind = 'clock_offset'")
        found = ((agent, json.loads(record)) for agent, record in records)
        return {
            (agent, said["boot_id"]): said["offset_ns"]
            for agent, said in found
            if isinstance(said.get("boot_id"), str) and isinstance(said.get("offset_ns"), int)
        }

    def description(self, digest: bytes | None) -> dict[str, Any] | None:
        """The content of a schema; None where it never came."""
        if digest is None or digest in self._descriptions:
            return self._descriptions.get(digest or b"")
        row = self.db.execute("SELECT body FROM schema WHERE hash = ?", [digest]).fetchone()
        if not row:
            return None
        try:
            self._descriptions[digest] = decode_schema(row[0])[1]
        except WireError as error:
            raise ArchiveError(f"{self.path}: a stored schema is damaged: {error}") from error
        return self._descriptions[digest]
