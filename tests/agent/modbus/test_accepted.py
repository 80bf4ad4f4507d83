"""Devices that do not repeat the numbers of a request: not read, and said, until their bus accepts it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from simulated_line import ADDRESSES, PROFILE

from agent.clock import Clock
from agent.frame import Frame
from agent.modbus.accepted import STRICT, Accepted
from agent.modbus.adu import RtuExchange
from agent.modbus.bus import Bus
from agent.modbus.far_line import FarLine
from agent.modbus.ports import Port
from agent.modbus.rtu_port import RtuPort
from agent.modbus.serial_line import SerialPort
from agent.modbus.tcp import TcpPort
from agent.modbus.unnumbered import UnnumberedPort
from agent.quality import Quality
from drivers.layout import Layout
from drivers.registers import Area, Read
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.rtu import RtuBus
from hil.modbus.serial_server import SerialServer
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import TcpEndpoint
from tests.agent.modbus.watched import polled_unit

OWN_NUMBERS = Fault(FaultKind.OWN_NUMBER, code=0x40)
ZERO, NINE = Fault(FaultKind.OTHER_ID, code=0), Fault(FaultKind.OTHER_ID, code=9)
ANY = Accepted(any_transaction=True)


def table() -> RegisterTable:
    """Registers that hold their own addresses."""
    registers = RegisterTable()
    for address in ADDRESSES:
        registers.define(Area.HOLDING, address, [address])
    return registers


class Polled:
    """Units whose registers hold their own addresses, on one port: no good value is any other's."""

    def __init__(self, port: Port, *unit_ids: int, timeout_s: float = 0.2) -> None:
        self.units = [
            polled_unit(f"unit-{k}", PROFILE, port, self._emit, unit_id=k, timeout_s=timeout_s)
            for k in unit_ids
        ]
        self.bus = Bus("bus", port, self.units, Clock())
        self.good = dict.fromkeys(unit_ids, 0)
        self.refused = 0
        self._new = asyncio.Event()

    def _emit(self, frame: Frame, _layout: Layout) -> None:
        for address, raw, quality in zip(ADDRESSES, frame.raw, frame.quality, strict=True):
            assert quality != Quality.GOOD or raw == address
        self.good[int(frame.unit.removeprefix("unit-"))] += bool((frame.quality[:4] == Quality.GOOD).all())
        self.refused += bool((frame.quality == Quality.REFUSED).any())
        self._new.set()

    async def read(self, frames: int = 5, within_s: float = 10.0) -> None:
        """Wait for so many more whole frames of each unit."""
        wanted = {unit_id: good + frames for unit_id, good in self.good.items()}
        async with asyncio.timeout(within_s):
            while any(self.good[unit_id] < count for unit_id, count in wanted.items()):
                self._new.clear()
                await self._new.wait()

    async def said(self, words: str, within_s: float = 10.0) -> None:
        """Wait until the bus, or a unit, says so."""
        async with asyncio.timeout(within_s):
            while words not in f"{self.bus.trouble} {[u.trouble for u in self.units]}":  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def polling(port: Port, *unit_ids: int, timeout_s: float = 0.2) -> AsyncIterator[Polled]:
    polled = Polled(port, *unit_ids, timeout_s=timeout_s)
    task = asyncio.create_task(polled.bus.run())
    try:
        yield polled
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def gateway() -> AsyncIterator[TcpEndpoint]:
    served = TcpEndpoint("127.0.0.1", 0, {k: table() for k in (1, 2, 3)})
    await served.start()
    yield served
    await served.stop()


def port_to(gateway: TcpEndpoint, accepted: Accepted = STRICT) -> TcpPort:
    kind = UnnumberedPort if accepted.any_transaction else TcpPort
    return kind(gateway.host, gateway.port, accepted=accepted)


@pytest.mark.parametrize(
    ("faults", "accepted", "said"),
    [
        ([OWN_NUMBERS], ANY, 'accept = { transaction = "any" } in its [[bus]]'),
        ([ZERO], Accepted(unit_id=0), "answers as unit id 0, polled as 3"),
        ([NINE], Accepted(unit_id=9), "accept = { unit_id = 9 }"),
        (
            [OWN_NUMBERS, ZERO],
            Accepted(any_transaction=True, unit_id=0),
            'accept = { transaction = "any", unit_id = 0 }',
        ),
    ],
    ids=["own transaction ids", "unit id 0", "unit id 9", "both"],
)
async def test_on_tcp_other_numbers_are_said_and_read_where_the_bus_accepts_them(
    faults: list[Fault], accepted: Accepted, said: str, gateway: TcpEndpoint
) -> None:
    for fault in faults:
        gateway.faults.set(fault)
    async with polling(port_to(gateway), 3) as strict:
        await strict.said(said)
        assert strict.good == {3: 0}
    if accepted.any_transaction and accepted.unit_id is not None:
        async with polling(port_to(gateway, ANY), 3) as half:  # it says what is missing still
            await half.said(said)
            assert half.good == {3: 0}
    async with polling(port_to(gateway, accepted), 3) as polled:
        await polled.read()
        assert polled.units[0].counters.errors == 0
        gateway.faults.set(Fault(FaultKind.EXCEPTION, code=4))
        before = polled.units[0].counters.failed
        async with asyncio.timeout(5):
            while polled.units[0].counters.failed == before:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("fault", [ZERO, NINE], ids=["unit id 0", "unit id 9"])
async def test_on_a_serial_line_another_unit_id_is_said_and_read_where_the_bus_accepts_it(
    fault: Fault, tmp_path: Path
) -> None:
    bus = RtuBus(tmp_path / "bus", 115200, {3: table()}, echo=True)
    bus.start()
    bus.faults.set(fault)
    async with polling(SerialPort(str(bus.link), 115200), 3) as strict:
        await strict.said(f"accept = {{ unit_id = {fault.code} }}")
        assert strict.good == {3: 0}
    accepted = Accepted(unit_id=fault.code)
    async with polling(SerialPort(str(bus.link), 115200, accepted=accepted), 3) as polled:
        await polled.read()
        bus.faults.clear()  # under its own id it is read as ever
        await polled.read()
    bus.stop()


async def test_behind_a_serial_server_it_is_the_same() -> None:
    server = SerialServer("127.0.0.1", 0, 115200, {3: table()})
    await server.listen()
    server.faults.set(ZERO)

    def port(accepted: Accepted) -> RtuPort:
        return RtuPort(FarLine("far", server.host, server.port), 115200, accepted=accepted)

    async with polling(port(STRICT), 3) as strict:
        await strict.said("accept = { unit_id = 0 }")
        assert strict.good == {3: 0}
    async with polling(port(Accepted(unit_id=0)), 3) as polled:
        await polled.read()
    await server.hang_up()


async def test_units_behind_a_gateway_with_numbers_of_its_own_are_told_by_their_ids(
    gateway: TcpEndpoint,
) -> None:
    gateway.faults.set(OWN_NUMBERS)
    async with polling(port_to(gateway, ANY), 1, 2, 3) as polled:
        await polled.read()
        gateway.faults.set(Fault(FaultKind.LATE, unit_id=2, delay_s=0.35))
        await asyncio.sleep(3)
        gateway.faults.clear(FaultKind.LATE)
        await polled.read()
        assert polled.units[0].counters.no_reply + polled.units[2].counters.no_reply == 0
        assert polled.units[1].counters.no_reply > 0


async def test_a_unit_whose_reply_is_missing_is_asked_again_on_a_new_connection(gateway: TcpEndpoint) -> None:
    """Of another unit's missing reply the unit id tells; one that has come after all is missing no more."""
    port = port_to(gateway, ANY)
    await port.open()
    read, connections = Read(Area.HOLDING, 100, 2), [port._transport]

    async def asked(unit_id: int) -> list[int]:
        answer = await port.ask(unit_id, read, 0.2)
        if port._transport is not connections[-1]:
            connections.append(port._transport)
        return list(answer.reply.words)

    gateway.faults.set(Fault(FaultKind.MUTE, unit_id=1, times=1))
    assert await asked(1) == []
    assert await asked(2) == [100, 101]
    assert len(connections) == 1
    assert await asked(1) == [100, 101]
    assert len(connections) == 2
    gateway.faults.set(Fault(FaultKind.LATE, unit_id=1, delay_s=0.3, times=1))
    assert await asked(1) == []
    await asyncio.sleep(0.3)
    assert [late.unit_id for late in port.late()] == [1]
    assert await asked(1) == [100, 101]
    assert len(connections) == 2
    port.close()


async def test_who_stops_waiting_leaves_no_reply_behind_for_the_next(gateway: TcpEndpoint) -> None:
    port = port_to(gateway, ANY)
    await port.open()
    gateway.faults.set(Fault(FaultKind.LATE, delay_s=0.3, times=1))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(port.ask(1, Read(Area.HOLDING, 100, 2), 5.0), 0.1)
    assert list((await port.ask(1, Read(Area.HOLDING, 200, 2), 5.0)).reply.words) == [200, 201]
    port.close()


def test_an_answer_under_an_accepted_unit_id_is_one_and_under_another_is_none() -> None:
    read, frame = Read(Area.INPUT, 0, 1), bytes.fromhex("01 04 02 0e 02 3c 91")
    for answering, found in (((0x12, 1), True), ((0x12,), False), ((), False)):
        exchange = RtuExchange(0x12, read, answering_ids=answering)
        exchange.feed(frame)
        assert (exchange.reply is not None) is found
