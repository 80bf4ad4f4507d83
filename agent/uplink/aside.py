"""Batches that a limit, on the way or of the collector, keeps out: passed over, tried once an hour. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.store.outgoing import PendingBatch

AGAIN_S = 3600.0
MOST = 3600  # more could not be tried in an hour; the oldest of more are tried sooner


@dataclass(slots=True)
class _Kept:
    until_s: float
    size: int
    own: bool
    freed: bool = False


class Aside:
    """Batches by their sequence. `why`: what was said to the last one."""

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}
        self._fits = 0  # size of the largest batch that got through since one no larger was kept out
        self.why = ""

    def __len__(self) -> int:
        return len(self._kept)

    def apart(self, batches: list[PendingBatch]) -> list[PendingBatch]:
        """Return the first of them that may go together: one that may be too large goes alone."""
        doubtful = [n for n, batch in enumerate(batches) if self._doubts(len(batch.blob))]
        return batches[: max(1, doubtful[0])] if doubtful else batches

    def _doubts(self, size: int) -> bool:
        return bool(self._kept) and size > self._fits

    def put(self, sequence: int, size: int, why: str, own: bool, now_s: float) -> bool:
        """Put a batch aside; `own`: the collector itself says so. Return whether it was not in doubt:
        then others were sent with it, and kept out too.
        """
        found, self._fits = not self._doubts(size), min(self._fits, size - 1)
        before = self._kept.pop(sequence, None)
        self._kept[sequence] = _Kept(now_s + AGAIN_S, size, own, freed=before is not None)
        self.why = why
        while len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]
        return found

    def waiting(self, now_s: float) -> set[int]:
        """Return what is to be passed over. Forget what was due for an hour and not tried: it is dropped."""
        for sequence in [s for s, kept in self._kept.items() if kept.until_s < now_s - AGAIN_S]:
            del self._kept[sequence]
        return {sequence for sequence, kept in self._kept.items() if kept.until_s > now_s}

    def taken(self, sizes: Mapping[int, int], now_s: float) -> None:
        """Take note of what was taken, by its size. Where something no larger was kept out on the way, what
        did it may have been mended: all that it kept out is tried again, once.
        """
        for sequence in sizes:
            self._kept.pop(sequence, None)
        self._fits = max([self._fits, *sizes.values()])
        strangers = [kept for kept in self._kept.values() if not (kept.own or kept.freed)]
        if sizes and any(kept.size <= max(sizes.values()) for kept in strangers):
            for kept in strangers:
                kept.until_s, kept.freed = now_s, True
