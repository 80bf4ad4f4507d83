"""Reads for people on a bus that is being polled."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from agent.clock import Clock
from agent.modbus import bus as engine
from agent.modbus.adu import RtuExchange, data_bytes
from agent.modbus.bus import Bus
from agent.modbus.manual_read import Guest, GuestRefused, parts
from agent.modbus.ports import Port, PortError
from agent.modbus.serial_line import SerialPort
from agent.modbus.tcp import TcpPort
from agent.modbus.unit import Unit
from agent.modbus.verdict import Verdict, verdict_of
from agent.quality import Quality
from drivers.registers import Area, Read
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.rtu import RtuBus
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import TcpEndpoint
from tests.agent.modbus.test_bus import Recorder, unit


@contextlib.asynccontextmanager
async def polled(port: Port, one: Unit, frames: Recorder) -> AsyncIterator[Bus]:
    bus = Bus("bus", port, [one], Clock())
    task = asyncio.create_task(bus.run())
    try:
        await frames.first(one.name, Quality.GOOD)
        yield bus
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(params=["serial", "tcp"])
def port(request: pytest.FixtureRequest, rtu_bus: RtuBus, endpoint: TcpEndpoint) -> Port:
    if request.param == "serial":
        return SerialPort(str(rtu_bus.link), rtu_bus.baud)
    return TcpPort(endpoint.host, endpoint.port)


async def test_a_person_reads_any_register_of_a_polled_bus_and_sees_the_bytes(port: Port) -> None:
    frames = Recorder()
    one = unit("a", 1, frames, port=port)
    one.period_s = 0.5
    async with polled(port, one, frames) as bus:
        heard = await bus.read(1, Read(Area.HOLDING, 120, 4), 0.1)
        assert [word for each in heard for word in each.answer.reply.words] == [3220, 3221, 3222, 3223]
        assert all(each.sent and each.got for each in heard)
        (nobody,) = await bus.read(77, Read(Area.HOLDING, 0, 1), 0.1)
        assert verdict_of(nobody.answer) in (Verdict.SILENT, Verdict.GATEWAY)


async def test_a_connection_that_breaks_under_a_guest_is_told_to_him_and_polling_goes_on(
    endpoint: TcpEndpoint, table: RegisterTable
) -> None:
    endpoint.units = {1: table, 77: table}
    endpoint.faults.set(Fault(FaultKind.DROP, unit_id=77, times=1))
    frames = Recorder()
    one = unit("a", 1, frames)
    one.period_s = 0.5
    async with polled(TcpPort(endpoint.host, endpoint.port), one, frames) as bus:
        with pytest.raises(PortError, match="closed by the other side"):
            await bus.read(77, Read(Area.HOLDING, 120, 4), 0.1)
        await frames.first("a", Quality.GOOD, after=len(frames.frames))


async def test_a_guest_that_could_delay_a_safety_point_is_refused(
    rtu_bus: RtuBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PATIENCE_S", 0.5)
    frames = Recorder()
    port = SerialPort(str(rtu_bus.link), rtu_bus.baud)
    async with polled(port, unit("a", 1, frames, port=port), frames) as bus:  # every 0.1 s
        asked = rtu_bus.requests
        with pytest.raises(GuestRefused, match="no pause of"):
            await bus.read(77, Read(Area.HOLDING, 0, 1), 0.3)
        assert rtu_bus.requests > asked  # polling went on
    assert frames.frames


@pytest.mark.parametrize("count", range(1, 30))
def test_a_guests_late_answer_can_pass_for_no_answer_to_the_agents_own_reads(count: int) -> None:
    owed = {(3, 2 * n) for n in (4, 16, 2)}
    for area in (Area.HOLDING, Area.INPUT):
        try:
            found = parts(Read(area, 100, count), owed)
        except GuestRefused:
            assert (area, count) == (Area.HOLDING, 2)
            continue
        assert not {(part.area.function_code, data_bytes(part)) for part in found} & owed
        assert [part.address + i for part in found for i in range(part.count)] == list(
            range(100, 100 + count)
        )


async def test_a_read_takes_no_longer_than_its_pause_though_its_answer_comes_late_and_in_pieces() -> None:
    read, timeout_s, line_s = Read(Area.HOLDING, 100, 40), 0.3, 0.1
    guest = Guest(1, read, None, timeout_s, line_s, in_pieces=True)
    exchange = RtuExchange(1, read)
    heard_s, wait_s = timeout_s, timeout_s + line_s  # its first byte comes as late as it may
    until_s = exchange.settles_s(0.0, 0.0, wait_s, 0.004, timeout_s)
    for byte in bytes((1, 3, 80)) + bytes(80):
        exchange.feed(bytes((byte,)))
        until_s = exchange.settles_s(heard_s, 0.0, wait_s, 0.004, timeout_s)
        if until_s <= heard_s:
            break
        heard_s = min(until_s, heard_s + 0.9 * timeout_s)  # and each of the others
    assert wait_s < until_s <= guest.longest_s
