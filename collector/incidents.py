"""What a person must look at: agents that are two machines, or an older copy of themselves, or silent.

Pure: what is stored is passed in, or asked for.
"""

import contextlib
from collections.abc import Callable, Iterable, Sequence

from agent.wire import CLOCK_SYNCHRONISED, Batch, WireError, decode_batch
from collector.sink import Range, Stream

SCHEMA = "schema "
BOOTS = 8  # of each stream that are remembered: two machines that live take turns


class BootTimes:
    """When the last few boots of each stream had their frames, as (first, last) in ns of UTC; None: their
    clock is not to be believed. Known since the start of this collector, and from their first and last batch.

    held: the bytes of a stored batch.
    """

    def __init__(self, held: Callable[[Stream, int], bytes | None]) -> None:
        self._held = held
        self._of: dict[Stream, dict[bytes, tuple[int, int] | None]] = {}
        self._looked_up: set[tuple[Stream, bytes]] = set()

    def take(self, stream: Stream, batch: Batch) -> None:
        """Take a batch in."""
        if not batch.frames:
            return
        boots = self._of.setdefault(stream, {})
        before = boots.pop(batch.boot_id, None)
        told_ns = batch.utc_ns[(batch.clock & CLOCK_SYNCHRONISED) != 0].tolist() + list(before or ())
        boots[batch.boot_id] = (min(told_ns), max(told_ns)) if told_ns else None
        if len(boots) > BOOTS:
            del boots[next(iter(boots))]

    def look_up(self, stream: Stream, boot_id: bytes, span: Range) -> None:
        """Take in what was stored of a boot before the start."""
        if (stream, boot_id) in self._looked_up:
            return
        self._looked_up.add((stream, boot_id))
        for sequence in sorted(set(span)):
            blob = self._held(stream, sequence)
            with contextlib.suppress(WireError):  # from before it was refused
                if blob is not None:  # else it comes just now
                    self.take(stream, decode_batch(blob))

    def overlap(self, stream: Stream, one: bytes, other: bytes) -> bool:
        """Whether both boots were heard, and neither is known to have ended before the other began."""
        boots = self._of.get(stream, {})
        if one not in boots or other not in boots:
            return False
        a, b = boots[one], boots[other]
        return a is None or b is None or (a[0] <= b[1] and b[0] <= a[1])


def counts(rows: Iterable[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """How often each agent was in an incident of each kind, as (agent, kind, times)."""
    found: dict[tuple[str, str], int] = {}
    for agent, kind, times in rows:
        key = agent, kind.partition(" ")[0]  # "schema HASH"
        found[key] = found.get(key, 0) + times
    return [(*key, times) for key, times in found.items()]


def of_schema(bad: tuple[bytes | None, str]) -> tuple[str, str]:
    """A schema that cannot be used: a kind of its own for each, so that each stays on record."""
    digest, reason = bad
    name = digest.hex() if digest else "without a hash"
    return f"{SCHEMA}{name}", f"cannot be used, its values stay raw numbers: {reason}"


def of_epochs(stream: Stream, epochs: Sequence[bytes]) -> list[str]:
    """Whether this epoch goes on although a later one of the same agent was seen: an old image, restored.

    epochs: of the agent, in its order: this collector's clock may have gone back.
    """
    epoch = stream[1]
    later = epochs[epochs.index(epoch) + 1 :] if epoch in epochs else ()
    if not later:
        return []
    went_on = f"epoch {epoch.hex()} goes on after epoch {min(later).hex()} began"
    return [f"{went_on}: an old database was restored, or two agents share one id"]


def of_boots(
    stream: Stream, batches: Sequence[Batch], spans: dict[bytes, Range], times: BootTimes
) -> list[str]:
    """Extend the span of sequences of each boot, and say which spans overlap, in time too: one machine boots
    in turn, but what an epoch that ended had not delivered follows in the next one, by priority.
    """
    new: dict[bytes, Range] = {}
    for batch in batches:
        times.take(stream, batch)
        first, last = new.get(batch.boot_id, (batch.sequence, batch.sequence))
        new[batch.boot_id] = min(first, batch.sequence), max(last, batch.sequence)
    found = []
    for boot_id, span in new.items():
        before = spans.get(boot_id, span)
        first, last = spans[boot_id] = min(span[0], before[0]), max(span[1], before[1])
        beside = None
        for other in sorted(spans):
            if other == boot_id or spans[other][0] > last or first > spans[other][1]:
                continue
            for boot in (boot_id, other):
                times.look_up(stream, boot, spans[boot])
            beside = other if times.overlap(stream, boot_id, other) else beside
        if beside:
            boots = f"boots {boot_id.hex()} and {beside.hex()}"
            found.append(f"{boots} seal batches in turns: two machines with one database")
    return found
