"""What carries bytes in simulated time: a connection and a serial line in the loop of `virtual`, and no more.

The agent's own ports stand on them. What answers is a unit of the bench, with faults of `hil.modbus.faults`.
"""

import asyncio
from collections.abc import Sequence

from agent.modbus.carrier import Heard, Lost
from agent.modbus.ports import Port, PortError
from agent.modbus.rtu_port import RtuPort
from agent.modbus.tcp import TcpPort
from drivers.line import bits_per_character
from hil.modbus.far import Far
from hil.modbus.faults import Fault

ROUND_TRIP_S = 0.005
TURNAROUND_S = 0.02


class _Network(asyncio.Transport):
    """One connection; an answer comes ROUND_TRIP_S after its request."""

    def __init__(self, far: Far, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._far, self._protocol, self._closed = far, protocol, False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if frame := self._far.reply_tcp(bytes(data)):
            asyncio.get_running_loop().call_later(ROUND_TRIP_S, self._bring, frame)

    def _bring(self, frame: bytes) -> None:
        if not self._closed:
            self._protocol.data_received(frame)

    def abort(self) -> None:
        self._closed = True


class _TcpPort(TcpPort):
    """The agent's port, connected without a network."""

    def __init__(self, far: Far) -> None:
        super().__init__("simulated", 502)
        self._far = far

    async def _connect(self) -> None:
        self.connection_made(_Network(self._far, self))


class _SerialLine:
    """The carrier of one line; an answer comes after the silence and the turnaround, at the line's speed."""

    def __init__(self, far: Far, baud: int) -> None:
        self.name, self.is_open = "simulated", False
        self.hung_up: PortError | None = None
        self._far, self._character_s = far, bits_per_character("N", 1) / baud

    async def open(self, heard: Heard, _lost: Lost) -> None:
        self._heard, self.is_open = heard, True

    def close(self) -> None:
        self.is_open = False

    def send(self, data: bytes) -> None:
        if frame := self._far.reply_rtu(data):
            after_s = TURNAROUND_S + (len(data) + 3.5 + len(frame)) * self._character_s
            asyncio.get_running_loop().call_later(after_s, self._heard, frame)

    def answered(self) -> None:
        pass

    def unanswered(self) -> None:
        pass


def tcp(faults: Sequence[Fault], seed: int) -> Port:
    """Return a port of Modbus TCP whose units have these faults."""
    return _TcpPort(Far("tcp", faults, seed))


def rtu(baud: int, faults: Sequence[Fault], seed: int) -> Port:
    """Return a port of a serial line whose units have these faults."""
    return RtuPort(_SerialLine(Far("rtu", faults, seed), baud), baud)
