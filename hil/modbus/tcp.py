"""Units behind one Modbus TCP endpoint."""

import asyncio
import contextlib
import errno
import logging
import socket
import struct
import time
from collections.abc import Mapping

from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU

from agent.wire.hosts import authority
from hil.modbus.faults import PAUSED_AFTER, FaultKind, FaultTable
from hil.modbus.responder import GATEWAY_TARGET_FAILED, exception, respond
from hil.modbus.table import RegisterTable

log = logging.getLogger(__name__)
_LOOK_S = 0.5  # how often a connection on which nothing is asked looks whether that is borne still


class CannotListen(Exception):
    """A bus or endpoint that cannot be served: says which and what to do."""


class TcpEndpoint:
    """Serves `units` (register tables by unit id) on one listening socket; port 0 takes any free one.

    Requests of a connection are answered in their order, also when they were sent in one go. A unit id that
    is not there is answered as a gateway does, with exception 11. Who speaks no Modbus is disconnected.
    """

    def __init__(self, host: str, port: int, units: Mapping[int, RegisterTable], seed: int = 0) -> None:
        self.host = host
        self.port = port
        self.units = units
        self.faults = FaultTable("tcp", seed)
        self.requests = 0
        self._framer = FramerSocket(DecodePDU(is_server=True))
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def place(self) -> dict[str, str | int]:
        """Where a client finds it."""
        return {"host": self.host, "port": self.port}

    async def start(self) -> None:
        """Listen; afterwards `port` is the real one. CannotListen where the address is taken or not ours."""
        try:
            self._server = await asyncio.start_server(self._accept, self.host, self.port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                why = "the port is in use by another program; choose another, or 0 for any free one"
            else:
                why = f"cannot listen there: {error.strerror or error}"
            raise CannotListen(f"{authority(self.host, self.port)}: {why}") from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the socket and every connection."""
        if self._server is None:
            return
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if len(self._connections) == 1 or not self.faults.active(FaultKind.ONE_CLIENT):
                await self._converse(reader, writer)
        except ConnectionError:
            pass
        except asyncio.CancelledError:
            pass  # only stop() cancels; asyncio's stream server would log a cancelled handler as an error
        finally:
            self._connections.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer, opened_s = b"", time.monotonic()
        while data := await self._heard(reader):
            buffer += data
            while len(buffer) >= 8:
                _, protocol, length = struct.unpack(">HHH", buffer[:6])
                if protocol != 0 or not 2 <= length <= 254:
                    log.info("%s:%d: closing a connection that does not speak Modbus", self.host, self.port)
                    return
                used, unit_id, transaction, request = self._framer.decode(buffer)
                if not used:
                    break
                buffer = buffer[used:]
                open_s = time.monotonic() - opened_s
                if not await self._answer(writer, unit_id, transaction, request, open_s):
                    return
        if self.faults.active(FaultKind.HALF_OPEN):
            await asyncio.Future()  # until stop() cancels it

    async def _heard(self, reader: asyncio.StreamReader) -> bytes:
        """What came; nothing where the other side closed, or asked nothing for longer than it is borne."""
        while True:
            idle_s = self.faults.delay_s(FaultKind.IDLE)
            try:
                async with asyncio.timeout(idle_s or _LOOK_S):  # wait_for may swallow what stop() cancels
                    return await reader.read(65536)
            except TimeoutError:
                if idle_s:
                    return b""

    async def _answer(
        self, writer: asyncio.StreamWriter, unit_id: int, transaction: int, request: bytes, open_s: float
    ) -> bool:
        """Answer one request; False when the connection ends with it."""
        self.requests += 1
        table = self.units.get(self.faults.answering(unit_id, self.units))
        if table is None:
            reply = exception(request[0] & 0x7F, GATEWAY_TARGET_FAILED)
        else:
            reply = respond(table, request)
        delivery = self.faults.deliver(
            unit_id, reply, lambda uid, pdu: self._framer.encode(pdu, uid, transaction), request, open_s
        )
        if delivery is None:
            return True
        if delivery.busy_s:
            await asyncio.sleep(delivery.busy_s)
        if delivery.late_s:
            asyncio.get_running_loop().call_later(delivery.late_s, _write_if_open, writer, delivery.frame)
            return True
        if delivery.reset:  # who lingers for 0 s resets where others close
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            return False
        if delivery.pause_s:
            writer.write(delivery.frame[:PAUSED_AFTER])
            await asyncio.sleep(delivery.pause_s)
            delivery.frame = delivery.frame[PAUSED_AFTER:]
        if delivery.spread_s:
            for byte in delivery.frame:
                writer.write(bytes((byte,)))
                await asyncio.sleep(delivery.spread_s / len(delivery.frame))
        else:
            writer.write(delivery.frame)
        await writer.drain()
        return not delivery.close


def _write_if_open(writer: asyncio.StreamWriter, frame: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        if not writer.is_closing():
            writer.write(frame)
