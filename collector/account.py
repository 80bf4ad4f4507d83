"""What of a stream is accounted for: stored, or reported as dropped by its agent. Pure."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from agent.wire import Batch
from agent.wire.limits import DEFAULT_LIMITS
from agent.wire.ranges import Ranges
from agent.wire.sound import fitting
from collector.sink import Dropped, EventRow, Range, Stream

Batches = Sequence[tuple[Batch, bytes]]


class Accounts:
    """The account of every stream. `read` asks the sink for one, once.

    What an earlier version took beyond the bound of sequences is none of it: no agent would believe it.
    """

    def __init__(self, read: Callable[[Stream], Iterable[Range]]) -> None:
        self._read = read
        self._of: dict[Stream, Ranges] = {}

    def of(self, stream: Stream) -> Ranges:
        """What of a stream is accounted for."""
        if stream not in self._of:
            bound = DEFAULT_LIMITS.sequence
            self._of[stream] = Ranges((a, min(b, bound)) for a, b in self._read(stream) if a <= bound)
        return self._of[stream]

    def take(self, stream: Stream, new: Batches) -> list[Dropped]:
        """Account for new batches, and for what they say was dropped; return the latter."""
        dropped: list[Dropped] = []
        for batch, _ in new:
            self.of(stream).add(batch.sequence)
            for event in batch.events:
                if event["kind"] == "gap":
                    dropped += self._gap(stream, batch.sequence, event)
        return dropped

    def missing(self) -> dict[str, int]:
        """How many batches are missing below the highest seen, for every agent asked for since the start."""
        found: dict[str, int] = {}
        for (agent, _), accounted in self._of.items():
            found[agent] = found.get(agent, 0) + accounted.highest - accounted.count
        return found

    def clear(self) -> None:
        """Forget everything: memory may be ahead of the sink."""
        self._of.clear()

    def _gap(self, stream: Stream, sequence: int, event: dict[str, Any]) -> Iterator[Dropped]:
        """What an agent says it dropped: `ranges` of sequences, of this epoch below its own, and why."""
        agent, epoch = stream
        ended = event.get("epoch", epoch)
        if ended == epoch:
            ranges = gap_ranges(event, before=sequence)
        elif isinstance(ended, bytes) and len(ended) == len(epoch):
            # an epoch that ended with its database; without ranges nobody knows any more how far it had come
            ranges = gap_ranges(event, DEFAULT_LIMITS.sequence + 1) or self.of((agent, ended)).holes()
        else:
            return
        for first, last in ranges:
            self.of((agent, ended)).add(first, last)
            yield Dropped(ended, first, last, str(event.get("reason", "")), sequence)


def sort(batches: Batches, held: Callable[[int], bytes | None]) -> tuple[Batches, list[int], int]:
    """New batches, sequences whose bytes are others than those `held`, and how many are held as they are."""
    new: dict[int, tuple[Batch, bytes]] = {}
    conflicts, duplicates = [], 0
    for batch, blob in batches:
        before = new[batch.sequence][1] if batch.sequence in new else held(batch.sequence)
        if before is None:
            new[batch.sequence] = (batch, blob)
        elif before == blob:
            duplicates += 1
        else:
            conflicts.append(batch.sequence)
    return list(new.values()), conflicts, duplicates


def gap_ranges(event: dict[str, Any], before: int) -> list[Range]:
    """The ranges that a gap record names, without nonsense and without what was sealed after it."""
    ranges = event.get("ranges")
    return [
        (pair[0], pair[1])
        for pair in (ranges if isinstance(ranges, list) else [])
        if isinstance(pair, list) and len(pair) == 2 and all(type(end) is int for end in pair)
        if 1 <= pair[0] <= pair[1] < before
    ]


def event_rows(new: Batches) -> Iterator[EventRow]:
    """The events of some batches."""
    for batch, _ in new:
        for position, event in enumerate(batch.events):
            record = json.dumps(fitting(event), default=_plain, ensure_ascii=False, allow_nan=False)
            yield EventRow(batch.sequence, position, event["kind"], batch.unit, record)


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
