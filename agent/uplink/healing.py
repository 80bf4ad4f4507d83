"""When what a collector lost is sent again, and how much of it: a share, whatever it answers. Pure.

It goes in requests of its own. One that fails says nothing of the uplink, and costs no fresh batch.
"""

from itertools import accumulate

from agent.store.outgoing import PendingBatch
from agent.uplink.pace import START_BYTES, backoff_s, held_for_s, resized
from agent.wire.limits import DEFAULT_LIMITS

IN_VAIN = 0.5  # of its share of the link, for what is not acknowledged
CPU = 0.2  # of a core at most; each batch once an hour at most, whatever is called missing


class HealingPace:
    """Learns from each answer to what is sent again, and from no other."""

    def __init__(self, backlog_share: float) -> None:
        self._share = backlog_share
        self._max_bytes, self._max_batches = START_BYTES, DEFAULT_LIMITS.batches
        self.at_s = 0.0  # when the next may go
        self.failures = 0

    def fitting(self, batches: list[PendingBatch]) -> list[PendingBatch]:
        """Return the first of them that may go together; the very first whatever its size."""
        sizes = accumulate(len(batch.blob) for batch in batches[: self._max_batches])
        return batches[: max(1, sum(size <= self._max_bytes for size in sizes))]

    def taken(self, now_s: float, took_s: float, cpu_s: float) -> None:
        """All was acknowledged. cpu_s: of this process meanwhile."""
        self.failures = 0
        self._max_bytes = resized(self._max_bytes, took_s)
        self._max_batches = min(DEFAULT_LIMITS.batches, 2 * self._max_batches)
        self.at_s = now_s + self._rest_s(took_s, cpu_s)

    def failed(
        self,
        now_s: float,
        took_s: float,
        cpu_s: float,
        batches: int,
        chance: float,
        retry_after_s: float | None = None,
    ) -> None:
        """Not all was acknowledged: less of it, and later, for a `chance` in 0 ... 1."""
        self.failures += 1
        self._max_batches = max(1, batches // 2)
        wait_s = backoff_s(self.failures, chance)
        if retry_after_s is not None:
            wait_s = max(wait_s, held_for_s(retry_after_s, chance))
        self.at_s = now_s + max(wait_s, self._rest_s(took_s, cpu_s, IN_VAIN))

    def _rest_s(self, took_s: float, cpu_s: float, part: float = 1.0) -> float:
        return max(took_s * (1 / (part * self._share) - 1), cpu_s / CPU - took_s)
