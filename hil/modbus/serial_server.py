"""A serial server in transparent mode: the RTU bus of `hil.modbus.rtu`, reached through a TCP socket."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Mapping
from pathlib import Path

from agent.wire.hosts import authority
from hil.modbus.rtu import RtuBus
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import CannotListen


class SerialServer(RtuBus):
    """Serves `units` on one listening socket; port 0 takes any free one.

    Pace, turnaround, faults and units are the bus's. What comes from a connection goes onto the line as it
    is; what the line says goes to every connection. The speed cannot be told wrong: nobody asks for one.
    """

    def __init__(
        self,
        host: str,
        port: int,
        baud: int,
        units: Mapping[int, RegisterTable],
        *,
        parity: str = "N",
        stop_bits: int = 1,
        turnaround_s: float = 0.005,
        echo: bool = False,
        seed: int = 0,
        time_scale: float = 1.0,
    ) -> None:
        super().__init__(
            Path(authority(host, port)),
            baud,
            units,
            parity=parity,
            stop_bits=stop_bits,
            turnaround_s=turnaround_s,
            echo=echo,
            seed=seed,
            time_scale=time_scale,
        )
        self.host, self.port = host, port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def place(self) -> dict[str, str | int]:
        """Where a client finds it, and how fast the line behind it is."""
        return {"host": self.host, "port": self.port, "baud": self.baud}

    async def listen(self) -> None:
        """Listen; afterwards `port` is the real one. CannotListen where the address is taken or not ours."""
        try:
            self._server = await asyncio.start_server(self._accept, self.host, self.port)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "the port is in use by another program" if taken else str(error.strerror or error)
            raise CannotListen(f"{authority(self.host, self.port)}: cannot listen there: {why}") from error
        self.port = self._server.sockets[0].getsockname()[1]
        self._line, near = socket.socketpair()
        self._near = near
        self._line.setblocking(False)
        near.setblocking(False)
        self._master = near.fileno()
        asyncio.get_running_loop().add_reader(self._line.fileno(), self._said)
        self._begin()

    async def hang_up(self) -> None:
        """Close the socket and every connection."""
        if self._server is None:
            return
        self._server.close()
        self.cut()
        await self._server.wait_closed()
        self._server = None
        asyncio.get_running_loop().remove_reader(self._line.fileno())
        self._end()
        self._line.close()
        self._near.close()

    def cut(self) -> None:
        """Close every connection; who connects anew is served."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while data := await reader.read(4096):
                self._line.send(data)
        except (ConnectionError, BlockingIOError):
            pass  # nobody hears it any more
        finally:
            self._writers.discard(writer)
            writer.close()

    def _said(self) -> None:
        data = self._line.recv(4096)
        for writer in self._writers:
            with contextlib.suppress(ConnectionError):
                writer.write(data)

    def _garbled(self, data: bytes) -> bytes:
        return data
