"""Whether everything sealed is accounted for: sealed = stored + dropped + missing, stream by stream."""

from dataclasses import asdict, dataclass, field
from typing import Any

from agent.wire import WireError, decode_batch
from agent.wire.ranges import Ranges
from collector.archive import Archive, Stream
from collector.sink_sqlite import dropped_ranges, stored_ranges

DOUBTS = ("conflict", "clone", "rollback")  # incidents that make a stream's account worthless


@dataclass(frozen=True, slots=True)
class Account:
    """One (agent, epoch). `sealed` is the highest sequence that anything here speaks of.

    `dropped` counts what the agent reported as given up and what is not here; `missing` are the ranges that
    nobody accounts for; `refused` the part of them that came and was not sound; `damaged` what no longer
    decodes.
    """

    agent: str
    epoch: str
    sealed: int
    stored: int
    dropped: int
    missing: list[tuple[int, int]]
    refused: list[tuple[int, str]] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    @property
    def missing_count(self) -> int:
        """How many batches the missing ranges hold."""
        return sum(last - first + 1 for first, last in self.missing)

    @property
    def balanced(self) -> bool:
        """Nothing is missing, damaged or in doubt, and the sum is right."""
        sums = self.sealed == self.stored + self.dropped + self.missing_count
        return sums and not (self.missing or self.damaged or self.doubts)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "missing_count": self.missing_count, "balanced": self.balanced}

    def lines(self) -> list[str]:
        """For people."""
        sums = f"stored {self.stored} + dropped {self.dropped} + missing {self.missing_count}"
        verdict = "balanced" if self.balanced else "NOT BALANCED"
        return [
            f"{self.agent} epoch {self.epoch}: sealed {self.sealed} = {sums}: {verdict}",
            *(f"  missing {first}" + (f" to {last}" if last > first else "") for first, last in self.missing),
            *(f"  refused {sequence}: {reason}" for sequence, reason in self.refused),
            *(f"  damaged {text}" for text in self.damaged),
            *(f"  {text}" for text in self.doubts),
        ]


def audit(archive: Archive, quick: bool = False) -> list[Account]:
    """Every stream's account, as of one moment. Unless `quick`, every stored batch is decoded again."""
    archive.db.execute("BEGIN")
    try:
        return [_account(archive, stream, quick) for stream in archive.streams()]
    finally:
        archive.db.execute("ROLLBACK")


def _account(archive: Archive, stream: Stream, quick: bool) -> Account:
    db = archive.db
    stored, reported = Ranges(stored_ranges(db, stream)), Ranges(dropped_ranges(db, stream))
    dropped = reported.minus(stored)  # what was given up and came all the same is here
    everything = Ranges([*stored, *dropped])
    refused = db.execute(
        "SELECT sequence, reason FROM refused WHERE agent = ? AND epoch = ? ORDER BY sequence", stream
    ).fetchall()
    sealed = max([everything.highest, *(sequence for sequence, _ in refused)])
    missing = Ranges([(1, sealed)] if sealed else []).minus(everything)
    marks = ", ".join("?" for _ in DOUBTS)
    doubts = db.execute(
        f"SELECT kind, times, text FROM incident WHERE agent = ? AND epoch = ? AND kind IN ({marks})",
        [*stream, *DOUBTS],
    ).fetchall()
    return Account(
        agent=stream[0],
        epoch=stream[1].hex(),
        sealed=sealed,
        stored=stored.count,
        dropped=dropped.count,
        missing=list(missing),
        refused=[(sequence, reason) for sequence, reason in refused if sequence in missing],
        damaged=[] if quick else _damaged(archive, stream),
        doubts=[f"{kind} (seen {times} times): {text}" for kind, times, text in doubts],
    )


def _damaged(archive: Archive, stream: Stream) -> list[str]:
    """Batches whose bytes no longer say what their row says, and sums that no longer agree."""
    found, frames, values, count = [], 0, 0, 0
    rows = archive.db.execute(
        "SELECT sequence, frames, value_count, blob FROM batch WHERE agent = ? AND epoch = ?", stream
    )
    for sequence, row_frames, row_values, blob in rows:
        count, frames, values = count + 1, frames + row_frames, values + row_values
        try:
            batch = decode_batch(blob)
        except WireError as error:
            found.append(f"{sequence}: {error}")
            continue
        said = (batch.agent, batch.epoch, batch.sequence, batch.frames, batch.values)
        if said != (*stream, sequence, row_frames, row_values):
            found.append(f"{sequence}: the bytes are batch {batch.sequence} with {batch.values} values")
    sums = archive.db.execute(
        "SELECT batches, frames, value_count FROM stream WHERE agent = ? AND epoch = ?", stream
    ).fetchone()
    if sums and sums != (count, frames, values):
        found.append(f"sums: {sums[0]} batches were stored, {count} are here")
    return found
