"""Whether every sealed batch is accounted for: sealed = stored + pruned + withheld + dropped + missing.

A sequence that is told as several of these counts as the first of them.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from agent.wire import WireError
from agent.wire.ranges import Ranges
from agent.wire.schema import width
from agent.wire.text import printable
from collector.archive import Archive, decoded, described
from collector.sink import Stream

LINE_CHARACTERS = 600
DOUBTS = ("conflict", "clone", "rollback")  # incidents that make a stream's account worthless


@dataclass(frozen=True, slots=True)
class StreamAccount:
    """One (agent, epoch). `sealed` is the highest sequence that anything here speaks of.

    `pruned` counts what was stored here and is deleted since; `withheld` what this collector is never to have
    and what is not here; `dropped` what the agent reported as given up beside that; `missing` are the ranges
    that nobody accounts for; `refused` the part of them that came and was not sound; `damaged` what no longer
    decodes; `unreadable` what is stored as it came, but for whose numbers nobody knows what they mean.
    """

    agent: str
    epoch: str
    sealed: int
    stored: int
    pruned: int
    withheld: int
    dropped: int
    missing: list[tuple[int, int]]
    refused: list[tuple[int, str]] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    @property
    def missing_count(self) -> int:
        """How many batches the missing ranges hold."""
        return sum(last - first + 1 for first, last in self.missing)

    @property
    def balanced(self) -> bool:
        """Nothing is missing, damaged or in doubt, and the sum is right."""
        parts = (self.stored, self.pruned, self.withheld, self.dropped, self.missing_count)
        sums = self.sealed == sum(parts)
        return sums and not (self.missing or self.damaged or self.doubts)

    @property
    def fine(self) -> bool:
        """Balanced, and all of it can be read."""
        return self.balanced and not self.unreadable

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "missing_count": self.missing_count, "balanced": self.balanced}

    def lines(self) -> list[str]:
        """For people."""
        parts = {name: getattr(self, name) for name in ("stored", "pruned", "withheld", "dropped")}
        sums = " + ".join(f"{name} {n}" for name, n in {**parts, "missing": self.missing_count}.items())
        verdict = "balanced" if self.balanced else "NOT BALANCED"
        found = [
            f"{self.agent} epoch {self.epoch}: sealed {self.sealed} = {sums}: {verdict}",
            *(f"  missing {first}" + (f" to {last}" if last > first else "") for first, last in self.missing),
            *(f"  refused {sequence}: {reason}" for sequence, reason in self.refused),
            *(f"  damaged {text}" for text in self.damaged),
            *(f"  {text}" for text in self.doubts),
            *(f"  unreadable {text}" for text in self.unreadable),
        ]
        return [printable(line, LINE_CHARACTERS) for line in found]


def audit(archive: Archive, quick: bool = False) -> list[StreamAccount]:
    """Every stream's account, as of one moment. Unless `quick`, every stored batch is decoded again."""
    with archive.as_of_now():
        return [_account(archive, stream, quick) for stream in archive.streams()]


def _account(archive: Archive, stream: Stream, quick: bool) -> StreamAccount:
    stored, reported = Ranges(archive.stored(stream)), Ranges(archive.dropped(stream))
    pruned = Ranges(archive.pruned(stream)).minus(stored)
    came = Ranges([*stored, *pruned])
    withheld = Ranges(archive.withheld(stream)).minus(came)  # what came all the same is here
    dropped = reported.minus(came).minus(withheld)
    everything = Ranges([*came, *withheld, *dropped])
    refused = archive.refused(stream)
    sealed = max([everything.highest, *(sequence for sequence, _ in refused)])
    missing = Ranges.through(sealed).minus(everything)
    doubts = archive.incidents(stream, DOUBTS)
    widths, unreadable = _schemas(archive, stream)
    damaged, misfits = ([], []) if quick else _damaged(archive, stream, widths)
    return StreamAccount(
        agent=stream[0],
        epoch=stream[1].hex(),
        sealed=sealed,
        stored=stored.count,
        pruned=pruned.count,
        withheld=withheld.count,
        dropped=dropped.count,
        missing=list(missing),
        refused=[(sequence, reason) for sequence, reason in refused if sequence in missing],
        damaged=damaged,
        doubts=[f"{kind} (seen {times} times): {text}" for kind, times, text in doubts],
        unreadable=unreadable + misfits,
    )


def _schemas(archive: Archive, stream: Stream) -> tuple[dict[bytes, int], list[str]]:
    """How many values each schema of a stream describes, and those by which no value can be read."""
    widths: dict[bytes, int] = {}
    found = []
    for digest, count, body, refused in archive.schemas(stream):
        description, why = described(digest, body) if body is not None else (None, refused)
        if why:
            found.append(f"schema {digest.hex()} of {count} batches: {printable(why)}")
        elif description is not None:
            widths[digest] = width(description)
    return widths, found


def _damaged(archive: Archive, stream: Stream, widths: dict[bytes, int]) -> tuple[list[str], list[str]]:
    """Batches whose bytes no longer say what their row says, and sums that no longer agree; and batches that
    their schema, which came after them, does not describe.
    """
    found, misfits, frames, values, count = [], [], 0, 0, 0
    for sequence, row_frames, row_values, blob in archive.rows(stream):
        count, frames, values = count + 1, frames + row_frames, values + row_values
        try:
            batch = decoded(blob)
        except WireError as error:
            found.append(f"{sequence}: {error}")
            continue
        said = (batch.agent, batch.epoch, batch.sequence, batch.frames, batch.values)
        if said != (*stream, sequence, row_frames, row_values):
            found.append(f"{sequence}: the bytes are batch {batch.sequence} with {batch.values} values")
        m = batch.raw.shape[1]
        if batch.frames and batch.schema and widths.get(batch.schema, m) != m:
            misfits.append(f"{sequence}: {m} values in a frame, its schema describes {widths[batch.schema]}")
    sums = archive.sums(stream)
    if sums and sums != (count, frames, values):
        found.append(f"sums: {sums.batches} batches were stored, {count} are here")
    return found, misfits
