"""Simulated time for buses, ports and units as they are: an event loop that does not wait, but goes on.

Where nothing is left to do, the loop's time is the next timer's. Ports go by the loop's time, units by a
clock that tells it; what carries their bytes must live in the same loop, for a real wire would not keep up.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from agent.clock import Clock, Stamp

T = TypeVar("T")
BEGAN_S = 1000.0  # as if the box had been up for so long


class _Jumping(selectors.SelectSelector):
    """Waits for nothing: time goes on instead."""

    now_s = BEGAN_S

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing will ever happen in this loop")
        self.now_s += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose seconds take no time."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the simulated time, s."""
        return self._jumping.now_s


class LoopClock(Clock):
    """What the running loop's time is, told as a boot's. Every stamp says that it is simulated."""

    def boottime_s(self) -> float:
        """Return the loop's time, s."""
        return asyncio.get_running_loop().time()

    def stamp(self) -> Stamp:
        """Now."""
        return Stamp(round(1e9 * self.boottime_s()), 0, synchronised=False, simulated=True)


def run(coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in simulated time, to its end."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine())
