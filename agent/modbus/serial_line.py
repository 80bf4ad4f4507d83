"""A serial line (or pty), opened exclusively: silence before each request, listening until silence after.

RTU (Modbus over serial line V1.02, 2.5.1.1): frames are apart by 3.5 characters of silence.
"""

import asyncio
import contextlib
import errno
import os
import termios
import time
from dataclasses import replace
from pathlib import Path

import serial

from agent.modbus.adu import MOST_HEARD_BYTES, RTU_REQUEST_BYTES, RtuExchange, data_bytes
from agent.modbus.ports import NO_REPLY, Answer, LateReply, PortError, Tap
from drivers.line import bits_per_character
from drivers.registers import Read

SILENT_CHARACTERS = 3.5
OVERDUE_S = 10.0  # how long a late reply is still recognised as such
STABLE_NAMES = (Path("/dev/serial/by-id"), Path("/dev/serial/by-path"))

# Why a serial device cannot be opened, and what to do about it.
OPEN_ERRORS = {
    errno.EINVAL: "does not take this baud rate, parity or number of stop bits",
    errno.ENOENT: "no such device; see what is plugged in with: ls -l /dev/serial/by-id",
    errno.EACCES: "no permission; add the agent's user to the device's group (dialout on Debian)",
    errno.EAGAIN: "in use by another process; find it with: fuser -v DEVICE",
    errno.EBUSY: "in use by another process; find it with: fuser -v DEVICE",
}


def stable_path(device: Path) -> Path | None:
    """Return the name of `device` that its adapter will have when it is plugged in again, if there is one."""
    for folder in STABLE_NAMES:
        with contextlib.suppress(OSError):
            for link in sorted(folder.iterdir()):
                if link.resolve() == device.resolve():
                    return link
    return None


class SerialPort:
    """One serial line; one request at a time."""

    has_transaction_ids = False
    in_flight = 1

    def __init__(
        self,
        device: str,
        baud: int,
        parity: str = "N",
        stop_bits: int = 1,
        *,
        pause_s: float = 0.0,
        settle_s: float = 0.0,
    ) -> None:
        self.name = device
        self.tap: Tap | None = None
        self.hung_up = ""  # stays empty: the next request finds out that a device is gone
        self._settings = {"baudrate": baud, "parity": parity, "stopbits": stop_bits}
        self._character_s = bits_per_character(parity, stop_bits) / baud
        # above 19200 baud the standard fixes the silence at 1.75 ms
        self._silence_s = SILENT_CHARACTERS * self._character_s if baud <= 19200 else 0.00175
        self._least_pause_s = pause_s
        self._settle_s = settle_s
        self._stable: Path | None = None
        self._serial: serial.Serial | None = None
        self._settled = False
        self._node = 0
        self._gone = False
        self._free_at_s = 0.0
        self._heard_s = 0.0
        self._before = b""  # bytes that were heard outside an exchange
        self._exchange: RtuExchange | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._sent_s = self._wait_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._overdue: list[tuple[RtuExchange, int, float]] = []
        self._late: list[LateReply] = []

    @property
    def is_open(self) -> bool:
        """Whether the device is held, and has settled."""
        return self._serial is not None and self._settled

    async def open(self) -> None:
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
            reason = OPEN_ERRORS.get(number or 0, str(error))
            raise PortError(f"{self.name}: {reason}") from error
        self._stable = self._stable or stable_path(path)
        self._node = os.fstat(self._serial.fileno()).st_rdev
        self._gone = False
        self._overdue.clear()
        self._before = b""
        asyncio.get_running_loop().add_reader(self._serial.fileno(), self._readable)
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
        self._lost()

    def _lost(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(PortError(f"{self.name}: the device is gone"))

    def _readable(self) -> None:
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
            self._lost()
            return
        now_s = time.monotonic()
        if self._exchange is None:
            self._before = (self._recent(now_s) + data)[-MOST_HEARD_BYTES:]
        self._heard_s = now_s
        if self.tap:
            self.tap(False, data)
        for overdue in list(self._overdue):
            self._feed_overdue(overdue, data)
        if self._exchange is not None:
            self._exchange.feed(data)
            self._watch()

    def _recent(self, now_s: float) -> bytes:
        """Return the bytes heard since the last exchange: a request among them may still be answered."""
        return self._before if now_s - self._heard_s < OVERDUE_S else b""

    def _feed_overdue(self, overdue: tuple[RtuExchange, int, float], data: bytes) -> None:
        exchange, unit_id, since_s = overdue
        exchange.feed(data)
        if exchange.found:
            self._late.append(LateReply(unit_id, self._heard_s - since_s))
        if exchange.found or self._heard_s - since_s > OVERDUE_S:
            self._overdue.remove(overdue)

    async def ask(self, unit_id: int, read: Read, timeout_s: float, pause_s: float = 0.0) -> Answer:
        """Carry one request; see `Port.ask`. The time the bytes need on the wire is added to the time-out."""
        await self._silence()
        if self._serial is None or self._gone or self._replaced():
            raise PortError(f"{self.name}: the device is gone")
        loop = asyncio.get_running_loop()
        exchange = self._exchange = RtuExchange(unit_id, read, self._recent(time.monotonic()))
        answer: asyncio.Future[Answer] = loop.create_future()
        self._answer = answer
        request_s = RTU_REQUEST_BYTES * self._character_s
        reply_s = (5 + data_bytes(read)) * self._character_s
        try:
            # not pyserial's write, which waits, and the event loop with it, for an adapter that takes nothing
            os.write(self._serial.fileno(), exchange.request)
            if self.tap:
                self.tap(True, exchange.request)
            self._sent_s = sent_s = time.monotonic() + request_s
            self._wait_s = timeout_s + reply_s
            self._watch()
            result = await answer
            if result.reply is NO_REPLY and not result.damaged:
                self._overdue.append((exchange, unit_id, sent_s + reply_s))
            elif result.reply is not NO_REPLY:
                return replace(result, response_s=max(0.0, self._heard_s - sent_s - reply_s))
            return result
        except (OSError, termios.error) as error:
            raise PortError(f"{self.name}: {error}") from error
        finally:
            self._exchange = self._answer = None
            if self._timer is not None:
                self._timer.cancel()
            self._free_at_s = time.monotonic() + max(pause_s, self._least_pause_s)

    def late(self) -> list[LateReply]:
        """Return late replies, once; see `Port.late`."""
        late, self._late = self._late, []
        return late

    def _replaced(self) -> bool:
        """Whether the path leads to another device than the one that is held, or nowhere."""
        path = self._stable or Path(self.name)
        try:
            return path.stat().st_rdev != self._node
        except OSError:
            return True

    async def _silence(self) -> None:
        """Wait until the line has been quiet for long enough; what a late unit still says is dropped."""
        # a loop, because every late byte moves the end of the silence
        while (wait_s := max(self._free_at_s, self._heard_s + self._silence_s) - time.monotonic()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(wait_s)

    def _watch(self) -> None:
        """Settle the exchange once what was heard can be judged, or look again when that may be so."""
        exchange, answer = self._exchange, self._answer
        if exchange is None or answer is None or answer.done():
            return
        # not looked into before the line falls silent: on one that never does, that would cost much
        until_s = min(self._heard_s + self._silence_s, self._sent_s + self._wait_s)
        if until_s <= time.monotonic():
            until_s = exchange.settles_s(self._heard_s, self._sent_s, self._wait_s, self._silence_s)
        wait_s = until_s - time.monotonic()
        if self._timer is not None:
            self._timer.cancel()
        if wait_s > 0:
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._watch)
            return
        self._exchange, self._before = None, exchange.end()
        reply = exchange.reply
        damaged = reply is None and exchange.answered
        answer.set_result(Answer(reply or NO_REPLY, damaged=damaged, stranger=exchange.stranger))
