"""A serial device (or pty) of this machine, opened exclusively."""

import asyncio
import contextlib
import errno
import os
import termios
from pathlib import Path

import serial

from agent.message import Message, joined
from agent.modbus.accepted import STRICT, Accepted
from agent.modbus.carrier import Heard, Lost
from agent.modbus.ports import PortError
from agent.modbus.rtu_port import RtuPort
from agent.net.holding import in_words
from agent.wire import holder

STABLE_NAMES = (Path("/dev/serial/by-id"), Path("/dev/serial/by-path"))

GONE = Message("the device is gone")
IN_USE = {errno.EAGAIN, errno.EBUSY}
# Why a serial device cannot be opened, and what to do about it.
OPEN_ERRORS = {
    errno.EINVAL: "does not take this baud rate, parity or number of stop bits",
    errno.ENOENT: "no such device; see what is plugged in with: ls -l /dev/serial/by-id",
    errno.EACCES: "no permission; add the agent's user to the device's group (dialout on Debian)",
}


def stable_path(device: Path) -> Path | None:
    """Return the name of `device` that its adapter will have when it is plugged in again, if there is one."""
    for folder in STABLE_NAMES:
        with contextlib.suppress(OSError):
            for link in sorted(folder.iterdir()):
                if link.resolve() == device.resolve():
                    return link
    return None


class Tty:
    """The carrier of a serial device."""

    hung_up: PortError | None = None  # stays empty: the next request finds out that a device is gone

    def __init__(self, device: str, baud: int, parity: str, stop_bits: int, settle_s: float) -> None:
        self.name = device
        self._settings = {"baudrate": baud, "parity": parity, "stopbits": stop_bits}
        self._settle_s = settle_s
        self._stable: Path | None = None
        self._serial: serial.Serial | None = None
        self._settled = False
        self._node = 0
        self._gone = False

    @property
    def is_open(self) -> bool:
        """Whether the device is held, and has settled."""
        return self._serial is not None and self._settled

    async def open(self, heard: Heard, lost: Lost) -> None:
        """Open the device exclusively and let the adapter settle; raise PortError with the reason.

        An adapter that was plugged in again may have another name (ttyUSB1); it is then looked for under the
        stable one that it had when it was first opened.
        """
        path = Path(self.name)
        if self._stable is not None and not os.path.exists(path):  # noqa: ASYNC240
            path = self._stable
        try:
            self._serial = serial.Serial(str(path), timeout=0, exclusive=True, **self._settings)
        except (OSError, ValueError, termios.error) as error:  # SerialException is an OSError
            number = error.args[0] if isinstance(error, termios.error) else getattr(error, "errno", None)
            known = OPEN_ERRORS.get(number or 0)
            reason: str = Message(known) if known else str(error)
            if number in IN_USE:
                held = await asyncio.to_thread(holder.of_device, str(path))
                who = in_words(held) if held else Message("another process")
                reason = Message("in use by {who}; see it with: fuser -v {file}", who=who, file=path)
            raise PortError(joined(": ", [self.name, reason])) from error
        self._stable = self._stable or stable_path(path)
        self._node = os.fstat(self._serial.fileno()).st_rdev
        self._gone = False
        asyncio.get_running_loop().add_reader(self._serial.fileno(), self._readable, heard, lost)
        self._settled = False
        if self._settle_s:
            await asyncio.sleep(self._settle_s)
        self._settled = True

    def close(self) -> None:
        """Close the device."""
        if self._serial is not None:
            with contextlib.suppress(OSError, ValueError):
                asyncio.get_running_loop().remove_reader(self._serial.fileno())
            with contextlib.suppress(OSError, termios.error):
                self._serial.close()
            self._serial = None

    def _readable(self, heard: Heard, lost: Lost) -> None:
        assert self._serial is not None
        try:
            data = os.read(self._serial.fileno(), 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # hung up: it stays readable for ever, and says nothing more
            asyncio.get_running_loop().remove_reader(self._serial.fileno())
            self._gone = True
            lost(PortError(joined(": ", [self.name, GONE])))
            return
        heard(data)

    def send(self, data: bytes) -> None:
        """Send bytes. Raises PortError where the device is gone."""
        if self._serial is None or self._gone or self._replaced():
            raise PortError(joined(": ", [self.name, GONE]))
        try:
            # not pyserial's write, which waits, and the event loop with it, for an adapter that takes nothing
            os.write(self._serial.fileno(), data)
        except OSError as error:
            raise PortError(joined(": ", [self.name, str(error)])) from error

    def answered(self) -> None:
        """Nothing follows from it: a device is there, or it is not."""

    def unanswered(self) -> None:
        """Nothing follows from it."""

    def _replaced(self) -> bool:
        """Whether the path leads to another device than the one that is held, or nowhere."""
        path = self._stable or Path(self.name)
        try:
            return path.stat().st_rdev != self._node
        except OSError:
            return True


class SerialPort(RtuPort):
    """RTU on a serial device of this machine."""

    def __init__(
        self,
        device: str,
        baud: int,
        parity: str = "N",
        stop_bits: int = 1,
        *,
        pause_s: float = 0.0,
        settle_s: float = 0.0,
        inter_byte_s: float | None = None,
        accepted: Accepted = STRICT,
    ) -> None:
        carrier = Tty(device, baud, parity, stop_bits, settle_s)
        super().__init__(
            carrier, baud, parity, stop_bits, pause_s=pause_s, inter_byte_s=inter_byte_s, accepted=accepted
        )
