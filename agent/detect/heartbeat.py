"""The heartbeats of a unit: counters that move while it lives. Pure.

Theory. A heartbeat is a value of the frame; it stands still when it has not moved for longer than its limit.

            limit                                        values that are then not fresh
promised    the time in its profile, and one poll:       all
            nobody knows when in its cycle it is read
learned     STEP_TIMES its longest time between steps,   those that have not moved since: a value that moves
            once it has made RUNS_AFTER_STEPS            is read from the cells, whatever a counter does
"""

from collections.abc import Sequence

import numpy as np

from agent.detect.channels import Codes, Flags, Floats
from agent.detect.kernels.stillness import LEAST_S, STILL, STILL_FRAMES
from agent.quality import Quality

RUNS_AFTER_STEPS = 5
STEP_TIMES = 5.0
LEAST_READS = 2  # in which a promised heartbeat must be found unmoved: one read in a long time proves nothing

_GOOD = np.uint8(Quality.GOOD)


class Heartbeats:
    """The heartbeats among n values.

    at: their indices in the frame. steps, longest_s: by heartbeat, its steps, and the longest time between
    two. standing: the index in the frame of one that stands still; None: none does.
    """

    def __init__(self, quantities: Sequence[str], changes_within_s: Floats) -> None:
        self.at = [
            i for i, q in enumerate(quantities) if q == "heartbeat" or np.isfinite(changes_within_s[i])
        ]
        self.standing: int | None = None
        self.steps, self.longest_s = np.zeros(len(self.at), np.int64), np.zeros(len(self.at))
        self._promised_s: Floats = changes_within_s[self.at]

    def follow(self, counts: Floats, seen: Codes, gaps_s: Floats, dt_s: float, quality: Codes) -> None:
        """Take one frame.

        counts (n, 6), seen (n,): after the frame, see `kernels.stillness.follow`. gaps_s: by heartbeat, the
        time since its last step, as if it had made none in this frame. dt_s: since the last frame.
        """
        was, self.standing = self.standing, None
        for b, (i, gap_s) in enumerate(zip(self.at, gaps_s, strict=True)):
            still_s, promised = counts[i, STILL], np.isfinite(self._promised_s[b])
            if still_s == 0.0 and seen[i]:
                self.steps[b] += 1
                if self.steps[b] > 1 and gap_s > self.longest_s[b]:
                    self.longest_s[b] = gap_s
            stands = still_s >= self._limit_s(b) + (dt_s if promised else 0.0)
            if quality[i] != _GOOD:  # not read in this frame: it is as it was in the last
                stands = was == i
            elif promised:
                stands &= counts[i, STILL_FRAMES] >= LEAST_READS
            if seen[i] and stands:
                self.standing = i
                return  # the steps of the others are not counted in this frame

    def not_fresh(self, counts: Floats) -> Flags:
        """Return which of the n values are not fresh by the heartbeat that stands still."""
        if self.standing is None:
            return np.zeros(len(counts), np.bool_)
        if np.isfinite(self._promised_s[self.at.index(self.standing)]):
            return np.ones(len(counts), np.bool_)
        unmoved: Flags = counts[:, STILL] >= counts[self.standing, STILL]
        return unmoved

    def limit_s(self, i: int) -> float:
        """Return how long the heartbeat at index `i` may stand still; infinite: not known yet."""
        return self._limit_s(self.at.index(i))

    def resume(self, counts: Floats, *, frozen: bool) -> None:
        """Find the heartbeat that stood still before a restart, by the counts that were kept. frozen: whether
        the unit was: by a heartbeat over its limit, if there is one.
        """
        over = [i for b, i in enumerate(self.at) if counts[i, STILL] >= self._limit_s(b)]
        self.standing = over[0] if over and frozen else None

    def _limit_s(self, b: int) -> float:
        if np.isfinite(self._promised_s[b]):
            return float(self._promised_s[b])
        runs = self.steps[b] > RUNS_AFTER_STEPS
        return max(STEP_TIMES * float(self.longest_s[b]), LEAST_S) if runs else np.inf
