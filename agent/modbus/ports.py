"""Ports: a serial line or a TCP endpoint that can carry one exchange at a time.

A port opens, closes and carries; it neither retries nor schedules. Everything that goes out passes through
`Exchange.request`, which can only be a read.
"""

import asyncio
import contextlib
import errno
import time
from typing import Protocol

import serial

from agent.modbus.adu import Exchange, RtuExchange, TcpExchange
from agent.quality import Quality
from drivers.registers import Read, Reply

CONNECT_TIMEOUT_S = 3.0
SILENT_CHARACTERS = 3.5  # Modbus over serial line V1.02, 2.5.1.1: frames are apart by this much silence

# Why a serial device cannot be opened, and what to do about it.
OPEN_ERRORS = {
    errno.ENOENT: "no such device; see what is plugged in with: ls -l /dev/serial/by-id",
    errno.EACCES: "no permission; add the agent's user to the device's group (dialout on Debian)",
    errno.EAGAIN: "in use by another process; find it with: fuser -v DEVICE",
    errno.EBUSY: "in use by another process; find it with: fuser -v DEVICE",
}


class PortError(Exception):
    """The port itself failed: the cable, the adapter, the network, or another process."""


class Port(Protocol):
    """What the bus engine needs of a port."""

    name: str

    @property
    def is_open(self) -> bool:
        """Whether the port can carry an exchange now."""

    async def open(self) -> None:
        """Open the port; raise PortError with the reason."""

    def close(self) -> None:
        """Close the port; harmless when closed."""

    async def ask(self, unit_id: int, read: Read, timeout_s: float, pause_s: float = 0.0) -> Reply:
        """Carry one request, and keep `pause_s` of silence before the next.

        No sound reply in time gives NO_REPLY; a broken port raises PortError.
        """


NO_REPLY = Reply((), Quality.NO_REPLY)


class TcpPort:
    """One connection to a Modbus TCP endpoint."""

    def __init__(self, host: str, port: int) -> None:
        self.name = f"{host}:{port}"
        self._host, self._port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._free_at_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a connection stands."""
        return self._streams is not None

    async def open(self) -> None:
        """Connect; raise PortError with the reason."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                self._streams = await asyncio.open_connection(self._host, self._port)
        except TimeoutError:
            raise PortError(f"{self.name}: no connection within {CONNECT_TIMEOUT_S:g} s") from None
        except OSError as error:
            raise PortError(f"{self.name}: {error.strerror or error}") from error

    def close(self) -> None:
        """Drop the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def ask(self, unit_id: int, read: Read, timeout_s: float, pause_s: float = 0.0) -> Reply:
        """Carry one request; see `Port.ask`."""
        if self._streams is None:
            raise PortError(f"{self.name}: not connected")
        if (wait_s := self._free_at_s - time.monotonic()) > 0:
            await asyncio.sleep(wait_s)
        reader, writer = self._streams
        exchange = TcpExchange(unit_id, read)
        try:
            writer.write(exchange.request)
            async with asyncio.timeout(timeout_s):
                while data := await reader.read(4096):
                    if (reply := exchange.feed(data)) is not None:
                        return reply
                    if exchange.damaged:
                        raise PortError(f"{self.name}: answered what is not Modbus TCP; connecting anew")
        except TimeoutError:
            return NO_REPLY
        except OSError as error:
            raise PortError(f"{self.name}: {error.strerror or error}") from error
        finally:
            self._free_at_s = time.monotonic() + pause_s
        raise PortError(f"{self.name}: the connection was closed by the other side")


class SerialPort:
    """One serial line (or pty), opened exclusively.

    Between a reply and the next request lies the silence of the standard, or the longer one that a unit asks
    for.
    """

    def __init__(self, device: str, baud: int, parity: str = "N", stop_bits: int = 1) -> None:
        self.name = device
        self._settings = {"baudrate": baud, "parity": parity, "stopbits": stop_bits}
        bits = 9 + (parity != "N") + stop_bits
        self._character_s = bits / baud
        # above 19200 baud the standard fixes the silence at 1.75 ms
        self._silence_s = SILENT_CHARACTERS * self._character_s if baud <= 19200 else 0.00175
        self._pause_s = 0.0
        self._serial: serial.Serial | None = None
        self._received: asyncio.Queue[bytes] = asyncio.Queue()
        self._quiet_since_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the device is held."""
        return self._serial is not None

    async def open(self) -> None:
        """Open the device exclusively; raise PortError with the reason."""
        try:
            self._serial = serial.Serial(self.name, timeout=0, exclusive=True, **self._settings)
        except (OSError, ValueError) as error:  # SerialException is an OSError
            reason = OPEN_ERRORS.get(getattr(error, "errno", None) or 0, str(error))
            raise PortError(f"{self.name}: {reason}") from error
        self._received = asyncio.Queue()
        asyncio.get_running_loop().add_reader(self._serial.fileno(), self._readable)

    def close(self) -> None:
        """Let the device go."""
        if self._serial is not None:
            with contextlib.suppress(OSError, ValueError):
                asyncio.get_running_loop().remove_reader(self._serial.fileno())
            self._serial.close()
            self._serial = None

    def _readable(self) -> None:
        assert self._serial is not None
        try:
            data = self._serial.read(4096)
        except (serial.SerialException, OSError):
            data = b""
        if not data:  # readable but empty: the adapter is gone
            asyncio.get_running_loop().remove_reader(self._serial.fileno())
        self._quiet_since_s = time.monotonic()
        self._received.put_nowait(data)

    async def _silence(self) -> None:
        """Wait until the line has been quiet for a pause, dropping whatever a late unit still says."""
        # a loop, because every late byte moves the end of the silence
        silence_s = max(self._silence_s, self._pause_s)
        while (wait_s := self._quiet_since_s + silence_s - time.monotonic()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(wait_s)
        while not self._received.empty():
            if not self._received.get_nowait():
                raise PortError(f"{self.name}: the device is gone")

    async def ask(self, unit_id: int, read: Read, timeout_s: float, pause_s: float = 0.0) -> Reply:
        """Carry one request; see `Port.ask`. The time the bytes need on the wire is added to the time-out."""
        if self._serial is None:
            raise PortError(f"{self.name}: not open")
        await self._silence()
        exchange: Exchange = RtuExchange(unit_id, read)
        wire_s = (len(exchange.request) + 5 + 2 * read.count) * self._character_s
        try:
            self._serial.write(exchange.request)
            async with asyncio.timeout(timeout_s + wire_s):
                while data := await self._received.get():
                    if (reply := exchange.feed(data)) is not None:
                        return reply
        except TimeoutError:
            return NO_REPLY
        except OSError as error:
            raise PortError(f"{self.name}: {error}") from error
        finally:
            self._quiet_since_s, self._pause_s = time.monotonic(), pause_s
        raise PortError(f"{self.name}: the device is gone")
