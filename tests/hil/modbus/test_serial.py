"""Units on a real serial port; a pty stands in for the cable between two adapters."""

import os
import select
import tty
from pathlib import Path

import pytest

from drivers.registers import Area
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.serial import SerialBus
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import CannotListen

READ_1 = bytes.fromhex("01 03 00 00 00 01 84 0A")
REPLY_1 = bytes.fromhex("01 03 02 00 64 B9 AF")


def heard(descriptor: int, count: int, within_s: float = 2.0) -> bytes:
    data = b""
    while len(data) < count and select.select([descriptor], [], [], within_s)[0]:
        data += os.read(descriptor, 256)
    return data


@pytest.fixture
def line():
    master, slave = os.openpty()
    tty.setraw(slave)
    table = RegisterTable()
    table.define(Area.HOLDING, 0, [100])
    bus = SerialBus(Path(os.ttyname(slave)), 9600, {1: table})
    bus.start()
    yield master, bus
    bus.stop()
    os.close(master)
    os.close(slave)


def test_a_unit_answers_on_the_port_with_its_faults_and_the_port_stays(line):
    master, bus = line
    os.write(master, READ_1)
    assert heard(master, 7) == REPLY_1
    bus.faults.set(Fault(FaultKind.CRC, 1, times=1))
    os.write(master, READ_1)
    damaged = heard(master, 7)
    assert damaged[:-1] == REPLY_1[:-1]
    assert damaged != REPLY_1
    os.write(master, b"\x07" + READ_1)
    assert heard(master, 7) == REPLY_1, "noise before a request is passed over"
    bus.stop()
    assert bus.link.exists(), "a device is not the bench's to remove"


def test_a_port_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(CannotListen, match=r"ttyUSB9: cannot be opened at 9600 baud"):
        SerialBus(tmp_path / "ttyUSB9", 9600, {}).start()
