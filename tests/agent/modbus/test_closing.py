"""Devices that close their connections: they are read, or left in peace, and the log does not fill."""

import asyncio
import contextlib
import logging
import os
import struct
import tty
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from pymodbus.framer import FramerRTU

from agent.frame import Frame
from agent.modbus.adu import RTU_REQUEST_BYTES
from agent.modbus.ports import Port
from agent.modbus.serial_line import SerialPort
from agent.modbus.tcp import TcpPort
from agent.quality import Quality
from drivers.layout import Layout
from drivers.profile.load import parse_profile
from drivers.registers import Area
from hil.modbus.responder import respond
from hil.modbus.table import RegisterTable
from tests.agent.modbus.watched import Watched

PROFILE = parse_profile(
    """
    schema = 1
    model = "closing"
    gaps = "forbidden"
    [[point]]
    name = "serial"
    address = 10
    type = "ascii"
    registers = 2
    [[point]]
    name = "firmware"
    address = 20
    type = "ascii"
    registers = 2
    [[point]]
    name = "cell_voltage_1"
    address = 100
    [[point]]
    name = "cell_voltage_2"
    address = 200
    [[point]]
    name = "cell_voltage_3"
    address = 300
    """
)
VALUES = {100: [3301], 200: [3302], 300: [3303]}
FIRMWARE = 20

#: What a device does: (how many requests of this connection it has answered, address asked for) -> "answer",
#: "answer and close" the connection, or only "close" or "reset" it.
Manners = Callable[[int, int], str]


class Device:
    """A Modbus TCP device with manners of its own."""

    def __init__(self, manners: Manners) -> None:
        self.manners = manners
        self.connections = self.requests = 0
        self.idle_s: float | None = None  # after so long without a request it closes
        self.table = RegisterTable()
        self.table.define(Area.HOLDING, 10, [0x534E, 0x3031])
        self.table.define(Area.HOLDING, FIRMWARE, [0x7632, 0x2E31])
        for address, words in VALUES.items():
            self.table.define(Area.HOLDING, address, words)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        answered = 0
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            while True:
                async with asyncio.timeout(self.idle_s):
                    request = await reader.readexactly(12)
                self.requests += 1
                what = self.manners(answered, int.from_bytes(request[8:10], "big"))
                if what == "reset":
                    writer.transport.abort()
                    return
                if "answer" in what:
                    pdu = respond(self.table, request[7:])
                    writer.write(request[:4] + struct.pack(">H", len(pdu) + 1) + request[6:7] + pdu)
                    await writer.drain()
                    answered += 1
                if "close" in what:
                    break
        writer.close()


class Closing(Watched):
    """The unit whose device closes."""

    def __init__(self, port: Port) -> None:
        super().__init__(port, PROFILE)
        self._new = asyncio.Event()

    def _emit(self, frame: Frame, layout: Layout) -> None:
        super()._emit(frame, layout)
        for raw, quality, (word,) in zip(frame.raw, frame.quality, VALUES.values(), strict=True):
            assert quality != Quality.GOOD or raw == word
        self._new.set()

    async def whole_frames(self, count: int, within_s: float = 20.0) -> None:
        """Wait for so many more frames in which each value is good."""
        before = len(self.frames)
        async with asyncio.timeout(within_s):
            while sum((f.quality == Quality.GOOD).all() for f in self.frames[before:]) < count:
                self._new.clear()
                await self._new.wait()


@contextlib.asynccontextmanager
async def polled(device: Device, **port: int) -> AsyncIterator[Closing]:
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    watched = Closing(TcpPort("127.0.0.1", server.sockets[0].getsockname()[1], **port))
    task = asyncio.create_task(watched.bus.run())
    try:
        yield watched
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.close()


MANNERS: dict[str, Manners] = {
    "after each answer": lambda _answered, _address: "answer and close",
    "at the second question": lambda answered, _address: "close" if answered else "answer",
    "at the second question, by a reset": lambda answered, _address: "reset" if answered else "answer",
    "after three answers": lambda answered, _address: "answer and close" if answered == 2 else "answer",
    "at the fifth question": lambda answered, _address: "close" if answered == 4 else "answer",
}


@pytest.mark.parametrize("manners", MANNERS.values(), ids=MANNERS)
async def test_a_device_that_closes_after_it_has_answered_is_read_each_cycle(
    manners: Manners, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    device = Device(manners)
    async with polled(device) as watched:
        await watched.whole_frames(12)
        bad = [f.quality.tolist() for f in watched.frames if (f.quality != Quality.GOOD).any()]
        assert len(bad) <= 1, bad  # all in time, not now and then
        assert watched.unit.counters.errors == 0
        assert watched.bus.trouble == ""
    about_port = [r for r in caplog.records if r.name == "agent.modbus.bus"]
    assert 1 <= len(about_port) <= 2


async def test_requests_that_were_on_their_way_together_are_all_asked_again() -> None:
    async with polled(Device(MANNERS["at the second question"]), in_flight=3) as watched:
        await watched.whole_frames(5)


async def test_a_device_that_closes_when_nothing_is_asked_is_opened_for_the_next_cycle() -> None:
    device = Device(lambda _answered, _address: "answer")
    device.idle_s = 0.15
    async with polled(device) as watched:
        watched.unit.period_s = 0.3
        await watched.whole_frames(10)
        assert all((f.quality == Quality.GOOD).all() for f in watched.frames[1:])
        assert device.connections <= len(watched.frames) + 5, (
            "once for each cycle, not once more to be idle on"
        )


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("address", [FIRMWARE, 200])
async def test_a_read_that_is_answered_by_closing_is_refused_and_the_others_are_read(
    how: str, address: int
) -> None:
    device = Device(lambda _answered, asked: how if asked == address else "answer")
    wanted = [Quality.GOOD] * 3 if address == FIRMWARE else [Quality.GOOD, Quality.REFUSED, Quality.GOOD]
    async with polled(device) as watched:
        async with asyncio.timeout(10):
            while not watched.frames or watched.frames[-1].quality.tolist() != wanted:
                watched._new.clear()
                await watched._new.wait()
        connections, frames = device.connections, len(watched.frames)
        async with asyncio.timeout(10):
            while len(watched.frames) < frames + 10:
                watched._new.clear()
                await watched._new.wait()
        for frame in watched.frames[frames:]:
            assert frame.quality.tolist() == wanted
        assert device.connections - connections <= (0 if address == FIRMWARE else 12)


@pytest.mark.parametrize("manners", ["close", "reset", "at once"])
async def test_a_device_that_never_answers_is_connected_to_no_more_than_once_a_second(
    manners: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    device = Device(lambda _answered, _address: manners)
    if manners == "at once":
        device.idle_s = 0.0
    async with polled(device) as watched:
        await asyncio.wait([asyncio.create_task(asyncio.Event().wait())], timeout=3.2)
        assert 2 <= device.connections <= 4
        assert "closed" in watched.bus.trouble or "reset" in watched.bus.trouble.lower()
    assert len([r for r in caplog.records if r.name.startswith("agent.modbus")]) <= 2


async def test_a_serial_adapter_that_hangs_up_after_each_answer_is_opened_again_and_read(
    tmp_path: Path,
) -> None:
    device = Device(lambda _answered, _address: "answer")
    link = tmp_path / "tty"
    loop = asyncio.get_running_loop()
    held: list[tuple[int, int]] = []

    def plug_in() -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        held.append((master, slave))
        (tmp_path / "new").symlink_to(os.ttyname(slave))
        (tmp_path / "new").rename(link)
        loop.add_reader(master, answer, master, slave)

    def answer(master: int, slave: int) -> None:
        request = os.read(master, RTU_REQUEST_BYTES)
        reply = request[:1] + respond(device.table, request[1:-2])
        os.write(master, reply + FramerRTU.compute_CRC(reply).to_bytes(2, "big"))
        loop.call_later(0.02, pull, master, slave)

    def pull(master: int, slave: int) -> None:
        held.remove((master, slave))
        loop.remove_reader(master)
        plug_in()
        os.close(master)
        os.close(slave)

    plug_in()
    watched = Closing(SerialPort(str(link), 115200))
    task = asyncio.create_task(watched.bus.run())
    await watched.whole_frames(5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    for master, slave in held:
        loop.remove_reader(master)
        os.close(master)
        os.close(slave)
