"""Reads for people on a bus that is being polled: carried in its pauses, where no safety point has to wait.

A guest goes out only when the schedule has nothing to ask for longer than the guest can take, its time-out
included. On a line without transaction ids a reply that comes too late could be taken for that to one of the
agent's own reads; so a guest never asks for as much data as those do.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace

from agent.modbus.adu import BROKEN_OFF_S, data_bytes
from agent.modbus.patience import STRANGER_S
from agent.modbus.ports import Answer, Port, PortError
from agent.modbus.unit import Unit
from drivers.registers import Read

PATIENCE_S = 4.0  # for a pause that is long enough


class GuestRefused(Exception):
    """The bus cannot carry this read without harm to its own reads."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange of a guest: what was asked, what came of it, and the bytes both ways."""

    read: Read
    answer: Answer
    sent: bytes
    got: bytes


class Guest:
    """One read that waits for its pause.

    line_s: its time on the wire, without the unit's response time. in_pieces: its answer may come so, and
    take a second time-out after it has begun (`RtuExchange.settles_s`).
    """

    def __init__(
        self,
        unit_id: int,
        read: Read,
        polled: Unit | None,
        timeout_s: float | None,
        line_s: float,
        *,
        in_pieces: bool,
    ) -> None:
        self.unit_id, self.read, self._polled = unit_id, read, polled
        self.timeout_s = timeout_s or (polled.patience.times.timeout_s if polled else STRANGER_S)
        self.longest_s = (1 + in_pieces) * (self.timeout_s + line_s) + BROKEN_OFF_S
        self.heard: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()

    async def carry(self, port: Port) -> None:
        """Carry the read, and set `heard`."""
        sent, got = bytearray(), bytearray()
        at_s = self._polled.clock.boottime_s() if self._polled else 0.0
        port.tap = lambda out, data: (sent if out else got).extend(data)
        try:
            answer = await port.ask(self.unit_id, self.read, self.timeout_s)
        except PortError as error:
            if not self.heard.done():
                self.heard.set_exception(error)
            raise
        finally:
            port.tap = None
        if self._polled:
            self._polled.carried(self.unit_id, self.read, answer, at_s)
        if not self.heard.done():  # else whoever asked has gone
            self.heard.set_result(Exchange(self.read, answer, bytes(sent), bytes(got)))


def parts(read: Read, owed: Collection[tuple[int, int]]) -> list[Read]:
    """Return reads that bring what `read` would, none of them like those that are `owed` an answer.

    Raises GuestRefused where it cannot be taken apart so.
    """
    for first in range(read.count, 0, -1):
        counts = [count for count in (first, read.count - first) if count]
        if not any((read.area.function_code, data_bytes(replace(read, count=n))) in owed for n in counts):
            starts = (read.address, read.address + first)
            return [replace(read, address=a, count=n) for a, n in zip(starts, counts, strict=False)]
    raise GuestRefused(
        f"a late answer to {read.count} of {read.area} could be taken for one of the agent's own reads;"
        " ask for one more"
    )
