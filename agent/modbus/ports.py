"""What the bus engine needs of a port: something that opens, closes, and carries requests.

A port neither retries nor schedules. Everything that goes out passes through `adu`, which knows reads only.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from agent.modbus.came import NOTHING, Came, of_exception
from agent.quality import Quality
from drivers.registers import Read, Reply

NO_REPLY = Reply((), Quality.NO_REPLY)


def clock_s() -> float:
    """Return the running loop's time, which is what its timers go by: a port has no other clock."""
    return asyncio.get_running_loop().time()


#: Called with whether they were sent, and the bytes.
Tap = Callable[[bool, bytes], None]


class PortError(Exception):
    """The port itself failed: the cable, the adapter, the network, or another process.

    `came`: what came of it, where that is a row of the table.
    """

    def __init__(self, text: str, came: Came | None = None) -> None:
        super().__init__(text)
        self.came = came


class HungUp(PortError):
    """The other side closed the connection."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request.

    `reply` is NO_REPLY unless something sound came. `response_s`: how long the unit took to begin answering,
    as far as can be told from here. `damaged`: the unit said something, and it was not sound, or it may have
    been said to another master; `stranger`: that one's request, where one was heard; `strangers`: how many
    requests of other masters were heard since the answer before. `unheard`: what came in place of something
    sound. `asked`: not where what had to be answered before it was not, so that the request never went out.
    """

    reply: Reply
    response_s: float | None = None
    damaged: bool = False
    stranger: bytes = b""
    strangers: int = 0
    unheard: Came = NOTHING
    asked: bool = True

    @property
    def came(self) -> Came:
        """What came in place of values."""
        code = self.reply.exception_code
        return self.unheard if code is None else of_exception(code, self.unheard.frames)


SILENCE = Answer(NO_REPLY)
DAMAGED = Answer(NO_REPLY, damaged=True)


class LateReply(NamedTuple):
    """A reply that came after its time-out, and how long it took. gateway: it says that the unit is away."""

    unit_id: int
    response_s: float
    gateway: bool = False


class Port(Protocol):
    """A serial line or a TCP endpoint.

    `has_transaction_ids`: replies carry the id of their request, so a late one is known. `in_flight`: how
    many requests it can carry at once. `tap`: for people who want to see the bytes themselves.
    """

    name: str
    has_transaction_ids: bool
    in_flight: int
    tap: Tap | None

    @property
    def hung_up(self) -> PortError | None:
        """Why it is not open any more, where the other side ended it; None: it did not."""

    @property
    def is_open(self) -> bool:
        """Whether the port can carry a request now."""

    async def open(self) -> None:
        """Open the port; raise PortError with the reason."""

    def close(self) -> None:
        """Close the port; harmless when closed."""

    async def ask(self, unit_id: int, read: Read, timeout_s: float, pause_s: float = 0.0) -> Answer:
        """Carry one request, and keep `pause_s` of silence before the next.

        `timeout_s` is the unit's time to begin its answer. A broken port raises PortError.
        """

    def late(self) -> Sequence[LateReply]:
        """Return the late replies that have come since this was called last."""
