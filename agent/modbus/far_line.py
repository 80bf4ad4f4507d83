"""A serial line at the far end of a TCP connection: bytes as they are, or with Telnet's commands among them.

A serial server in transparent mode hands on what it hears, in pieces, and is set up by its own page. One that
speaks RFC 2217 is told how the bits stand on its line, each time it is connected to.
"""

import asyncio
import logging
import socket

from agent.message import Message, joined
from agent.modbus.came import Came, Kind
from agent.modbus.carrier import Heard, Lost
from agent.modbus.com_port import ComPort
from agent.modbus.dialling import Dialling
from agent.modbus.hearing import Hearing
from agent.modbus.ports import HungUp, PortError, clock_s
from agent.modbus.settling import Settling
from agent.net.trouble import in_words

CLOSED = Message("the connection was closed by the other side")

log = logging.getLogger(__name__)

NEGOTIATION_S = 3.0  # for the far end to say that its line is set
# A line can be well while its units are silent. After so long without an answer a connection is made anew:
# some serial servers keep one that they have forgotten.
SILENT_S = 10.0
UNTAKEN_MS = 10_000  # after which the kernel gives up a connection whose other end takes nothing


class FarLine(asyncio.Protocol):
    """The carrier of a serial server in transparent mode. name: as its endpoint is written."""

    def __init__(self, name: str, host: str, port: int, settle_s: float = 0.0) -> None:
        self.name = name
        self.hung_up: PortError | None = None
        self._dialling, self._settling = Dialling(name, host, port, "rtu"), Settling(settle_s)
        self._transport: asyncio.Transport | None = None
        self._heard: Heard = lambda _data: None
        self._lost: Lost = lambda _error: None
        self._ready = self._asked = False
        self._hearing = Hearing(SILENT_S)

    @property
    def is_open(self) -> bool:
        """Whether the connection stands, and the line behind it is ready."""
        return self._transport is not None and self._ready

    async def open(self, heard: Heard, lost: Lost) -> None:
        """Connect, set the line, and leave it its pause; raise PortError with the reason."""
        self._ready = False
        self._heard, self._lost = heard, lost
        sock = await self._dialling.connected()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNTAKEN_MS)
        await asyncio.get_running_loop().create_connection(lambda: self, sock=sock)
        await self._set_line()
        if pause_s := self._settling.opened():
            await asyncio.sleep(pause_s)
        if self._transport is None:
            raise self.hung_up or HungUp(joined(": ", [self.name, CLOSED]))
        self._ready = True
        self._hearing.heard(clock_s())

    async def _set_line(self) -> None:
        """Nothing is to be set: the serial server's own page does it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the new connection (asyncio calls this)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self.hung_up, self._asked = transport, None, False

    def data_received(self, data: bytes) -> None:
        """Hand on what was heard (asyncio calls this)."""
        self._heard(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone (asyncio calls this)."""
        if self._transport is not None and self._transport.is_closing():
            self._transport = None
            why = (in_words(exc) if isinstance(exc, OSError) else "") or CLOSED
            came = Came(Kind.CLOSED, Message("closes the connection instead of answering"), why)
            if not self._asked:
                why = Message("{why} before any request", why=why)
                came = Came(Kind.CLOSED_UNASKED, Message("closes the connection before any request"), why)
            self.hung_up = HungUp(joined(": ", [self.name, why]), came)
            self._lost(self.hung_up)

    def close(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            transport, self._transport = self._transport, None
            transport.abort()

    def send(self, data: bytes) -> None:
        """Send bytes to the line. Raises PortError where no connection stands."""
        if self._transport is None:
            raise self.hung_up or PortError(joined(": ", [self.name, Message("not connected")]))
        self._transport.write(data)
        self._asked = True

    def answered(self) -> None:
        """Note that a unit has answered."""
        self._settling.answered()
        self._hearing.heard(clock_s())

    def unanswered(self) -> None:
        """Note that a request was not answered; after many the connection is made anew."""
        if why := self._hearing.missed(clock_s()):
            log.info("%s: %s; connecting anew", self.name, why)
            self.close()


class ComPortLine(FarLine):
    """The carrier of a serial server that speaks RFC 2217."""

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        baud: int,
        parity: str,
        stop_bits: int,
        settle_s: float = 0.0,
    ) -> None:
        super().__init__(name, host, port, settle_s)
        self._setting = baud, parity, stop_bits
        self._com_port = ComPort(*self._setting)
        self._changed = asyncio.Event()

    async def _set_line(self) -> None:
        com_port = self._com_port = ComPort(*self._setting)
        self._say(com_port.begin())
        try:
            async with asyncio.timeout(NEGOTIATION_S):
                while not com_port.is_set:
                    self._changed.clear()
                    if com_port.refused or self._transport is None:
                        break
                    await self._changed.wait()
        except TimeoutError:
            com_port.refused = com_port.refused or Message(
                "has not said within {time:g} s that {what}", time=NEGOTIATION_S, what=com_port.unconfirmed
            )
        if self._transport is None:
            raise self.hung_up or HungUp(joined(": ", [self.name, CLOSED]))
        if com_port.refused:
            self.close()
            raise PortError(joined(": ", [self.name, com_port.refused]))

    def _say(self, data: bytes) -> None:
        if self._transport is not None and data:
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Take the commands out of what came, and hand on the rest (asyncio calls this)."""
        heard, answer = self._com_port.feed(data)
        self._say(answer)
        self._changed.set()
        if heard and self._com_port.is_set:  # what was heard at another speed is noise
            self._heard(heard)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone (asyncio calls this)."""
        super().connection_lost(exc)
        self._changed.set()

    def send(self, data: bytes) -> None:
        """Send bytes to the line. Raises PortError where no connection stands."""
        super().send(self._com_port.escaped(data))
