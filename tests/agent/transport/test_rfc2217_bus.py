"""RFC 2217: the far line is set from here, by ser2net and by what other servers do and do not say."""

import asyncio
from pathlib import Path

import pytest

from agent.modbus.com_port import COM_PORT, DO, DONT, IAC, SB, SE, WILL
from agent.modbus.ports import PortError
from agent.modbus.survey.presence import LineSetting
from agent.transport.rfc2217 import ComPortEndpoint
from agent.transport.table import parse
from drivers.registers import Area, Read
from hil.modbus.rtu import RtuBus
from hil.modbus.table import RegisterTable
from tests.agent.transport.ser2net import needs_ser2net, ser2net

# every byte may be 255, which Telnet sends twice
READ = Read(Area.HOLDING, 0xFF00, 4)
WORDS = [0xFFFF, 0x00FF, 0xFF0D, 0x0A0D]


def bus_on(link: Path, baud: int) -> RtuBus:
    table = RegisterTable()
    table.define(Area.HOLDING, READ.address, WORDS)
    return RtuBus(link, baud, {1: table})


def test_its_endpoint_is_written_as_pyserial_writes_it() -> None:
    assert parse("rfc2217://ups.example:2217") == [ComPortEndpoint("ups.example", 2217)]


@needs_ser2net
@pytest.mark.parametrize("baud", [9600, 19200])
async def test_the_line_behind_ser2net_is_set_to_what_the_bus_says(
    baud: int, tmp_path: Path, unused_tcp_port: int
) -> None:
    bus = bus_on(tmp_path / "line", baud)
    bus.start()
    async with ser2net(tmp_path, "telnet(rfc2217),", unused_tcp_port, bus.link, "2400n81"):
        port = ComPortEndpoint("127.0.0.1", unused_tcp_port).new_port(LineSetting(baud, "E", 1))
        await port.open()
        for _ in range(5):
            assert list((await port.ask(1, READ, 2.0)).reply.words) == WORDS
        port.close()
        await port.open()
        assert list((await port.ask(1, READ, 2.0)).reply.words) == WORDS, (
            "and once more after a new connection"
        )
        port.close()
    bus.stop()


@needs_ser2net
async def test_a_server_that_is_in_transparent_mode_is_said_to_be(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    bus = bus_on(tmp_path / "line", 9600)
    bus.start()
    async with ser2net(tmp_path, "", unused_tcp_port, bus.link, "9600n81"):
        port = ComPortEndpoint("127.0.0.1", unused_tcp_port).new_port(LineSetting(9600))
        with pytest.raises(PortError, match="it may be in transparent mode: rtu-over-tcp"):
            await port.open()
        assert not port.is_open
    bus.stop()


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (bytes((IAC, DONT, COM_PORT)), "its line cannot be set from here"),
        (
            bytes((IAC, DO, COM_PORT, IAC, SB, COM_PORT, 101, 0, 0, 0x12, 0xC0, IAC, SE)),
            "stays at 4800 baud, and does not take 9600 baud",
        ),
        (
            bytes((IAC, DO, COM_PORT, IAC, SB, COM_PORT, 103, 2, IAC, SE)),
            "stays at parity O, and does not take parity N",
        ),
        (bytes((IAC, DO, COM_PORT)), "has not said within 3 s that its line has 9600 baud, 8 data bits"),
        (bytes((IAC, WILL, 1)), "it may be in transparent mode"),
    ],
)
async def test_a_line_that_cannot_be_set_is_one_clear_sentence(
    says: bytes, why: str, unused_tcp_port: int
) -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in says:  # in pieces, as networks do it
            writer.write(bytes((byte,)))
            await writer.drain()

    served = await asyncio.start_server(serve, "127.0.0.1", unused_tcp_port)
    port = ComPortEndpoint("127.0.0.1", unused_tcp_port).new_port(LineSetting(9600))
    with pytest.raises(PortError, match=why):
        await port.open()
    served.close()
