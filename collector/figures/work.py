"""What the job that makes figures reads, and what it writes: one change of rows each time."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from agent.wire import Batch
from collector.figures.figures import Figures, Span
from collector.figures.marks import Placed
from collector.rows import Stream


class Due(NamedTuple):
    """A span whose figures are to be made since `since_ns`, by the collector's clock; `marks` grows with
    everything that came after that.
    """

    span: Span
    since_ns: int
    marks: int


class Made(NamedTuple):
    """All figures of a span that was due, in place of those held: one for each schema. None: those held stay,
    since what they were made of is not all here any more.
    """

    due: Due
    figures: Sequence[Figures] | None


class Misplaced(NamedTuple):
    """A stored batch that lies in minutes by another offset than its boot's; None: it cannot be decoded."""

    stream: Stream
    sequence: int
    boot_id: bytes
    batch: Batch | None
    placed_by_ns: int | None
    offset_ns: int | None


@dataclass(frozen=True, slots=True)
class Work:
    """What one transaction keeps. indexed: up to which sequence batches of a stream are placed; an archive of
    an earlier version says of none. looked_at: boots whose batches are placed by their offset, if all are.
    """

    placed: Sequence[Placed] = ()
    indexed: Sequence[tuple[Stream, int]] = ()
    looked_at: Sequence[tuple[str, bytes]] = ()
    made: Sequence[Made] = ()


class FigureKeeper(Protocol):
    """What keeps the figures of an archive."""

    def write_figures(self, work: Work, utc_ns: int) -> None:
        """Keep what a job did, or nothing of it; what that makes due is so since utc_ns. Raises SinkError."""


class FigureSource(Protocol):
    """What a job reads of an archive. Every method raises ArchiveError.

    `tell`: takes a line for each thing that cannot be read, and why.
    """

    tell: Callable[[str], None]

    def as_of_now(self) -> AbstractContextManager[None]:
        """Read all within the block as of one moment."""

    def not_indexed(self, limit: int) -> tuple[Stream, int, list[Batch]] | None:
        """A stream of which batches are to be placed, through which sequence these are, and those of them
        that have frames and can be decoded.
        """

    def misplaced(self, limit: int) -> tuple[list[Misplaced], list[tuple[str, bytes]]]:
        """Batches that are to be moved, and the boots that were looked through for such."""

    def due(self, span_s: int, unsettled: range, limit: int) -> list[Due]:
        """Spans that are to be made, the oldest mark first; but none whose first mark is in `unsettled`, in
        ns by the collector's clock.
        """

    def description(self, digest: bytes | None) -> dict[str, Any] | None:
        """The content of a schema; None where it never came, or is damaged."""

    def final(self, agent: str, unit: str, minutes: Sequence[int]) -> set[int]:
        """Those of some minutes that cannot be made again: frames of them were pruned, or their figures."""

    def in_minutes(self, agent: str, unit: str, minutes: Sequence[int]) -> list[Batch]:
        """All batches with frames in some minutes of a unit, with their clocks repaired."""

    def minutes(self, agent: str, unit: str, from_s: int, to_s: int) -> Iterable[Figures]:
        """The minute figures of a unit in [from_s, to_s), in the order of time."""

    def all_units(self) -> list[tuple[str, str]]:
        """Every (agent, unit) of which there are frames."""

    def hours_with_anything(self, agent: str, unit: str, from_s: int, to_s: int) -> list[int]:
        """The hours in [from_s, to_s) in which a unit has frames or minute figures."""

    def with_frames(self, agent: str, unit: str, from_s: int, to_s: int) -> set[int]:
        """The minutes in which a unit has, or had, frames."""

    def waiting(self, agent: str, unit: str, from_s: int, to_s: int) -> set[Span]:
        """The minutes and hours of a unit that are to be made."""

    def hours(self, agent: str, unit: str, from_s: int, to_s: int) -> Iterable[Figures]:
        """The same of hours."""
