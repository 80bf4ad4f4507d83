"""RTU frames through a socket: in pieces, damaged, after a hang-up; the bench's serial server and ser2net."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pymodbus.framer import FramerRTU

from agent.modbus.ports import HungUp, Port
from agent.modbus.rtu_port import RtuPort
from agent.modbus.survey.presence import LineSetting
from agent.quality import Quality
from agent.transport.row import EndpointError
from agent.transport.rtu_over_tcp import RawEndpoint, RtuOverTcpBus
from agent.transport.table import parse
from drivers.profile.load import parse_profile
from drivers.registers import Area, Read
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.rtu import RtuBus
from hil.modbus.serial_server import SerialServer
from hil.modbus.table import RegisterTable
from tests.agent.transport.ser2net import needs_ser2net, ser2net

READ = Read(Area.HOLDING, 100, 4)
WORDS = [3200, 3201, 3202, 3203]
PROFILE = parse_profile(
    """
    schema = 1
    model = "m"
    serial = { baud = 19200, parity = "E", stop_bits = 1, timeout_ms = 1500 }
    [[point]]
    name = "pack_voltage"
    address = 1
    unit = "V"
    valid = [10, 100]
    """
)


def registers() -> RegisterTable:
    table = RegisterTable()
    table.define(Area.HOLDING, 100, range(3200, 3260))
    return table


@pytest.fixture
async def server() -> AsyncIterator[SerialServer]:
    served = SerialServer("127.0.0.1", 0, 115200, {1: registers()})
    await served.listen()
    yield served
    await served.hang_up()


@pytest.fixture
async def port(server: SerialServer) -> AsyncIterator[Port]:
    opened = RawEndpoint(server.host, server.port).new_port(LineSetting(115200))
    await opened.open()
    yield opened
    opened.close()


def test_its_endpoint_is_written_with_its_scheme_and_its_port() -> None:
    assert parse("rtu-over-tcp://ups.example:4196") == [RawEndpoint("ups.example", 4196)]
    assert parse("socket://[2001:db8::1]:23") == [RawEndpoint("2001:db8::1", 23)], "as pyserial writes it"
    with pytest.raises(EndpointError, match=r"its port is missing: write rtu-over-tcp://HOST:PORT"):
        parse("rtu-over-tcp://ups.example")
    with pytest.raises(EndpointError, match="'' is missing"):
        parse("rtu-over-tcp://")


def test_the_plan_counts_with_the_speed_behind_the_server() -> None:
    table = {"name": "b", "transport": "rtu-over-tcp", "host": "192.0.2.10", "port": 4196}
    told, as_profile = RtuOverTcpBus(**table, baud=9600), RtuOverTcpBus(**table)
    assert as_profile.setting(PROFILE) == LineSetting(19200, "E", 1)
    assert told.line(PROFILE).per_byte_s == pytest.approx(11 / 9600)
    assert isinstance(told.new_port(PROFILE), RtuPort)
    assert told.timeout_s(PROFILE) == 1.5


async def test_what_the_case_of_a_serial_server_says_is_read(unused_tcp_port: int) -> None:
    """pymodbus #1542: 01 04 00 00 00 01 31 CA -> 01 04 02 0E 02 3C 91 = 3586, one byte at a time."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(8) == bytes.fromhex("01 04 00 00 00 01 31 CA")
        for byte in bytes.fromhex("01 04 02 0E 02 3C 91"):
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0.03)

    served = await asyncio.start_server(serve, "127.0.0.1", unused_tcp_port)
    port = RawEndpoint("127.0.0.1", unused_tcp_port).new_port(LineSetting(9600))
    await port.open()
    answer = await port.ask(1, Read(Area.INPUT, 0, 1), 1.0)
    assert list(answer.reply.words) == [3586]
    port.close()
    served.close()


@pytest.mark.parametrize("kind", [FaultKind.CRC, FaultKind.TRUNCATE, FaultKind.WRONG_UNIT, FaultKind.MUTE])
async def test_a_damaged_reply_is_none_and_the_next_is_right(
    kind: FaultKind, server: SerialServer, port: Port
) -> None:
    server.faults.set(Fault(kind, times=1))
    assert (await port.ask(1, READ, 0.2)).reply.quality is Quality.NO_REPLY
    assert list((await port.ask(1, READ, 5.0)).reply.words) == WORDS


async def test_who_hangs_up_is_said_and_connected_to_again(server: SerialServer, port: Port) -> None:
    server.faults.set(Fault(FaultKind.MUTE, times=1))
    asked = asyncio.create_task(port.ask(1, READ, 5.0))
    await asyncio.sleep(0.1)
    server.cut()
    with pytest.raises(HungUp):
        await asked
    assert not port.is_open
    assert port.hung_up
    await port.open()
    assert list((await port.ask(1, READ, 5.0)).reply.words) == WORDS


@needs_ser2net
async def test_units_are_read_through_ser2net_in_raw_mode(tmp_path: Path, unused_tcp_port: int) -> None:
    bus = RtuBus(tmp_path / "line", 9600, {1: registers()})
    bus.start()
    async with ser2net(tmp_path, "", unused_tcp_port, bus.link, "9600n81"):
        port = RawEndpoint("127.0.0.1", unused_tcp_port).new_port(LineSetting(9600))
        await port.open()
        for _ in range(5):
            assert list((await port.ask(1, READ, 5.0)).reply.words) == WORDS
        port.close()
    bus.stop()


async def test_a_frame_may_pause_after_any_byte_and_twice_for_as_long_as_its_unit_may_take(
    unused_tcp_port: int,
) -> None:
    reply = bytes.fromhex("01 04 02 0E 02 3C 91")
    cuts = [(k,) for k in range(1, len(reply))] + [(1, 4), (3, 6), (2, 5)]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cut = cuts[(await reader.readexactly(8))[0] - 1]
        for start, end in zip((0, *cut), (*cut, len(answer := sealed(cut))), strict=True):
            writer.write(answer[start:end])
            await writer.drain()
            await asyncio.sleep(0.15)

    def sealed(cut: tuple[int, ...]) -> bytes:
        frame = bytes((cuts.index(cut) + 1,)) + reply[1:-2]
        return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")

    served = await asyncio.start_server(serve, "127.0.0.1", unused_tcp_port)

    async def ask(unit_id: int) -> list[int]:
        port = RawEndpoint("127.0.0.1", unused_tcp_port).new_port(LineSetting(9600))
        await port.open()
        answer = await port.ask(unit_id, Read(Area.INPUT, 0, 1), 1.0)
        port.close()
        return list(answer.reply.words)

    assert await asyncio.gather(*(ask(n + 1) for n in range(len(cuts)))) == [[3586]] * len(cuts)
    served.close()


@pytest.mark.parametrize("says", ["bus", "profile"])
async def test_a_truncated_answer_costs_no_more_than_the_pause_that_the_bus_or_the_profile_allows(
    server: SerialServer, says: str
) -> None:
    short = {"inter_byte_s": 0.05}
    table = RtuOverTcpBus(
        name="b",
        transport="rtu-over-tcp",
        host=server.host,
        port=server.port,
        baud=115200,
        **(short if says == "bus" else {}),
    )
    serial = PROFILE.serial.model_copy(update=short if says == "profile" else {})
    port = table.new_port(PROFILE.model_copy(update={"serial": serial}))
    await port.open()
    for kind in (FaultKind.TRUNCATE, FaultKind.CRC):
        server.faults.set(Fault(kind, times=1))
        began_s = asyncio.get_running_loop().time()
        assert (await port.ask(1, Read(Area.HOLDING, 100, 40), 1.0)).reply.quality is Quality.NO_REPLY
        assert asyncio.get_running_loop().time() - began_s < 0.4
        assert list((await port.ask(1, READ, 1.0)).reply.words) == WORDS
    port.close()
