"""What refusals have taught of a unit: reads that it takes only in parts, or answers by closing. Pure."""

from dataclasses import dataclass, field

from drivers.plan import Cut
from drivers.registers import Read

# Some units close the connection where others say exception 2: a read that did so twice, and both times when
# asked once more, is taken to be refused.
CLOSED_BY = 2


@dataclass(eq=False)
class Refusals:
    """What is remembered of refusals. cuts: where reads must be apart, also on the next connection."""

    cuts: frozenset[Cut] = frozenset()
    _closed: dict[Read, int] = field(default_factory=dict)  # connections that were closed by a read

    def closed_by(self, read: Read) -> bool:
        """Note that a read closed the connection; return whether that is taken for a refusal from now on."""
        times = self._closed[read] = self._closed.get(read, 0) + 1
        return times == CLOSED_BY

    def answered(self, read: Read) -> None:
        """Note that a read was answered."""
        self._closed.pop(read, None)

    def by_closing(self, read: Read) -> bool:
        """Whether the unit refuses a read by closing."""
        return self._closed.get(read, 0) >= CLOSED_BY
