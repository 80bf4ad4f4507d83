"""How long to wait for a unit, learned from itself; and how long to leave one alone that is silent."""

from bisect import bisect_left, insort
from collections import deque

KEPT = 200
LEARNT = 8  # answers before a time-out of its own is worth more than the configured one
QUANTILE = 0.99
MARGIN = 3.0
FLOOR_S = 0.1  # adapters, gateways and a busy machine add this much without the unit's doing

# After the n-th silence in a row. The first probe comes at once: one lost frame must cost little. The last
# repeats for ever, and keeps a unit that is back within the ten seconds of the safety deadline.
BACKOFF_S = (0.0, 1.0, 2.0, 4.0, 8.0)
# From the second pause on it is also so many time-outs, up to the last: one that is allowed seconds for an
# answer must not hold up the line of the others for most of its first minute.
BACKOFF_TIMEOUTS = 4.0
# A reply that comes later than this many time-outs, and at least so long, after its request is taken to be
# lost: until then a serial unit is not asked what it might be answering still.
OVERDUE_TIMEOUTS, OVERDUE_LEAST_S = 2.0, 1.0


def backoff_s(silences: int, timeout_s: float) -> float:
    """Return how long a unit with this time-out is left alone after so many silences in a row."""
    pause_s = BACKOFF_S[min(silences, len(BACKOFF_S)) - 1]
    if silences == 1:
        return pause_s
    return min(max(pause_s, BACKOFF_TIMEOUTS * timeout_s), BACKOFF_S[-1])


def overdue_s(timeout_s: float) -> float:
    """Return how long after a request its reply may still come."""
    return max(OVERDUE_TIMEOUTS * timeout_s, OVERDUE_LEAST_S)


class ResponseTimes:
    """The last response times of one unit, and the time-out that follows from them."""

    def __init__(self, ceiling_s: float) -> None:
        self.ceiling_s = ceiling_s
        self._recent: deque[float] = deque(maxlen=KEPT)
        self._sorted: list[float] = []

    def add(self, response_s: float) -> None:
        """Take one answer's response time."""
        if len(self._recent) == KEPT:
            del self._sorted[bisect_left(self._sorted, self._recent[0])]
        self._recent.append(response_s)
        insort(self._sorted, response_s)

    def quantile(self, q: float) -> float | None:
        """Return a quantile of the last response times; None before the first."""
        return self._sorted[round(q * (len(self._sorted) - 1))] if self._sorted else None

    @property
    def timeout_s(self) -> float:
        """What to wait for an answer: a high quantile with a margin, between a floor and the ceiling."""
        high = self.quantile(QUANTILE)
        if high is None or len(self._sorted) < LEARNT:
            return self.ceiling_s
        return min(self.ceiling_s, max(FLOOR_S, MARGIN * high))

    @property
    def heard(self) -> bool:
        """Whether the unit has ever answered."""
        return bool(self._sorted)

    @property
    def learnt(self) -> bool:
        """Whether the time-out is the unit's own."""
        return len(self._sorted) >= LEARNT
