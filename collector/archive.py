"""Reading what a collector has stored: one read-only connection, beside a running writer or without one.

What is damaged, or was taken by a version that was not as strict, is told and passed over.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from agent.clock import NEVER_SET_NS
from agent.wire import (
    CLOCK_SIMULATED,
    CLOCK_SYNCHRONISED,
    Batch,
    Malformed,
    WireError,
    decode_batch,
    decode_schema,
)
from agent.wire.limits import UNBOUNDED
from agent.wire.schema import unusable
from agent.wire.sound import is_time
from collector.incidents import SCHEMA

log = logging.getLogger(__name__)

Stream = tuple[str, bytes]


class ArchiveError(Exception):
    """The database cannot be read."""


class Archive:
    """A collector's database, read-only. `tell`: takes a line for each thing that cannot be read, and why."""

    def __init__(self, path: Path, tell: Callable[[str], None] = log.warning) -> None:
        self.path, self.tell = path, tell
        self._descriptions: dict[bytes, dict[str, Any] | None] = {}
        try:
            self.db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            self.db.text_factory = lambda raw: raw.decode(errors="backslashreplace")
            self.db.execute("SELECT 1 FROM stream LIMIT 1")
        except sqlite3.Error as error:
            raise ArchiveError(
                f"{path}: {error}; give --sink sqlite:PATH of a collector's database"
            ) from error

    def close(self) -> None:
        """Close the connection."""
        self.db.close()

    def rows(self, query: str, parameters: Any = ()) -> Iterator[tuple[Any, ...]]:
        """What a query finds. Raises ArchiveError where the database itself is damaged."""
        try:
            yield from self.db.execute(query, parameters)
        except sqlite3.Error as error:
            raise ArchiveError(f"{self.path}: {error}; restore it from a copy") from error

    def streams(self) -> list[Stream]:
        """Every (agent, epoch) of which anything is known."""
        found = self.rows(
            "SELECT agent, epoch FROM stream UNION SELECT agent, epoch FROM refused"
            " UNION SELECT agent, epoch FROM dropped ORDER BY agent"
        )
        return [(agent, epoch) for agent, epoch in found]

    def units(self) -> list[tuple[str | None, str, int]]:
        """(agent, unit, frames) of every unit of which there are frames."""
        found = self.rows(
            "SELECT agent, unit, sum(frames) FROM batch WHERE frames > 0 GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return [(agent, unit, frames) for agent, unit, frames in found]

    def batches(
        self, agent: str | None, unit: str | None, from_ns: int | None, to_ns: int | None
    ) -> Iterator[tuple[str, Batch]]:
        """Stored batches with frames that may lie in [from_ns, to_ns), as (agent, batch), unit by unit in the
        order of sealing: what was read before a clock was set is where it belongs, too.
        """
        found = self.rows(
            "SELECT agent, epoch, sequence, blob FROM batch JOIN stream USING (agent, epoch)"
            " WHERE batch.frames > 0 AND (?1 IS NULL OR agent = ?1) AND (?2 IS NULL OR unit = ?2)"
            " AND (batch.first_utc_ns < ?5 OR ((?3 IS NULL OR batch.last_utc_ns >= ?3)"
            " AND (?4 IS NULL OR batch.first_utc_ns < ?4)))"
            " ORDER BY agent, unit, stream.first_utc_ns, epoch, sequence",
            [agent, unit, from_ns, to_ns, NEVER_SET_NS],
        )
        offsets_ns = self._offsets_ns()
        for name, epoch, sequence, blob in found:
            try:
                batch = decoded(blob)
            except WireError as error:
                self.tell(f"{name} epoch {epoch.hex()} batch {sequence} is damaged and left out: {error}")
                continue
            yield name, batch.repaired(offsets_ns.get((name, batch.boot_id.hex())))

    def _offsets_ns(self) -> dict[tuple[str, str], int]:
        """UTC less boot time of every boot whose clock was set in the end; what was sealed last holds."""
        offsets = {}
        for agent, record in self.rows(
            "SELECT agent, record FROM event JOIN stream USING (agent, epoch) WHERE kind = 'clock_offset'"
            " ORDER BY stream.first_utc_ns, sequence, position"  # what is healed arrives late
        ):
            try:
                said = json.loads(record)
                boot_id, offset_ns = said["boot_id"], said["offset_ns"]
                possible = is_time(offset_ns + said["boottime_ns"])
            except (ValueError, LookupError, TypeError):
                continue
            if isinstance(boot_id, str) and possible:
                offsets[agent, boot_id] = offset_ns
        return offsets

    def description(self, digest: bytes | None) -> dict[str, Any] | None:
        """The content of a schema; None where it never came, or is damaged."""
        if digest is None or digest in self._descriptions:
            return self._descriptions.get(digest or b"")
        for (body,) in self.rows("SELECT body FROM schema WHERE hash = ?", [digest]):
            description, why = described(digest, body)
            self._descriptions[digest] = description
            if why:
                self.tell(f"schema {digest.hex()} cannot be used, its values stay raw numbers: {why}")
        if digest not in self._descriptions:
            for (why,) in self.rows("SELECT text FROM incident WHERE kind = ?", [SCHEMA + digest.hex()]):
                self.tell(f"schema {digest.hex()} {why}")  # it came, and was refused
                self._descriptions[digest] = None
        return self._descriptions.get(digest)


def decoded(blob: Any) -> Batch:
    """A stored batch. Raises WireError."""
    if not isinstance(blob, bytes):
        raise Malformed(f"{type(blob).__name__} instead of bytes")
    batch = decode_batch(blob, UNBOUNDED)
    meaning = batch.clock & np.uint8(CLOCK_SYNCHRONISED | CLOCK_SIMULATED)  # the others are readers' own
    return batch if (meaning == batch.clock).all() else replace(batch, clock=meaning)


def described(digest: bytes, body: Any) -> tuple[dict[str, Any] | None, str]:
    """What a stored schema says, as far as it can be read, and why its values cannot be; "" if they can."""
    try:
        if not isinstance(body, bytes):
            raise Malformed(f"{type(body).__name__} instead of bytes")
        found, description = decode_schema(body)
    except WireError as error:
        return None, str(error)
    if found != digest:
        return None, f"its bytes are schema {found.hex()}"
    return description, unusable(description)
