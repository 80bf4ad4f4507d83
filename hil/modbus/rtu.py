"""Units on one Modbus RTU bus: a pty whose bytes take as long as they would on a wire."""

import contextlib
import heapq
import os
import random
import select
import termios
import threading
import time
import tty
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU

from drivers.line import bits_per_character
from hil.modbus.faults import PAUSED_AFTER, FaultTable
from hil.modbus.responder import respond
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import CannotListen

_SPEEDS = {
    getattr(termios, f"B{baud}"): baud
    for baud in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
}
BAUDS = tuple(sorted(_SPEEDS.values()))

# Bytes go out in pieces of about this length: shorter ones would cost more wake-ups than they gain in truth.
_CHUNK_S = 0.002
# Of an unknown function code only silence tells the end. A pty's writer may stall between two pieces: wait
# for longer than 3.5 characters.
_UNKNOWN_FRAME_GAP_S = 0.02
_REQUEST_LENGTH = 8  # of function codes 1 to 6
_LONGEST = 256  # of any frame


class RtuBus:
    """Serves `units` (register tables by unit id) on a pty that `link` points to.

    The slave side stays open here, so whoever opens and closes the link never makes the other end fail. A
    thread per bus keeps the pace: bytes arrive when a UART at `baud` would have shifted them out, after the
    request's own time on the wire, 3.5 characters of silence and the units' `turnaround_s`. Units hear
    nothing while one sends. A unit id that is not there stays silent. A pty has no baud of its own, but tells
    what its opener asked for: where that differs, both directions are garbled. Parity cannot be told; with
    one, a character is a bit longer. `echo` returns what was heard, as a two-wire adapter does. For
    `settle_s` after each start the adapter hears and says garbage. `stop` and `start` are an adapter pulled
    and put back: its opener is hung up on, and finds the link pointing to another device.
    """

    def __init__(
        self,
        link: Path,
        baud: int,
        units: Mapping[int, RegisterTable],
        *,
        parity: str = "N",
        stop_bits: int = 1,
        turnaround_s: float = 0.005,
        echo: bool = False,
        settle_s: float = 0.0,
        seed: int = 0,
        time_scale: float = 1.0,
    ) -> None:
        self.link = link
        self.baud, self.parity, self.stop_bits = baud, parity, stop_bits
        self.units = units
        self.char_s = bits_per_character(parity, stop_bits) / baud / time_scale
        self.heard_char_s = self.char_s  # of a request: a pty delivers it at once
        # Modbus over serial line V1.02, 2.5.1.1: above 19200 baud the silence is a fixed 1.75 ms
        self.silence_s = 3.5 * self.char_s if baud <= 19200 else 0.00175 / time_scale
        self.turnaround_s = turnaround_s / time_scale
        self.echo = echo
        self.settle_s = settle_s
        self.faults = FaultTable("rtu", seed)
        self.requests = 0
        self._dice = random.Random(seed)
        self._framer = FramerRTU(DecodePDU(is_server=True))
        self._order = 0
        self._clear_wire()
        self._thread: threading.Thread | None = None

    @property
    def place(self) -> dict[str, str | int]:
        """Where a client finds it, and how fast it speaks there."""
        return {"device": str(self.link), "baud": self.baud}

    def _clear_wire(self) -> None:
        self._received = b""
        self._received_until_s = 0.0
        # heap: earliest start, order, bytes, and how long they are spread over
        self._frames: list[tuple[float, int, bytes, float]] = []
        self._chunks: deque[tuple[float, bytes]] = deque()  # of the frame on the wire: deadline, bytes
        self._wire_free_s = 0.0
        self._settled_s = time.monotonic() + self.settle_s

    def start(self) -> None:
        """Make the pty and the link, and serve. CannotListen where the link's place is taken."""
        if self.link.is_symlink():
            self.link.unlink()  # of a bench that could not clean up
        elif self.link.exists():
            raise CannotListen(f"{self.link}: exists and is not a link; remove it or choose another link")
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        attributes = termios.tcgetattr(self._slave)
        attributes[4] = attributes[5] = getattr(termios, f"B{self.baud}")
        termios.tcsetattr(self._slave, termios.TCSANOW, attributes)
        os.set_blocking(self._master, False)
        try:
            self.link.symlink_to(os.ttyname(self._slave))
        except OSError as error:
            os.close(self._master)
            os.close(self._slave)
            raise CannotListen(f"{self.link}: cannot make the link: {error.strerror}") from error
        self._begin()

    def stop(self) -> None:
        """End the thread, close the pty, remove the link."""
        if self._thread is None:
            return
        self._end()
        os.close(self._master)
        os.close(self._slave)
        self.link.unlink(missing_ok=True)

    def _begin(self) -> None:
        """Answer what comes from `_master`, on a thread of its own."""
        self._clear_wire()
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name=f"rtu {self.link.name}", daemon=True)
        self._thread.start()

    def _end(self) -> None:
        assert self._thread is not None
        os.write(self._wake_write, b"x")
        self._thread.join()
        self._thread = None
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _run(self) -> None:
        while True:
            now = time.monotonic()
            due = self._next_due_s()
            timeout = None if due is None else max(0.0, due - now)
            readable, _, _ = select.select([self._master, self._wake_read], [], [], timeout)
            if self._wake_read in readable:
                return
            now = time.monotonic()
            if self._master in readable:
                self._hear(os.read(self._master, 4096), now)
            self._end_unknown_frame(now)
            self._send_due(now)

    def _next_due_s(self) -> float | None:
        times = [self._chunks[0][0]] if self._chunks else []
        if self._frames and not self._chunks:
            times.append(self._frames[0][0])
        if self._received:
            times.append(self._received_until_s + _UNKNOWN_FRAME_GAP_S)
        return min(times, default=None)

    # ---- hearing

    def _hear(self, data: bytes, now: float) -> None:
        if self._chunks:
            return  # a collision: whoever sends does not hear
        self._received_until_s = max(now, self._received_until_s) + len(data) * self.heard_char_s
        if self.echo:
            self._write(data)
        self._received += self._garbled(data)
        while (at := self._request_at(self._received)) is not None:
            frame = self._received[at : at + _REQUEST_LENGTH]
            self._received = self._received[at + _REQUEST_LENGTH :]
            self._answer(frame)
        self._received = self._received[-_LONGEST:]

    def _request_at(self, received: bytes) -> int | None:
        """Where the first sound request begins; noise before it is passed over, as by silence on a wire."""
        for at in range(len(received) - _REQUEST_LENGTH + 1):
            if 1 <= received[at + 1] <= 6 and self._sound(received[at : at + _REQUEST_LENGTH]):
                return at
        return None

    def _end_unknown_frame(self, now: float) -> None:
        if self._received and now >= self._received_until_s + _UNKNOWN_FRAME_GAP_S:
            frame, self._received = self._received, b""
            if len(frame) >= 4 and self._sound(frame):
                self._answer(frame)

    def _sound(self, frame: bytes) -> bool:
        return self._framer.compute_CRC(frame[:-2]) == int.from_bytes(frame[-2:], "big")

    def _answer(self, frame: bytes) -> None:
        unit_id = frame[0]
        self.requests += 1
        table = self.units.get(self.faults.answering(unit_id, self.units))
        if table is None:
            return
        reply = respond(table, frame[1:-2])
        delivery = self.faults.deliver(
            unit_id, reply, lambda uid, pdu: self._framer.encode(pdu, uid, 0), frame[1:-2]
        )
        if delivery is not None:
            wait_s = self.silence_s + self.turnaround_s + delivery.busy_s + delivery.late_s
            start_s = self._received_until_s + wait_s
            if delivery.pause_s:
                self._send(delivery.frame[:PAUSED_AFTER], start_s, 0.0)
                start_s += PAUSED_AFTER * self.char_s + delivery.pause_s
                delivery.frame = delivery.frame[PAUSED_AFTER:]
            self._send(delivery.frame, start_s, delivery.spread_s)

    # ---- sending

    def _send(self, frame: bytes, start_s: float, spread_s: float) -> None:
        self._order += 1
        heapq.heappush(self._frames, (start_s, self._order, frame, spread_s))

    def _send_due(self, now: float) -> None:
        if not self._chunks and self._frames and self._frames[0][0] <= now:
            start_s, _, frame, spread_s = heapq.heappop(self._frames)
            self._put_on_wire(frame, max(start_s, self._wire_free_s), spread_s)
        while self._chunks and self._chunks[0][0] <= now:
            self._write(self._garbled(self._chunks.popleft()[1]))

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(BlockingIOError):  # nobody reads: the bytes are lost, as on a wire
            os.write(self._master, data)

    def _put_on_wire(self, frame: bytes, start_s: float, spread_s: float) -> None:
        size = 1 if spread_s else max(1, round(_CHUNK_S / self.char_s))
        each_s = self.char_s + spread_s / len(frame)
        for at in range(0, len(frame), size):
            chunk = frame[at : at + size]
            self._chunks.append((start_s + (at + len(chunk)) * each_s, chunk))
        self._wire_free_s = start_s + len(frame) * each_s

    def _garbled(self, data: bytes) -> bytes:
        """`data` as the other side hears it."""
        opener = _SPEEDS.get(termios.tcgetattr(self._master)[5])
        if opener == self.baud and time.monotonic() >= self._settled_s:
            return data
        ratio = 0.5 if opener is None else min(self.baud, opener) / max(self.baud, opener)
        return self._dice.randbytes(max(1, round(len(data) * ratio)))
