"""What a database does to be a collector's sink: it keeps rows, in one transaction each time, and finds them.

It does not know what the rows mean: `collector.intake` works out ranges, gaps, duplicates, conflicts and
incidents, alike for every database. Another one is a package beside `collector.sqlite`, a row of
`collector.sinks`, and a row of the contract that it then passes (`tests/collector/test_sinks.py`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from agent.wire import Batch
from collector.facts.alarms import Life
from collector.facts.heard import Heard
from collector.facts.order import Place, Told
from collector.facts.points import Layout
from collector.figures.work import Work
from collector.rows import NOBODY, EventRow, LifeKey, Range, Stream

__all__ = ["NOBODY", "Accounted", "Change", "Dropped", "EventRow", "LifeKey", "Old", "Outdated", "Range"]
__all__ += ["Sink", "SinkError", "Stream"]


class SinkError(Exception):
    """The database cannot be opened, read or written; nothing of the call was stored.

    where: the database, as its owner names it. why: in the database's own words.
    """

    def __init__(self, where: object, why: object) -> None:
        super().__init__(f"{where}: {why}")
        self.why = str(why)


class Outdated(SinkError):
    """Another process wrote of the same agent meanwhile: what was worked out is to be worked out anew."""


class Dropped(NamedTuple):
    """A range that an agent gave up, of the epoch `epoch`; `reported_in` is the batch that says so."""

    epoch: bytes
    first: int
    last: int
    reason: str
    reported_in: int


class Accounted(NamedTuple):
    """What of a stream is stored, was pruned here, was told to be withheld from this collector, or reported
    as dropped, each in any order; ranges may touch or overlap, also with those of the others.
    """

    stored: Iterable[Range]
    pruned: Iterable[Range]
    withheld: Iterable[Range]
    dropped: Iterable[Range]


class Old(NamedTuple):
    """A row that may be pruned: what its sink knows it by, and when it is of, in ns of UTC.

    sequence: of a batch, else 0. received_ns: by the collector's clock. first_ns, last_ns: by the agent's, of
    what was measured; None: nothing was.
    """

    key: int
    stream: Stream
    sequence: int
    unit: str
    received_ns: int
    first_ns: int | None
    last_ns: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """The rows of one transaction, of one stream.

    utc_ns: by the collector's clock. batches: new ones, with their bytes as they came. refused: (sequence,
    reason); a later reason takes the place of an earlier one. schemas: bodies by hash; those held already
    stay. boots: the whole span of sequences of each boot, in place of the one held. incidents: (kind, text),
    counted; the first text of each kind stays. duplicates: to be added to the counts of any streams.
    withheld: each range takes the place of those held that lie within it. epochs: those of the agent in their
    order, where that is another than the one held. alarms: by id of the agent's the keys of the lives that
    are no longer, and the lives that are. layouts: by hash of a schema. heard: by agent, in place of what is
    held. facts: the version of what derived all facts anew; 0: nothing did.
    """

    stream: Stream
    utc_ns: int
    batches: Sequence[tuple[Batch, bytes]] = ()
    events: Sequence[EventRow] = ()
    dropped: Sequence[Dropped] = ()
    refused: Sequence[tuple[int, str]] = ()
    schemas: Mapping[bytes, bytes] = field(default_factory=dict)
    boots: Mapping[bytes, Range] = field(default_factory=dict)
    incidents: Sequence[tuple[str, str]] = ()
    duplicates: Mapping[Stream, int] = field(default_factory=dict)
    withheld: Sequence[Range] = ()
    epochs: Sequence[bytes] = ()
    alarms: Mapping[str, tuple[Sequence[LifeKey], Sequence[Life]]] = field(default_factory=dict)
    layouts: Mapping[bytes, Layout] = field(default_factory=dict)
    heard: Mapping[str, Heard] = field(default_factory=dict)
    facts: int = 0


class Sink(Protocol):
    """An open database: one thread at a time uses it. Where other processes write, too, `news` says of whom.
    Every method raises SinkError.
    """

    def write(self, *changes: Change) -> None:
        """Keep all rows of some changes, no two of one agent, or none; return when no power cut takes them.

        A batch whose key is held is an error. Where others wrote of an agent after `news` was asked for it, a
        change of it raises `Outdated`. `Change.batches` make their stream known, and are added to its sums of
        batches, frames, values and bytes; `collector.figures.marks` says in which minutes they lie, and what
        is due.
        """

    def news(self, agents: Collection[str]) -> set[str]:
        """Of some agents those of whom another process wrote last: what was read of them may be old."""

    def stored_ns(self, agent: str) -> int | None:
        """When a batch of an agent was stored last, by the clock of who stored it; None: none was, or
        this process alone writes.
        """

    def write_figures(self, work: Work, utc_ns: int) -> None:
        """Keep what the job that makes figures did, or nothing of it. utc_ns: since when that makes due."""

    def makes_figures(self) -> bool:
        """Whether the caller's process is the one of all that may make figures."""

    def held(self, stream: Stream, sequence: int) -> bytes | None:
        """The bytes of a batch; None: it is not here."""

    def accounted(self, stream: Stream) -> Accounted:
        """What of a stream is accounted for, and how."""

    def schema(self, digest: bytes) -> bytes | None:
        """The body of a schema; None: it is not here."""

    def epochs(self, agent: str) -> list[bytes]:
        """The epochs of which an agent's batches are here, in the agent's order: as they were first heard of,
        unless a change said otherwise.
        """

    def boots(self, stream: Stream) -> dict[bytes, Range]:
        """The span of sequences of every boot of a stream."""

    def events(
        self, agent: str, kinds: Sequence[str], since: Mapping[str, Place] | None = None
    ) -> Iterable[Told]:
        """The events of some kinds of an agent, in any order; since: only those about these subjects, each
        from a place in the agent's order on.
        """

    def lives(self, agent: str, ids: Sequence[str]) -> Mapping[str, Sequence[LifeKey]]:
        """The keys of all lives of some alarms, by id, in any order."""

    def schemas(self) -> Iterable[tuple[bytes, bytes]]:
        """Every schema, as (hash, body)."""

    def facts(self) -> int:
        """The version of what derived the facts last; 0: nothing did."""

    def agents(self) -> list[str]:
        """Every agent of which a batch is here, or withheld from here."""

    def incidents(self) -> list[tuple[str, str, int]]:
        """(agent, kind, times) of every incident, by agent and kind."""

    def heard_ns(self) -> list[int]:
        """When what was measured last was measured, by their agents' clocks, of the streams that were heard
        in the last day of this collector; not more than a few hundred.
        """

    def old(self, what: str, before_ns: int, after: Old | None, most: int) -> list[Old]:
        """Rows of a class of `collector.retention` that came before a time, those behind `after`, in the
        order of their arrival, or of its days, but for those of which figures are still to be made; not more
        than `most`. Where others write, too, one of them all is told of any.
        """

    def prune(self, what: str, rows: Sequence[Old], pruned: Mapping[Stream, Sequence[Range]]) -> None:
        """Delete rows of a class, all or none, and take batches out of the sums of their streams.

        pruned: each range takes the place of those held that lie within it. Raises Outdated as `write` does,
        and where figures are to be made of something meanwhile.
        """

    def check(self) -> None:
        """Raise SinkError where what was written is not where the next reader will look for it."""

    def check_room(self) -> None:
        """Raise SinkError where there is no room, though the last change found some."""

    def try_to_write(self, size_bytes: int) -> None:
        """Write at least so many bytes and take them back; raise SinkError where that cannot be done."""

    def close(self) -> None:
        """Close the database."""
