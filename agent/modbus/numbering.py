"""How a device numbers its answers that does not copy the numbers of its requests. Pure.

One answer under another number shows that it does not; how it makes its numbers, only several do.
"""

from collections import deque
from itertools import pairwise
from typing import NamedTuple

from agent.message import Message, joined

LEAST = 3  # answers under other numbers, before it is said how they come
NUMBERS = 0x10000
OTHER = Message("answers under another transaction id")


class Numbers(NamedTuple):
    """The number of a request, and of its answer."""

    asked: int
    came: int


class Numbering:
    """What was last answered under another number, of requests whose own numbers all differ."""

    def __init__(self) -> None:
        self._last: deque[Numbers] = deque(maxlen=LEAST)

    def own(self, number: int) -> None:
        """Note an answer under the number of its request; it says nothing where it is always that one."""
        if any(numbers.came != number for numbers in self._last):
            self._last.clear()

    def other(self, asked: int, came: int) -> None:
        """Note an answer under another number."""
        self._last.append(Numbers(asked, came))

    @property
    def text(self) -> Message:
        """What the device does, as a predicate."""
        if len(self._last) < LEAST:
            return OTHER
        if len({numbers.came for numbers in self._last}) == 1:
            return Message("always answers under transaction id {n}", n=self._last[0].came)
        if all(other.came == one.asked for one, other in pairwise(self._last)):
            return Message("answers under the transaction id of the request before")
        if all((one.came + 1) % NUMBERS == other.came for one, other in pairwise(self._last)):
            return Message("numbers its answers itself, one after the other")
        return OTHER

    @property
    def detail(self) -> Message:
        """The figures that show it."""
        said = (Message("{came} for {asked}", came=came, asked=asked) for asked, came in self._last)
        return joined(", ", said)
