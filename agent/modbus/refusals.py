"""Which reads a unit refuses by closing the connection. Pure."""

from dataclasses import dataclass, field

from drivers.registers import Read

# Some units close the connection where others say exception 2: a read that did so twice, and both times when
# asked once more, is taken to be refused.
CLOSED_BY = 2


@dataclass(eq=False)
class Refusals:
    """How often reads of one unit ended in a closed connection."""

    _closed: dict[Read, int] = field(default_factory=dict)  # connections that were closed by a read

    def closed_by(self, read: Read) -> bool:
        """Note that a read closed the connection; return whether that is taken for a refusal from now on."""
        times = self._closed[read] = self._closed.get(read, 0) + 1
        return times == CLOSED_BY

    def answered(self, read: Read) -> None:
        """Note that a read was answered."""
        if self._closed:
            self._closed.pop(read, None)

    def by_closing(self, read: Read) -> bool:
        """Whether the unit refuses a read by closing."""
        return self._closed.get(read, 0) >= CLOSED_BY
