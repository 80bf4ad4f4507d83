"""What of a stream is accounted for: stored, pruned, or withheld or dropped, as its agent says. Pure."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.wire import Batch
from agent.wire.limits import DEFAULT_LIMITS
from agent.wire.ranges import Ranges
from agent.wire.sound import fitting
from collector.facts.derive import subject
from collector.sink import Accounted, Dropped, EventRow, Range, Stream

Batches = Sequence[tuple[Batch, bytes]]
NONE = Ranges()


@dataclass(frozen=True, slots=True)
class Account:
    """Of one stream. `stored` is what is here, and what was until it was `pruned`; `all` is that, `withheld`
    as it was told, stored all the same or not, or dropped.
    """

    stored: Ranges = field(default_factory=Ranges)
    pruned: Ranges = field(default_factory=Ranges)
    withheld: Ranges = field(default_factory=Ranges)
    all: Ranges = field(default_factory=Ranges)

    def news(self, told: Iterable[Range]) -> Ranges:
        """What of ranges that are told to be withheld is not known to be, and is not stored."""
        return Ranges(told).minus(self.stored).minus(self.withheld)

    def withhold(self, told: Iterable[Range]) -> list[Range]:
        """Account for ranges that are withheld; return those to be kept, in place of all within them."""
        news = self.news(told)
        for span in news:
            self.withheld.add(*span)
            self.all.add(*span)
        return list(dict.fromkeys(self.withheld.around(first) for first, _ in news))

    def prune(self, sequences: Iterable[int]) -> list[Range]:
        """Account for batches that are deleted; return ranges to be kept, in place of all within them."""
        gone = Ranges((sequence, sequence) for sequence in sequences)
        for span in gone:
            self.pruned.add(*span)
        return list(dict.fromkeys(self.pruned.around(first) for first, _ in gone))


class Accounts:
    """The account of every stream. `read` asks the sink for one, once.

    What an earlier version took beyond the bound of sequences is none of it: no agent would believe it.
    """

    def __init__(self, read: Callable[[Stream], Accounted]) -> None:
        self._read = read
        self._of: dict[Stream, Account] = {}

    def of(self, stream: Stream) -> Account:
        """What of a stream is accounted for."""
        if stream not in self._of:
            here, pruned, withheld, dropped = map(_bounded, self._read(stream))
            stored = Ranges([*here, *pruned])
            self._of[stream] = Account(stored, pruned, withheld, Ranges([*stored, *withheld, *dropped]))
        return self._of[stream]

    def take(self, stream: Stream, new: Batches) -> list[Dropped]:
        """Account for new batches, and for what they say was dropped; return the latter."""
        dropped: list[Dropped] = []
        for batch, _ in new:
            account = self.of(stream)
            account.stored.add(batch.sequence)
            account.all.add(batch.sequence)
            for event in batch.events:
                if event["kind"] == "gap":
                    dropped += self._gap(stream, batch.sequence, event)
        return dropped

    def not_here(self) -> tuple[dict[str, int], dict[str, int]]:
        """How many batches are missing below the highest seen, and how many are withheld, for every agent
        asked for since the start.
        """
        missing: Counter[str] = Counter()
        withheld: Counter[str] = Counter()
        for (agent, _), account in self._of.items():
            missing[agent] += account.all.highest - account.all.count
            withheld[agent] += account.withheld.minus(account.stored).count
        return missing, withheld

    def agents(self) -> set[str]:
        """The agents that were asked for since the start."""
        return {agent for agent, _ in self._of}

    def forget(self, agents: Collection[str]) -> None:
        """Forget what is known of some agents."""
        self._of = {stream: account for stream, account in self._of.items() if stream[0] not in agents}

    def _gap(self, stream: Stream, sequence: int, event: dict[str, Any]) -> Iterator[Dropped]:
        """What an agent says it dropped: `ranges` of sequences, of this epoch below its own, and why."""
        agent, epoch = stream
        ended = event.get("epoch", epoch)
        if ended == epoch:
            ranges = gap_ranges(event, before=sequence)
        elif isinstance(ended, bytes) and len(ended) == len(epoch):
            # an epoch that ended with its database; without ranges nobody knows any more how far it had come
            ranges = gap_ranges(event, DEFAULT_LIMITS.sequence + 1) or self.of((agent, ended)).all.holes()
        else:
            return
        for first, last in ranges:
            self.of((agent, ended)).all.add(first, last)
            yield Dropped(ended, first, last, str(event.get("reason", "")), sequence)


def _bounded(ranges: Iterable[Range]) -> Ranges:
    bound = DEFAULT_LIMITS.sequence
    return Ranges((first, min(last, bound)) for first, last in ranges if first <= bound)


def sort(
    batches: Batches, held: Callable[[int], bytes | None], pruned: Ranges = NONE
) -> tuple[Batches, list[int], int]:
    """New batches, sequences whose bytes are others than those `held`, and how many are held as they are.

    What was `pruned` is not new; with what bytes it came before nobody knows any more.
    """
    new: dict[int, tuple[Batch, bytes]] = {}
    conflicts, duplicates = [], 0
    for batch, blob in batches:
        before = new[batch.sequence][1] if batch.sequence in new else held(batch.sequence)
        if before is None and batch.sequence in pruned:
            duplicates += 1
        elif before is None:
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
            about = subject(event["kind"], batch.unit, event)
            yield EventRow(batch.sequence, position, event["kind"], batch.unit, record, about)


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
