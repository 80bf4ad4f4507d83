"""Which schemas go with a request: once ahead of need, and then as often as is sensible. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence

AGAIN_MOST_S = 60.0  # between two times that a schema is sent to a collector that asks for it for ever
PAUSE_MOST_S = 3600.0  # for which a collector's word keeps one back


class Schemas:
    """By their hash. `alone`: those that a limit keeps from travelling with a batch."""

    def __init__(self) -> None:
        self.alone: set[bytes] = set()
        self._sent: set[bytes] = set()  # to this collector, as far as anybody knows
        self._asked: dict[bytes, float] = {}  # from when on each may go
        self._refused: dict[bytes, float] = {}  # until when each may not
        self._tries: Counter[bytes] = Counter()

    def asked(self, digests: Iterable[bytes], now_s: float) -> None:
        """Take what the collector wants: at once, then after 1 s, 2 s, 4 s ... 60 s."""
        for digest in digests:
            tries = self._tries[digest]
            wait_s = min(AGAIN_MOST_S, 2.0 ** min(tries - 1, 10)) if tries else 0.0
            self._asked.setdefault(digest, max(now_s + wait_s, self._refused.get(digest, 0.0)))

    def refused(self, said: Sequence[tuple[bytes, str, float]], now_s: float) -> list[str]:
        """Keep back what the collector will not take, for as long as it says; return what is new of that, in
        words. said: hash, reason, seconds.
        """
        new = [f"schema {name.hex()}: {reason}" for name, reason, _ in said if name not in self._refused]
        for digest, _, pause_s in said:
            until_s = self._refused[digest] = now_s + min(pause_s, PAUSE_MOST_S)
            if digest in self._asked:
                self._asked[digest] = max(until_s, self._asked[digest])
        return new

    def put_off(self, digest: bytes, until_s: float) -> None:
        """Send one alone, and not before."""
        self.alone.add(digest)
        self._asked[digest] = until_s

    def next_s(self) -> float:
        """When the next of them may go."""
        return min(self._asked.values(), default=float("inf"))

    def choose(self, of_batches: Iterable[bytes], most: int, now_s: float) -> list[bytes]:
        """Return what goes with batches that are read with some schemas."""
        due = {digest for digest, at_s in self._asked.items() if at_s <= now_s}
        kept_back = {digest for digest, until_s in self._refused.items() if until_s > now_s}
        return sorted((due | {*of_batches} - self._sent) - self.alone - kept_back)[:most]

    def lone(self, now_s: float) -> list[bytes]:
        """Return the one that is to go without batches now, if there is one."""
        return sorted(d for d in self.alone if self._asked.get(d, now_s + 1) <= now_s)[:1]

    def arrived(self, digests: Iterable[bytes]) -> None:
        """Take note that these were sent, and the request was taken."""
        for digest in digests:
            self._sent.add(digest)
            self._tries[digest] += self._asked.pop(digest, None) is not None

    def failed(self) -> None:
        """Nobody knows what the collector holds: each goes with the next batch that needs it."""
        self._sent.clear()
