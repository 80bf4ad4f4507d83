"""What an upstream had acknowledged and names as missing: sent again, as long as the history has it. Pure.

A collector that was restored from an older copy, or replaced, lacks what was delivered before. One that calls
everything missing for ever must cost next to nothing.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable

from agent.wire.ranges import Ranges

AGAIN_S = 3600.0  # after a batch was healed and acknowledged, before it is sent once more
STEP_S = 60.0  # healed batches are remembered together by the minute
MOST_RANGES = 256  # under way at once: they are written with every commit
#: A collector with very many holes tells only its highest apart, and the lower ones as wider ranges.
MERGED = 128
LOOK_S = 0.001  # until such an answer is looked at again, for each range beyond `MERGED`: 1/500 of a core


class Healing:
    """`ranges`: what is sent again and not acknowledged yet."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = (), now_s: Callable[[], float] = time.monotonic):
        self.ranges = Ranges(ranges)
        self.named = Ranges()  # since the last commit, with which they begin to be healed
        self.again = 0  # of what the last answer named, how much was healed within the hour
        self._now_s, self._look_at_s = now_s, -math.inf
        self._healed: deque[tuple[float, Ranges]] = deque()
        self._gone: deque[tuple[float, Ranges]] = deque()

    def name(self, settled: Ranges, held: Ranges, last_sequence: int) -> None:
        """Take an upstream's word on what it holds: the rest of what is `settled` is to be healed.

        What names very many ranges is looked at now and then only.
        """
        if self._now_s() < self._look_at_s:
            return
        self._look_at_s = self._now_s() + LOOK_S * max(0, len(held) - MERGED)
        lost = _certain(settled.minus(held), settled, held, last_sequence)
        healed = _lately(self._healed, self._now_s())
        fresh = lost.minus(healed)
        self.again = lost.count - fresh.count
        fresh = fresh.minus(_lately(self._gone, self._now_s())).minus(self.named)
        room = MOST_RANGES - len(self.ranges) - len(self.named)
        for first, last in list(fresh)[: max(0, room)]:
            self.named.add(first, last)

    def begun(self, stored: Ranges) -> None:
        """Take note that of what was named these are sent again, and the rest is no more there."""
        gone, self.named = self.named.minus(stored), Ranges()
        if gone.count:
            _remember(self._gone, gone, self._now_s())

    def settled(self, sequences: Iterable[int]) -> None:
        """Take note that the upstream has spoken of these."""
        done = Ranges((s, s) for s in sequences if s in self.ranges)
        if done.count:
            self.ranges = self.ranges.minus(done)
            _remember(self._healed, done, self._now_s())


def _certain(lost: Ranges, settled: Ranges, held: Ranges, last_sequence: int) -> Ranges:
    """Without what may lie in a range that was told wider than it is: one around batches that wait here."""
    absent = Ranges([(1, last_sequence)] if lost.count else []).minus(held)
    if len(absent) < MERGED:
        return lost
    return Ranges(ends for ends in absent if settled.covers(*ends))


def _remember(steps: deque[tuple[float, Ranges]], ranges: Ranges, now_s: float) -> None:
    if not steps or now_s >= steps[-1][0] + STEP_S:
        steps.append((now_s, Ranges()))
    for first, last in ranges:
        steps[-1][1].add(first, last)


def _lately(steps: deque[tuple[float, Ranges]], now_s: float) -> Ranges:
    """What was remembered within `AGAIN_S`; a step lasts until its youngest does."""
    while steps and now_s >= steps[0][0] + STEP_S + AGAIN_S:
        steps.popleft()
    return Ranges(ends for _, ranges in steps for ends in ranges)
