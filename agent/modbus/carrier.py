"""What brings the bytes of a serial line here and back: a device of this machine, or a socket to another.

A carrier knows no frames. `agent.modbus.rtu_port` finds them in what it brings, by length and checksum.
"""

from collections.abc import Callable
from typing import Protocol

from agent.modbus.ports import PortError

#: Called with what was heard.
Heard = Callable[[bytes], None]
#: Called with why nothing can be heard any more.
Lost = Callable[[PortError], None]


class Carrier(Protocol):
    """A stream of bytes to a serial line.

    `name`: as people and the log write it. `hung_up`: why it is not open any more, where the other side ended
    it; None: it did not.
    """

    name: str
    hung_up: PortError | None

    @property
    def is_open(self) -> bool:
        """Whether it can carry bytes now."""

    async def open(self, heard: Heard, lost: Lost) -> None:
        """Open it, and let the line settle; raise PortError with the reason."""

    def close(self) -> None:
        """Close it; harmless when closed."""

    def send(self, data: bytes) -> None:
        """Send bytes, without waiting. Raises PortError where it is not open any more."""

    def answered(self) -> None:
        """Note that a unit has answered through it."""

    def unanswered(self) -> None:
        """Note that a request was not answered."""
