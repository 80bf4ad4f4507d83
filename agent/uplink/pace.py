"""How much to send at once, and when to try again. Pure; times and chance are passed in."""

from agent.wire.limits import DEFAULT_LIMITS

REQUEST_S = 0.5  # what a request should take: an alarm may have to wait for one
MIN_REQUEST_BYTES, MAX_REQUEST_BYTES = 32 * 1024, 1024 * 1024
RETRY_FLOOR_S, RETRY_CEILING_S = 0.5, 30.0
RETRY_AFTER_MOST_S = 600.0


class Pace:
    """Learns from each answer. `backlog_share` is the share of the link's time that a backlog may take."""

    def __init__(self, backlog_share: float) -> None:
        self._share = backlog_share
        self.max_bytes = 2 * MIN_REQUEST_BYTES
        self.max_batches = DEFAULT_LIMITS.batches
        self.backlog_at_s = 0.0  # when the next request may carry backlog
        self.failures = 0

    def answered(self, now_s: float, took_s: float, with_backlog: bool) -> None:
        """A request was taken."""
        self.failures = 0
        if took_s < REQUEST_S:
            self.max_bytes = min(MAX_REQUEST_BYTES, 2 * self.max_bytes)
        elif took_s > 2 * REQUEST_S:
            self.max_bytes = max(MIN_REQUEST_BYTES, self.max_bytes // 2)
        self.max_batches = min(DEFAULT_LIMITS.batches, 2 * self.max_batches)
        if with_backlog:
            self.backlog_at_s = now_s + took_s * (1 / self._share - 1)

    def too_large(self, batches: int) -> None:
        """A request was refused for its size: its half may fit."""
        self.max_batches = max(1, batches // 2)

    def failed(self, chance: float, retry_after_s: float | None = None) -> float:
        """Return how long to wait, for a `chance` in 0 ... 1.

        Full jitter: a thousand agents whose collector returns do not return together.
        """
        self.failures += 1
        self.max_bytes = max(MIN_REQUEST_BYTES, self.max_bytes // 2)
        if retry_after_s is not None:
            return min(retry_after_s, RETRY_AFTER_MOST_S) * (1 + chance)
        ceiling_s = min(RETRY_CEILING_S, RETRY_FLOOR_S * 2.0 ** min(self.failures, 10))
        return 0.1 + chance * (ceiling_s - 0.1)
