"""Ports against real sockets and ptys: what a bad line does, and that the next good value is right."""

import asyncio
import socket
from pathlib import Path

import pytest

from agent.modbus.came import Came, Kind
from agent.modbus.ports import PortError
from agent.modbus.serial_line import SerialPort
from agent.modbus.tcp import TcpPort
from agent.quality import Quality
from drivers.registers import Area, Read
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.rtu import RtuBus
from hil.modbus.tcp import TcpEndpoint

READ = Read(Area.HOLDING, 100, 4)
WORDS = [3200, 3201, 3202, 3203]


async def test_both_transports_bring_the_registers(tcp_port: TcpPort, serial_port: SerialPort) -> None:
    for port in (tcp_port, serial_port):
        reply = (await port.ask(1, READ, 5.0)).reply
        assert (reply.quality, list(reply.words)) == (Quality.GOOD, WORDS)


async def test_a_register_that_is_not_there_is_refused_with_its_code(tcp_port: TcpPort) -> None:
    reply = (await tcp_port.ask(1, Read(Area.HOLDING, 99, 2), 5.0)).reply
    assert (reply.quality, reply.exception_code) == (Quality.REFUSED, 2)


@pytest.mark.parametrize("kind", [FaultKind.MUTE, FaultKind.CRC, FaultKind.TRUNCATE, FaultKind.WRONG_UNIT])
async def test_a_damaged_rtu_reply_is_no_reply_and_the_next_is_right(
    kind: FaultKind, rtu_bus: RtuBus, serial_port: SerialPort
) -> None:
    rtu_bus.faults.set(Fault(kind, times=1))
    assert (await serial_port.ask(1, READ, 0.1)).reply.quality is Quality.NO_REPLY
    assert list((await serial_port.ask(1, READ, 5.0)).reply.words) == WORDS


@pytest.mark.parametrize("kind", [FaultKind.DOUBLE, FaultKind.NOISE, FaultKind.JITTER])
async def test_a_sound_reply_among_rubbish_is_taken_once(
    kind: FaultKind, rtu_bus: RtuBus, serial_port: SerialPort
) -> None:
    rtu_bus.faults.set(Fault(kind, times=1, delay_s=0.05))
    assert list((await serial_port.ask(1, READ, 5.0)).reply.words) == WORDS
    assert list((await serial_port.ask(1, Read(Area.HOLDING, 110, 4), 5.0)).reply.words) == [
        3210,
        3211,
        3212,
        3213,
    ]


async def test_the_last_answer_of_another_connection_in_front_of_the_right_one_is_passed_over(
    endpoint: TcpEndpoint, tcp_port: TcpPort
) -> None:
    endpoint.faults.set(Fault(FaultKind.AGAIN))
    await tcp_port.ask(1, Read(Area.HOLDING, 120, 4), 5.0)
    other = TcpPort(endpoint.host, endpoint.port)
    await other.open()
    assert list((await other.ask(1, READ, 5.0)).reply.words) == WORDS
    assert other.is_open
    other.close()


async def test_what_fills_up_an_answer_that_was_cut_short_says_nothing_else_of_the_device(
    endpoint: TcpEndpoint, tcp_port: TcpPort
) -> None:
    endpoint.faults.set(Fault(FaultKind.TRUNCATE))
    for _ in range(20):
        if not tcp_port.is_open:
            await tcp_port.open()
        came: Came | None
        try:
            came = (await tcp_port.ask(1, READ, 0.05)).came
        except PortError as error:
            came = error.came
        assert came is not None
        assert came.kind in (Kind.CUT_SHORT, Kind.NOTHING), came


async def test_a_late_tcp_reply_is_never_taken_for_the_current_one(
    endpoint: TcpEndpoint, tcp_port: TcpPort
) -> None:
    endpoint.faults.set(Fault(FaultKind.LATE, times=1, delay_s=0.2))
    assert (await tcp_port.ask(1, READ, 0.05)).reply.quality is Quality.NO_REPLY
    endpoint.faults.set(Fault(FaultKind.SLOW, times=1, delay_s=0.3))  # the late one comes first
    assert list((await tcp_port.ask(1, Read(Area.HOLDING, 110, 4), 5.0)).reply.words) == [
        3210,
        3211,
        3212,
        3213,
    ]
    (late,) = tcp_port.late()
    assert late.unit_id == 1
    assert 0.15 < late.response_s < 0.5
    assert not tcp_port.late(), "it is said once"


async def test_a_connection_that_closes_in_mid_reply_is_the_ports_fault(
    endpoint: TcpEndpoint, tcp_port: TcpPort
) -> None:
    endpoint.faults.set(Fault(FaultKind.DROP, times=1))
    with pytest.raises(PortError, match="closed by the other side"):
        await tcp_port.ask(1, READ, 5.0)
    tcp_port.close()
    await tcp_port.open()
    assert list((await tcp_port.ask(1, READ, 5.0)).reply.words) == WORDS


async def test_what_is_not_modbus_is_said_so(unused_tcp_port: int) -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n")

    server = await asyncio.start_server(greet, "127.0.0.1", unused_tcp_port)
    port = TcpPort("127.0.0.1", unused_tcp_port)
    await port.open()
    with pytest.raises(PortError, match="is no Modbus device: an SSH server answers"):
        await port.ask(1, READ, 5.0)
    port.close()
    server.close()


async def test_an_absent_endpoint_is_one_clear_line() -> None:
    with socket.socket() as placeholder:  # bound and not listening: nobody else can take the port
        placeholder.bind(("127.0.0.1", 0))
        port = TcpPort("127.0.0.1", placeholder.getsockname()[1])
        with pytest.raises(PortError, match=r"127\.0\.0\.1:\d+: .*[Cc]onnect"):
            await port.open()


async def test_an_absent_serial_device_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(PortError, match=r"ttyUSB9: no such device; see what is plugged in"):
        await SerialPort(str(tmp_path / "ttyUSB9"), 9600).open()


async def test_a_serial_device_in_use_is_one_clear_line(rtu_bus: RtuBus, serial_port: SerialPort) -> None:
    second = SerialPort(str(rtu_bus.link), rtu_bus.baud)
    with pytest.raises(PortError, match=r"in use by process \d+ \("):
        await second.open()


async def test_an_adapter_that_is_pulled_is_the_ports_fault(rtu_bus: RtuBus, serial_port: SerialPort) -> None:
    rtu_bus.stop()  # closes the pty: the same hang-up as a USB adapter's
    with pytest.raises(PortError, match=r"device is gone|Input/output error"):
        await serial_port.ask(1, READ, 5.0)


async def test_the_pause_that_a_unit_asks_for_is_kept(rtu_bus: RtuBus, serial_port: SerialPort) -> None:
    clock = asyncio.get_running_loop().time
    await serial_port.ask(1, READ, 1.0, pause_s=0.15)
    start_s = clock()
    await serial_port.ask(1, READ, 5.0)
    assert clock() - start_s > 0.14
