"""Reading what a collector has stored, beside a running one or without one.

What is damaged, or was taken by a version that was not as strict, is told and passed over.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np

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
from collector.figures.work import FigureSource
from collector.latest import Latest
from collector.sink import Old, Range, Stream

DESCRIPTIONS = 256  # that are kept: some 100 kB each of 300 values


class ArchiveError(Exception):
    """The database cannot be read."""


class OfSchema(NamedTuple):
    """A schema of a stream: of how many batches, its body (None: not here), and why it was refused."""

    digest: bytes
    batches: int
    body: Any
    refused: str | None


class Sums(NamedTuple):
    """What was counted of a stream while its batches were stored."""

    batches: int
    frames: int
    values: int


class Archive(FigureSource, Protocol):
    """The reading side of a sink: what `audit`, `export` and the job that makes figures need. Every method
    raises ArchiveError.

    `tell`: takes a line for each thing that cannot be read, and why.
    """

    tell: Callable[[str], None]

    def as_of_now(self) -> AbstractContextManager[None]:
        """Read all within the block as of one moment, whatever is written meanwhile."""

    def streams(self) -> list[Stream]:
        """Every (agent, epoch) of which anything is known."""

    def stored(self, stream: Stream) -> Iterable[Range]:
        """The stored sequences of a stream."""

    def pruned(self, stream: Stream) -> Iterable[Range]:
        """The ranges that were stored here and are deleted since, as `retain` says."""

    def old(self, what: str, before_ns: int, after: Old | None, most: int) -> list[Old]:
        """Rows of a class of `collector.retention` as `Sink.old`, with those, too, of which figures are still
        to be made; none of a class that is not kept here.
        """

    def dropped(self, stream: Stream) -> Iterable[Range]:
        """The ranges that its agent reported as dropped."""

    def withheld(self, stream: Stream) -> Iterable[Range]:
        """The ranges that its agent says this collector is never to have."""

    def refused(self, stream: Stream) -> list[tuple[int, str]]:
        """(sequence, reason) of what came and was not sound, in order."""

    def incidents(self, stream: Stream, kinds: Sequence[str]) -> list[tuple[str, int, str]]:
        """(kind, times, text) of the incidents of some kinds."""

    def schemas(self, stream: Stream) -> Iterable[OfSchema]:
        """The schemas of a stream's frames."""

    def rows(self, stream: Stream) -> Iterable[tuple[int, int, int, Any]]:
        """(sequence, frames, values, bytes) of every stored batch, as its row says."""

    def sums(self, stream: Stream) -> Sums | None:
        """The sums that were kept while batches were stored; None: nothing of the stream was."""

    def batches(
        self, agent: str | None, unit: str | None, from_ns: int | None, to_ns: int | None
    ) -> Iterator[tuple[str, Batch]]:
        """Batches with frames that may lie in [from_ns, to_ns), as (agent, batch), unit by unit in the order
        of sealing. What was read before a clock was set is repaired by its boot's `clock_offset` event.
        """

    def alarms(self, agent: str | None) -> Iterable[tuple[str, str, str]]:
        """(agent, unit, record as JSON) of what happened to alarms, in the order of sealing."""

    def newest(self, agent: str, unit: str, count: int) -> Iterator[tuple[int, Batch]]:
        """The batches of a unit that were sealed last, the newest first, and when each came; not more than
        `count`.
        """

    def select(self, sql: str, values: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """The rows of a SELECT over the tables and views of docs/archive.md; `:name` stands for a value."""

    def description(self, digest: bytes | None) -> dict[str, Any] | None:
        """The content of a schema; None where it never came, or is damaged."""

    def close(self) -> None:
        """Close it."""


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


def offsets_ns(told: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """UTC less boot time by agent and boot (hex), of clocks that were set in the end; what was sealed last
    holds.

    told: (agent, record as JSON) of `clock_offset` events, in the order of sealing.
    """
    offsets = {}
    for agent, record in told:
        try:
            said = json.loads(record)
            boot_id, offset_ns = said["boot_id"], said["offset_ns"]
            possible = is_time(offset_ns + said["boottime_ns"])
        except (ValueError, LookupError, TypeError):
            continue
        if isinstance(boot_id, str) and possible:
            offsets[agent, boot_id] = offset_ns
    return offsets


class Descriptions:
    """The contents of schemas, the latest of them kept; what cannot be used is told once.

    body: the stored bytes by hash, None: not here. refused: why one is not here that came, None: none did.
    """

    def __init__(
        self,
        body: Callable[[bytes], Any],
        refused: Callable[[bytes], str | None],
        tell: Callable[[str], None],
    ) -> None:
        self._body, self._refused, self._tell = body, refused, tell
        self._of: Latest[bytes, dict[str, Any] | None] = Latest(DESCRIPTIONS)
        self._told: set[bytes] = set()

    def of(self, digest: bytes | None) -> dict[str, Any] | None:
        """The content of a schema; None where it never came, or is damaged."""
        if digest is None or digest in self._of:
            return self._of.get(digest or b"")
        if (body := self._body(digest)) is not None:
            self._of[digest], why = described(digest, body)
            self._say(digest, why and f"cannot be used, its values stay raw numbers: {why}")
        elif reason := self._refused(digest):
            self._say(digest, reason)
            self._of[digest] = None
        return self._of.get(digest)

    def _say(self, digest: bytes, why: str | None) -> None:
        if why and digest not in self._told:
            self._told.add(digest)
            self._tell(f"schema {digest.hex()} {why}")


def intact(
    found: Iterable[tuple[str, bytes, int, Any]], tell: Callable[[str], None]
) -> Iterator[tuple[str, Batch]]:
    """Yield (agent, batch) of rows (agent, epoch, sequence, bytes); those that are damaged are told."""
    for agent, epoch, sequence, blob in found:
        try:
            batch = decoded(blob)
        except WireError as error:
            tell(f"{agent} epoch {epoch.hex()} batch {sequence} is damaged and left out: {error}")
            continue
        yield agent, batch
