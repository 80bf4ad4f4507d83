"""Reading what a collector has stored, beside a running one or without one.

What is damaged, or was taken by a version that was not as strict, is told and passed over.
"""

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
from collector.sink import Range, Stream


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


class Archive(Protocol):
    """The reading side of a sink: what `audit` and `export` need. Every method raises ArchiveError.

    `tell`: takes a line for each thing that cannot be read, and why.
    """

    tell: Callable[[str], None]

    def as_of_now(self) -> AbstractContextManager[None]:
        """Read all within the block as of one moment, whatever is written meanwhile."""

    def streams(self) -> list[Stream]:
        """Every (agent, epoch) of which anything is known."""

    def stored(self, stream: Stream) -> Iterable[Range]:
        """The stored sequences of a stream."""

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
