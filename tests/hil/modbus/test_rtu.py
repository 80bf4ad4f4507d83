"""Units on a pty that is as slow as a wire."""

import contextlib
import os
import select
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from pymodbus.client import ModbusSerialClient

from drivers.registers import Area
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.rtu import RtuBus
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import CannotListen

READ_1 = bytes.fromhex("01 03 00 00 00 01 84 0A")  # one holding register of unit 1
REPLY_1 = bytes.fromhex("01 03 02 00 64 B9 AF")  # ... which holds 100
READ_60 = bytes.fromhex("01 03 00 00 00 3C 45 DB")
READ_2 = bytes.fromhex("02 03 00 00 00 01 84 39")


def unit(first: int) -> RegisterTable:
    table = RegisterTable()
    table.define(Area.HOLDING, 0, range(first, first + 125))
    return table


@contextlib.contextmanager
def running(link: Path, baud: int = 115200, **options: object) -> Iterator[RtuBus]:
    bus = RtuBus(link, baud, {1: unit(100), 2: unit(200)}, **options)  # type: ignore[arg-type]
    bus.start()
    try:
        yield bus
    finally:
        bus.stop()


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[RtuBus]:
    with running(tmp_path / "bus-1", turnaround_s=0.001, seed=3) as bus:
        yield bus


def hear(port: serial.Serial, count: int) -> bytes:
    """`count` bytes, or what came of them within two seconds."""
    port.timeout = 2
    return bytes(port.read(count))


def test_a_client_that_is_not_ours_reads_each_unit_of_the_bus(bus):
    client = ModbusSerialClient(str(bus.link), baudrate=115200, timeout=1, retries=0)
    assert client.connect()
    assert list(client.read_holding_registers(0, count=125, device_id=1).registers) == list(range(100, 225))
    assert client.read_holding_registers(3, count=1, device_id=2).registers == [203]
    assert client.read_holding_registers(125, count=1, device_id=2).exception_code == 2
    assert client.write_register(0, 1, device_id=2).exception_code == 1
    client.close()


def test_opening_and_closing_again_and_again_does_no_harm(bus):
    for _ in range(3):
        with serial.Serial(str(bus.link), 115200) as port:
            port.write(READ_1)
            assert hear(port, 7) == REPLY_1


def test_a_unit_that_is_not_there_stays_silent(bus):
    with serial.Serial(str(bus.link), 115200) as port:
        port.write(bytes.fromhex("09 03 00 00 00 01 85 42"))
        port.write(READ_1)
        assert hear(port, 7) == REPLY_1
        assert bus.requests == 2


def test_noise_and_a_wrong_check_sum_are_not_answered_and_not_remembered(bus):
    with serial.Serial(str(bus.link), 115200) as port:
        port.write(b"\x55\x01\x03" + READ_1[:-1] + b"\x00" + READ_1)
        assert hear(port, 7) == REPLY_1
        for byte in READ_1:
            port.write(bytes((byte,)))
        assert hear(port, 7) == REPLY_1
        assert bus.requests == 2


def test_an_unknown_function_is_refused_once_the_line_is_silent(bus):
    frame = bytes.fromhex("01 2B 0E 01 00")
    crc = bus._framer.compute_CRC(frame).to_bytes(2, "big")
    with serial.Serial(str(bus.link), 115200) as port:
        port.write(frame + crc)
        assert hear(port, 5)[:3] == bytes.fromhex("01 AB 01")


@pytest.mark.parametrize("baud", [9600, 19200])
def test_bytes_take_the_time_of_a_wire(tmp_path, baud):
    with (
        running(tmp_path / "bus", baud, turnaround_s=0.005) as bus,
        serial.Serial(str(bus.link), baud) as port,
    ):
        ideal_s = (8 + 3.5 + 125) * 10 / baud + 0.005
        taken_s, last_piece_s = [], []
        for _ in range(30):  # until one of them was not held up by what else runs here
            begin = time.perf_counter()
            port.write(READ_60)
            assert len(hear(port, 123)) == 123
            early = time.perf_counter()
            assert len(hear(port, 2)) == 2
            taken_s.append(time.perf_counter() - begin)
            last_piece_s.append(time.perf_counter() - early)
            if min(taken_s) <= ideal_s * 1.05 + 0.002 and min(last_piece_s) < 0.01:
                break
        assert min(taken_s) >= ideal_s * 0.999, "never faster than the wire"
        assert min(taken_s) <= ideal_s * 1.05 + 0.002
        assert min(last_piece_s) < 0.01, "bytes come as they are sent, not all at the end"


def test_the_first_bytes_come_long_before_the_last(tmp_path):
    with running(tmp_path / "bus", 9600) as bus, serial.Serial(str(bus.link), 9600) as port:
        port.write(READ_60)
        assert len(hear(port, 1)) == 1
        first = time.perf_counter()
        assert len(hear(port, 124)) == 124
        assert time.perf_counter() - first > 0.1


def test_an_opener_with_another_baud_hears_and_says_garbage(tmp_path):
    with running(tmp_path / "bus", 9600, turnaround_s=0.0) as bus:
        with serial.Serial(str(bus.link), 19200) as port:
            port.write(READ_1)
            assert not select.select([port.fileno()], [], [], 0.1)[0]
        assert bus.requests == 0
        with serial.Serial(str(bus.link), 9600) as port:
            port.write(READ_60)
            sound = hear(port, 125)
            assert len(sound) == 125
            port.write(READ_60)
            hear(port, 10)
            port.baudrate = 19200
            rest = hear(port, 50)
            assert len(rest) == 50
            assert rest[4:] not in sound


def test_a_mute_unit_leaves_its_neighbour_alone(bus):
    bus.faults.set(Fault(FaultKind.MUTE, unit_id=1))
    with serial.Serial(str(bus.link), 115200) as port:
        port.write(READ_1)
        port.write(READ_2)
        assert hear(port, 7)[:5] == bytes.fromhex("02 03 02 00 C8")
        bus.faults.clear()
        port.write(READ_1)
        assert hear(port, 7) == REPLY_1


def test_a_wrong_check_sum_is_wrong_in_its_last_byte_alone(bus):
    bus.faults.set(Fault(FaultKind.CRC, times=1))
    with serial.Serial(str(bus.link), 115200) as port:
        port.write(READ_1)
        heard = hear(port, 7)
        assert heard[:6] == REPLY_1[:6]
        assert heard[6] != REPLY_1[6]


def test_a_late_reply_comes_after_the_answer_to_the_next_request(bus):
    bus.faults.set(Fault(FaultKind.LATE, unit_id=1, times=1, delay_s=0.1))
    with serial.Serial(str(bus.link), 115200) as port:
        port.write(READ_1)
        port.write(READ_2)
        heard = hear(port, 14)
        assert heard[:2] == bytes.fromhex("02 03")
        assert heard[7:] == REPLY_1


def test_a_unit_that_is_behind_answers_each_request_with_the_next(bus):
    bus.faults.set(Fault(FaultKind.BEHIND, unit_id=1))
    with serial.Serial(str(bus.link), 115200) as port:
        port.write(READ_1)
        port.write(READ_60)
        assert hear(port, 7) == REPLY_1
        port.write(READ_1)
        assert hear(port, 125)[:3] == bytes.fromhex("01 03 78")


def test_a_foreign_frame_and_too_long_a_reply_are_sound_frames(bus):
    with serial.Serial(str(bus.link), 115200) as port:
        bus.faults.set(Fault(FaultKind.FOREIGN, times=1))
        port.write(READ_1)
        heard = hear(port, 14)
        assert heard[:3] == bytes.fromhex("02 03 02")
        assert bus._sound(heard[:7])
        assert heard[7:] == REPLY_1
        bus.faults.set(Fault(FaultKind.OVERLONG, times=1))
        port.write(READ_1)
        heard = hear(port, 3)
        assert heard[2] in (4, 6)
        heard += hear(port, heard[2] + 2)
        assert bus._sound(heard)


def test_another_masters_question_and_its_answer_come_in_the_place_of_ours(bus):
    bus.faults.set(Fault(FaultKind.SECOND_MASTER, unit_id=1, times=1))
    with serial.Serial(str(bus.link), 115200) as port:
        port.write(READ_1)
        asked, answer = hear(port, 8), hear(port, 7)
        assert asked[:2] + asked[4:6] == READ_1[:2] + READ_1[4:6]
        assert asked != READ_1
        assert answer[:3] == REPLY_1[:3]
        assert answer != REPLY_1
        assert bus._sound(asked)
        assert bus._sound(answer)
        port.write(READ_1)
        assert hear(port, 7) == REPLY_1


def test_an_adapter_that_begins_to_echo_returns_what_was_sent(bus):
    bus.faults.set(Fault(FaultKind.ECHO, times=1))
    with serial.Serial(str(bus.link), 115200) as port:
        port.write(READ_1)
        assert hear(port, 15) == READ_1 + REPLY_1


def test_a_serial_reply_pauses_after_its_first_bytes(bus):
    bus.faults.set(Fault(FaultKind.PAUSE, delay_s=0.2, times=1))
    with serial.Serial(str(bus.link), 115200) as port:
        port.write(READ_1)
        first = hear(port, 6)
        began_s = time.perf_counter()
        assert first + hear(port, 1) == REPLY_1
        assert time.perf_counter() - began_s >= 0.1


def test_a_trickling_reply_comes_byte_by_byte_over_its_time(bus):
    bus.faults.set(Fault(FaultKind.TRICKLE, delay_s=0.07))
    with serial.Serial(str(bus.link), 115200) as port:
        begin = time.perf_counter()
        port.write(READ_1)
        assert hear(port, 7) == REPLY_1
        assert time.perf_counter() - begin >= 0.05


def test_an_adapter_pulled_and_put_back_is_another_device_that_needs_time_to_settle(tmp_path):
    with running(tmp_path / "bus") as bus, serial.Serial(str(bus.link), 115200, timeout=2) as port:
        before = os.readlink(bus.link)
        bus.stop()
        with pytest.raises(OSError, match="Input/output error"):
            port.write(READ_1)
        other, slave = os.openpty()  # takes the name that became free
        bus.settle_s = 0.3
        bus.start()
        assert os.readlink(bus.link) != before
        with serial.Serial(str(bus.link), 115200) as again:
            again.write(READ_1)
            assert not select.select([again.fileno()], [], [], 0.1)[0]
            again.timeout = 0.1
            for _ in range(20):
                again.write(READ_1)
                if again.read(7) == REPLY_1:
                    break
            else:
                pytest.fail("did not settle")
        os.close(other)
        os.close(slave)


def test_what_is_asked_while_a_unit_sends_is_lost(tmp_path):
    with running(tmp_path / "bus", 9600) as bus, serial.Serial(str(bus.link), 9600) as port:
        port.write(READ_60)
        hear(port, 10)
        port.write(READ_2)
        assert len(hear(port, 115)) == 115
        assert bus.requests == 1


def test_a_two_wire_adapter_returns_what_was_sent(tmp_path):
    with running(tmp_path / "bus", echo=True) as bus, serial.Serial(str(bus.link), 115200) as port:
        port.write(READ_1)
        assert hear(port, 15) == READ_1 + REPLY_1


def test_stopping_removes_the_link_and_starting_replaces_a_stale_one(tmp_path):
    link = tmp_path / "bus"
    link.symlink_to("/dev/pts/nothing")
    with running(link) as bus:
        assert os.readlink(link).startswith("/dev/pts/")
        assert Path(os.readlink(link)).exists()
        assert bus.link == link
    assert not link.is_symlink()


def test_a_file_in_the_place_of_the_link_is_not_touched(tmp_path):
    (tmp_path / "bus").write_text("precious")
    with pytest.raises(CannotListen, match="exists and is not a link"):
        RtuBus(tmp_path / "bus", 9600, {}).start()
    with pytest.raises(CannotListen, match="cannot make the link"):
        RtuBus(tmp_path / "no-such-folder" / "bus", 9600, {}).start()
    assert (tmp_path / "bus").read_text() == "precious"
