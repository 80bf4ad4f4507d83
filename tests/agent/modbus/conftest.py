"""Real peers: the bench's TCP endpoint and its paced RTU bus on a pty."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.modbus.serial_line import SerialPort
from agent.modbus.tcp import TcpPort
from drivers.registers import Area
from hil.modbus.rtu import RtuBus
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import TcpEndpoint


@pytest.fixture
def table() -> RegisterTable:
    registers = RegisterTable()
    registers.define(Area.HOLDING, 100, range(3200, 3260))
    return registers


@pytest.fixture
async def endpoint(table: RegisterTable) -> AsyncIterator[TcpEndpoint]:
    served = TcpEndpoint("127.0.0.1", 0, {1: table})
    await served.start()
    yield served
    await served.stop()


@pytest.fixture
def rtu_bus(table: RegisterTable, tmp_path: Path) -> Iterator[RtuBus]:
    bus = RtuBus(tmp_path / "bus", 115200, {1: table})
    bus.start()
    yield bus
    bus.stop()


@pytest.fixture
async def tcp_port(endpoint: TcpEndpoint) -> AsyncIterator[TcpPort]:
    port = TcpPort(endpoint.host, endpoint.port)
    await port.open()
    yield port
    port.close()


@pytest.fixture
async def serial_port(rtu_bus: RtuBus) -> AsyncIterator[SerialPort]:
    port = SerialPort(str(rtu_bus.link), rtu_bus.baud)
    await port.open()
    yield port
    port.close()
