"""Real sockets and ptys under seeded faults: no wrong value is called good, and a healed line is read."""

import asyncio
import contextlib
import os
import random
import socket
from itertools import count
from pathlib import Path

import pytest
from simulated_line import ADDRESSES, PROFILE

from agent.frame import Frame
from agent.modbus.ports import Port
from agent.modbus.serial_line import SerialPort
from agent.modbus.tcp import TcpPort
from agent.quality import Quality
from drivers.layout import Layout
from drivers.registers import Area
from hil.modbus.faults import NUMBERED_ANEW, RTU_ONLY, TCP_ONLY, Fault, FaultKind
from hil.modbus.rtu import RtuBus
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import TcpEndpoint
from tests.agent.modbus.watched import Watched

FAULTY_S = 2.0
BACK_S = 5.0  # within the back-off that FAULTY_S leads to
_ports = count()


def table() -> RegisterTable:
    """Registers that hold their own addresses."""
    registers = RegisterTable()
    for address in ADDRESSES:
        registers.define(Area.HOLDING, address, [address])
    return registers


def plan_of(transport: str, seed: int) -> list[Fault]:
    """Return one fault of each kind that the transport has, in an order and with parameters of the seed."""
    dice = random.Random(seed)
    foreign = RTU_ONLY if transport == "tcp" else TCP_ONLY
    kinds = [kind for kind in FaultKind if kind not in foreign]
    dice.shuffle(kinds)
    return [
        Fault(
            kind,
            probability=dice.choice((0.3, 1.0)),
            delay_s=dice.choice((0.05, 0.15, 0.4)),
            code=dice.randrange(4 if kind is FaultKind.EXCEPTION_FIRST else 1, 12),
        )
        for kind in kinds
    ]


class Addresses(Watched):
    """The unit whose registers hold their own addresses."""

    def __init__(self, port: Port) -> None:
        super().__init__(port, PROFILE)
        self.good = asyncio.Event()

    def _emit(self, frame: Frame, layout: Layout) -> None:
        super()._emit(frame, layout)
        for address, raw, quality in zip(ADDRESSES, frame.raw, frame.quality, strict=True):
            assert quality != Quality.GOOD or raw == address
        if (frame.quality[:4] == Quality.GOOD).all():
            self.good.set()

    async def wait_good(self, within_s: float) -> None:
        self.good.clear()
        async with asyncio.timeout(within_s):
            await self.good.wait()


async def _suffer(port: Port, faulty: TcpEndpoint | RtuBus, fault: Fault) -> str:
    """Return what went wrong, in words; "" where nothing did."""
    watched = Addresses(port)
    polling = asyncio.create_task(watched.bus.run())
    try:
        await watched.wait_good(5)
        faulty.faults.set(fault)
        await asyncio.wait({polling}, timeout=FAULTY_S)
        faulty.faults.clear()
        await watched.wait_good(BACK_S)
    except TimeoutError:
        return f"{fault}: no good value within {BACK_S:g} s of its end; {watched.unit.counters}"
    except AssertionError as error:
        return f"{fault}: {error}"
    finally:
        polling.cancel()
        done = await asyncio.gather(polling, return_exceptions=True)
    failed = [e for e in done if isinstance(e, Exception)]
    return f"{fault}: {failed[0]!r}" if failed else ""


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_after_every_fault_on_a_serial_line_the_next_good_value_is_right(
    seed: int, tmp_path: Path
) -> None:
    buses, sufferings = [], []
    for fault in plan_of("rtu", seed):
        bus = RtuBus(tmp_path / f"bus-{next(_ports)}", 115200, {1: table()}, echo=seed == 2, seed=seed)
        bus.start()
        buses.append(bus)
        sufferings.append(_suffer(SerialPort(str(bus.link), 115200), bus, fault))
    try:
        assert [said for said in await asyncio.gather(*sufferings) if said] == []
    finally:
        for bus in buses:
            bus.stop()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_after_every_fault_on_a_connection_the_next_good_value_is_right(seed: int) -> None:
    endpoints, sufferings = [], []
    for fault in plan_of("tcp", seed):
        endpoint = TcpEndpoint("127.0.0.1", 0, {1: table()}, seed=seed)
        await endpoint.start()
        endpoints.append(endpoint)
        untrue = {*NUMBERED_ANEW, FaultKind.LAST_NUMBER}  # numbers; more than one in flight is for true ones
        in_flight = 1 if fault.kind in untrue else seed
        port = TcpPort(endpoint.host, endpoint.port, in_flight=in_flight)
        sufferings.append(_suffer(port, endpoint, fault))
    try:
        assert [said for said in await asyncio.gather(*sufferings) if said] == []
    finally:
        for endpoint in endpoints:
            await endpoint.stop()


@pytest.mark.long(15)
async def test_a_connection_whose_other_end_is_gone_is_made_anew() -> None:
    connections = []

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await reader.read()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    server = await asyncio.start_server(swallow, "127.0.0.1", port)
    watched = Addresses(TcpPort("127.0.0.1", port))
    polling = asyncio.create_task(watched.bus.run())
    async with asyncio.timeout(10):
        while len(connections) < 2:
            await asyncio.wait({polling}, timeout=0.05)
    server.close()
    for writer in connections:
        writer.close()
    endpoint = TcpEndpoint("127.0.0.1", port, {1: table()})
    await endpoint.start()
    await watched.wait_good(12)
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    await endpoint.stop()


async def test_an_adapter_that_comes_back_under_another_name_is_found_and_the_dead_one_let_go(
    tmp_path: Path,
) -> None:
    bus = RtuBus(tmp_path / "by-id", 115200, {1: table()})
    bus.start()
    first = bus.link.readlink()
    watched = Addresses(SerialPort(str(bus.link), 115200))
    polling = asyncio.create_task(watched.bus.run())
    await watched.wait_good(5)
    bus.stop()
    async with asyncio.timeout(20):
        while not watched.bus.trouble:
            await asyncio.wait({polling}, timeout=0.02)
    assert str(first) not in held_devices()
    assert watched.frames[-1].quality[0] != Quality.GOOD
    other = os.openpty()  # takes the name that became free
    bus.settle_s = 1.5
    bus.start()
    assert bus.link.readlink() != first
    await watched.wait_good(12)
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    bus.stop()
    for fd in other:
        os.close(fd)


async def test_an_adapter_named_by_its_tty_is_found_by_the_name_that_stays_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    monkeypatch.setattr("agent.modbus.serial_line.STABLE_NAMES", (tmp_path / "absent", by_id))
    first = RtuBus(tmp_path / "ttyUSB0", 115200, {1: table()})
    first.start()
    (by_id / "usb-FTDI").symlink_to(first.link)
    watched = Addresses(SerialPort(str(first.link), 115200))
    polling = asyncio.create_task(watched.bus.run())
    await watched.wait_good(5)
    first.stop()
    second = RtuBus(tmp_path / "ttyUSB1", 115200, {1: table()})
    second.start()
    (by_id / "usb-FTDI").unlink()
    (by_id / "usb-FTDI").symlink_to(second.link)
    await watched.wait_good(12)
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    second.stop()


async def test_an_adapter_that_has_to_settle_is_asked_nothing_before(tmp_path: Path) -> None:
    bus = RtuBus(tmp_path / "bus", 115200, {1: table()}, settle_s=1.0)
    bus.start()
    watched = Addresses(SerialPort(str(bus.link), 115200, settle_s=1.2))
    polling = asyncio.create_task(watched.bus.run())
    await watched.wait_good(10)
    # one of 40 s: meanwhile the units' cycles pass, unread; nothing that is counted may stand still
    assert watched.unit.counters.cycles - len(watched.frames) >= 8
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    counters = watched.unit.counters
    assert (counters.no_reply, counters.damaged) == (0, 0)
    bus.stop()


def held_devices() -> set[str]:
    held = set()
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one that listed them
            held.add(os.readlink(f"/proc/self/fd/{fd}"))
    return held
