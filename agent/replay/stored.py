"""From an agent's buffer or a collector's archive to frames: the schemas say what a map says elsewhere."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from pathlib import Path
from typing import Protocol

import numpy as np

from agent.detect.channels import Floats
from agent.detect.first_days import FirstDays
from agent.detect.settings import Settings
from agent.replay.mapping import MapError
from agent.replay.parts import Frames, JudgedChannel
from agent.replay.schema_layout import SchemaLayout
from agent.replay.timeline import NS, Timeline, utc
from agent.replay.times import in_its_words
from agent.store.reading import Buffer, BufferUnreadable
from agent.wire import Batch
from agent.wire.si import to_si
from collector.archive import ArchiveError
from collector.export.blocks import ExportSource
from collector.sqlite.archive import SqliteArchive

MAGIC = b"SQLite format 3\0"
PERIOD_FRAMES = 60  # in which the period of polls is seen
ERRORS = (BufferUnreadable, ArchiveError, sqlite3.Error)
UNFIT = (LookupError, TypeError, ValueError, OverflowError, AttributeError)  # of a schema that is none


class BatchStore(ExportSource, Protocol):
    """A buffer, or an archive."""

    def units(self) -> list[tuple[str | None, str, int]]:
        """(agent, unit, frames) of all that was recorded; agent None where there is only one."""

    def close(self) -> None:
        """Close it."""


def is_database(path: Path) -> bool:
    """Whether a file is a database, and no recording that needs a map."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def open_stored(path: Path, tell: Callable[[str], None]) -> BatchStore:
    """Open an agent's buffer or a collector's archive. Raises MapError where it is neither.

    tell: takes a line for each batch or schema that is damaged, and passed over.
    """
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        db.close()
        if {"ledger", "batch"} <= tables:
            return Buffer(path, tell)
        if {"stream", "batch"} <= tables:
            return SqliteArchive(path, tell)
    except ERRORS as error:
        raise MapError(f"{path}: cannot be read: {error}") from error
    raise MapError(
        f"{path.name}: is neither an agent's buffer ([store] path) nor a collector's database (--sink);"
        f" its tables: {', '.join(sorted(tables)) or 'none'}"
    )


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A stretch of one unit's batches, read as it is judged."""

    group: str
    layout: SchemaLayout
    period_s: float
    settings: Settings
    shifts_s: dict[bytes, float]
    batches: Iterator[Batch] = field(repr=False)
    reread: Callable[[int, int], Iterator[tuple[str, Batch]]] = field(repr=False)
    span_ns: tuple[int, int]
    first_days: FirstDays | None

    @property
    def channels(self) -> Sequence[JudgedChannel]:
        """Per value of a frame."""
        return self.layout.channels

    def frames(self) -> Iterator[Frames]:
        """Give all frames, once."""
        return (self._frames(batch) for batch in self.batches)

    def _frames(self, batch: Batch) -> Frames:
        first_ns, last_ns = self.span_ns
        kept = (batch.utc_ns >= first_ns) & (batch.utc_ns <= last_ns)
        t_s: Floats = batch.boottime_ns[kept].astype(np.float64) * NS + self.shifts_s[batch.boot_id]
        raw, quality = batch.raw[kept], batch.quality[kept]
        return Frames(t_s, utc(batch)[kept], raw, quality, to_si(self.layout.description, raw, quality))

    def around(self, first_s: float, last_s: float) -> tuple[Floats, Floats]:
        """Return times and values in [first_s, last_s], read anew."""
        found = [
            self._frames(batch)
            for _, batch in self.reread(int(first_s / NS), int(last_s / NS))
            if batch.boot_id in self.shifts_s and batch.raw.shape[1] == len(self.channels)
        ]
        t_s = np.concatenate([np.zeros(0), *(frames.t_s for frames in found)])
        si = np.concatenate([np.zeros((0, len(self.channels))), *(frames.si for frames in found)])
        shown = (t_s >= first_s) & (t_s <= last_s)
        return t_s[shown], si[shown]


class StoredUnits:
    """What a buffer or an archive holds of the wanted units.

    unit: "rack/unit", None for all. span_ns: UTC of the first and the last frame that counts. settings_of:
    how a unit is judged, and its first days. notes: takes what cannot be judged as if it had been watched
    throughout, and why.
    """

    def __init__(
        self,
        source: BatchStore,
        unit: str | None,
        span_ns: tuple[int, int],
        settings_of: Callable[[str], tuple[Settings, FirstDays | None]],
        notes: list[str],
    ) -> None:
        self._source, self._span_ns, self._settings_of, self._notes = source, span_ns, settings_of, notes
        there = source.units()
        self._units = [one for one in there if unit in (None, one[1])]
        if not self._units:
            names = ", ".join(sorted({name for _, name, _ in there}))
            wanted = f"of unit {unit!r}; it has: {names}" if there else "yet"
            raise MapError(f"it holds no frames {wanted}")

    @property
    def frames(self) -> int:
        """How many frames there are, or a few more than are in the span."""
        return sum(frames for *_, frames in self._units)

    def parts(self) -> Iterator[StoredPart]:
        """Give part after part, to be judged in this order."""
        several = len({agent for agent, *_ in self._units}) > 1
        for agent, unit, _ in self._units:
            yield from self._parts_of(agent, unit, f"{agent}: {unit}" if several else unit)

    def _parts_of(self, agent: str | None, unit: str, group: str) -> Iterator[StoredPart]:
        line = Timeline(group, self._notes)
        first_ns, last_ns = self._span_ns

        def read(from_ns: int, to_ns: int) -> Iterator[tuple[str, Batch]]:
            from_ns, to_ns = max(from_ns, first_ns), min(to_ns, last_ns)
            return self._source.batches(agent, unit, from_ns, min(to_ns + 1, 2**63 - 1))

        batches = (
            batch
            for _, batch in read(first_ns, last_ns)
            if ((batch.utc_ns >= first_ns) & (batch.utc_ns <= last_ns)).any()
        )
        for _, rest in groupby(self._of_one_machine(batches, line), line.part_of):
            shifts_s = line.shifts_s
            head, stretch = _peeked(rest)
            layout = self._layout(group, head[0])
            settings, first_days = self._settings_of(unit)
            if layout is not None:
                yield StoredPart(
                    group, layout, _period_s(head), settings, shifts_s, stretch, read, self._span_ns,
                    first_days,
                )  # fmt: skip

    def _of_one_machine(self, batches: Iterator[Batch], line: Timeline) -> Iterator[Batch]:
        """Give a unit's batches up to where two machines speak under its name, and tell that; other units
        know nothing of it.
        """
        for batch in batches:
            if stranger := line.stranger(batch):
                self._source.tell(stranger)
                return
            yield batch

    def _layout(self, group: str, batch: Batch) -> SchemaLayout | None:
        """Return what the values are; None, and a note, where nobody can know."""
        description = self._source.description(batch.schema)
        try:
            if description is None:
                raise LookupError("what says how to read it never came")
            layout = SchemaLayout(description)
            if len(layout.channels) != batch.raw.shape[1]:
                raise LookupError(f"{batch.raw.shape[1]} values, its schema describes {len(layout.channels)}")
            to_si(description, batch.raw, batch.quality)
        except UNFIT as error:
            why = error.args[0] if isinstance(error, LookupError) else f"its schema is damaged ({error})"
            self._notes.append(f"{group}: not judged from {in_its_words(utc(batch)[0])}: {why}")
            return None
        return layout


def _peeked(batches: Iterator[Batch]) -> tuple[list[Batch], Iterator[Batch]]:
    """Return the first batches, in which the period of polls can be seen, and all of them."""
    head: list[Batch] = []
    while sum(batch.frames for batch in head) < PERIOD_FRAMES and (batch := next(batches, None)):
        head.append(batch)
    return head, chain(head, batches)


def _period_s(head: list[Batch]) -> float:
    gaps_ns = np.diff(np.concatenate([batch.boottime_ns for batch in head]))
    gaps_ns = gaps_ns[gaps_ns > 0]
    return float(np.median(gaps_ns)) * NS if len(gaps_ns) else 1.0
