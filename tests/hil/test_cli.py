"""The command as a technician runs it: a real process, its lines, real clients, and a clean end."""

import json
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from hil.run import rooms

UNITS = (
    rooms.bus("bus-1", baud=115200, link="bus-1")
    + rooms.tcp_unit("pack-1", "sunspec-lithium-ion", {"recording": "ev_pack_car1"}, unit_id=3)
    + rooms.rtu_unit("rack-2", "bus-1", "pace-rtu", {"rack": {"cells": 16, "seed": 3}})
)
ROOM = (
    UNITS
    + rooms.event(0.3, "internal_short", "rack-2", place="string1/module1/cell5", ohm=0.01)
    + rooms.event(0.1, "mute", "pack-1")
    + rooms.event(0.2, "unmute", "pack-1")
)


class Serving:
    """A running `cellwarden-hil serve`."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hil.cli", "serve", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], 30)
        text = self.process.stdout.readline() if ready else ""
        assert text, f"no line: {self.process.communicate(timeout=5)[1]}"
        line: dict[str, Any] = json.loads(text)
        return line

    def end(self, number: int) -> tuple[int, float]:
        """Exit code and seconds after a signal."""
        begin = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(10), time.monotonic() - begin


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    started: list[Serving] = []

    def start(text: str, *arguments: object) -> Serving:
        room = tmp_path / "room.toml"
        room.write_text(text)
        started.append(Serving(*(arguments or [room])))
        return started[-1]

    yield start
    for serving in started:
        serving.process.kill()
        serving.process.communicate()


def refused(tmp_path: Path, text: str) -> list[str]:
    room = tmp_path / "room.toml"
    room.write_text(text)
    run = subprocess.run(
        [sys.executable, "-m", "hil.cli", "serve", str(room)], capture_output=True, text=True, timeout=30
    )
    assert run.returncode == 2
    assert run.stdout == ""
    return run.stderr.splitlines()


def test_a_room_is_announced_read_by_strangers_and_shut_down(serve, tmp_path):
    before_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    bench = serve(ROOM)
    ready = bench.line()
    pack, rack = ready["units"]
    assert ready["ready"] is True
    assert before_s < ready["boottime_s"] <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert {k: pack[k] for k in ("name", "transport", "host", "unit_id", "profile")} == {
        **{"name": "pack-1", "transport": "tcp", "host": "127.0.0.1"},
        **{"unit_id": 3, "profile": "sunspec-lithium-ion"},
    }
    assert {k: rack[k] for k in ("name", "transport", "device", "unit_id", "profile")} == {
        **{"name": "rack-2", "transport": "rtu", "device": str(tmp_path / "bus-1")},
        **{"unit_id": 1, "profile": "pace-rtu"},
    }

    events = [bench.line() for _ in range(3)]
    assert [e["event"] for e in events] == ["mute", "unmute", "internal_short"]
    short = events[2]
    assert short["t_s"] == pytest.approx(0.3, abs=0.5)
    assert (short["unit"], short["place"], short["ohm"]) == ("rack-2", "string1/module1/cell5", 0.01)

    with ModbusTcpClient("127.0.0.1", port=pack["port"]) as tcp:
        assert tcp.read_holding_registers(40000, count=2, device_id=3).registers == [0x5375, 0x6E53]
    serial = ModbusSerialClient(rack["device"], baudrate=115200)
    assert serial.connect()

    def read(address: int) -> int:
        return int(serial.read_holding_registers(address, count=1, device_id=1).registers[0])

    first_k = read(32)
    deadline = time.monotonic() + 10
    while read(32) < first_k + 5:  # 0.01 ohm: about half a kelvin per second
        assert time.monotonic() < deadline, "the shorted cell does not warm up"
    assert abs(read(31) - 250) < 20
    assert read(19) < read(20) - 50, "its voltage sags"
    serial.close()

    code, seconds = bench.end(signal.SIGTERM)
    assert (code, seconds < 5.0) == (0, True)
    assert not (tmp_path / "bus-1").is_symlink()
    assert bench.process.communicate()[1] == ""


def test_ctrl_c_ends_it_as_cleanly(serve):
    bench = serve(ROOM)
    bench.line()
    assert bench.end(signal.SIGINT)[0] == 0


def test_a_port_in_use_is_one_clear_line_and_leaves_no_link_behind(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        lines = refused(tmp_path, ROOM.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
    assert len(lines) == 1
    assert f"127.0.0.1:{port}: the port is in use" in lines[0]
    assert not (tmp_path / "bus-1").is_symlink()


def test_a_bad_room_is_refused_with_a_line_for_each_mistake(tmp_path):
    lines = refused(tmp_path, ROOM.replace("cells = 16", "cels = 16").replace("ohm = 0.01", 'ohm = "x"'))
    assert len(lines) == 2
    assert all(line.startswith("cellwarden-hil: ") for line in lines)


CAPTURE = """\
# line: rtu 115200-8N1
# 1 holding 0 to 1: 2 values after 40 ms
1 holding 0 100
# 1 holding 4: no answer
# 2 input 7: 1 values after 5 ms
2 input 7 70
frame 1 0.000
# 1 holding 0 to 1: 2 values after 150 ms
1 holding 0 101
1 holding 1 200
frame 2 0.600
# 1 holding 0 to 1: 2 values after 150 ms
1 holding 0 102
1 holding 1 200
"""


def test_a_capture_is_played_over_tcp_and_a_pty_until_it_is_ended(serve, tmp_path):
    (tmp_path / "c.txt").write_text(CAPTURE)
    link = tmp_path / "line"
    playing = serve("", tmp_path / "c.txt", "--listen", "127.0.0.1:0", "--link", link)
    units = playing.line()["units"]
    where = [(unit["transport"], unit["unit_id"], unit["frames"]) for unit in units]
    assert where == [("tcp", 1, 2), ("tcp", 2, 2), ("rtu", 1, 2), ("rtu", 2, 2)]
    assert units[2]["device"] == str(link)
    tcp = ModbusTcpClient("127.0.0.1", port=units[0]["port"], timeout=0.4, retries=0)
    rtu = ModbusSerialClient(str(link), baudrate=units[2]["baud"], timeout=0.4, retries=0)
    for client in (tcp, rtu):
        assert client.connect()
        seen = set()
        began_s = time.monotonic()
        while len(seen) < 2:
            assert time.monotonic() < began_s + 20, seen
            asked_s = time.monotonic()
            seen.add(tuple(client.read_holding_registers(0, count=2, device_id=1).registers))
            assert time.monotonic() - asked_s >= 0.15
        assert seen == {(101, 200), (102, 200)}
        assert client.read_input_registers(7, count=1, device_id=2).registers == [70]
        assert client.read_holding_registers(9, count=1, device_id=1).exception_code == 2
        with pytest.raises(ModbusIOException):
            client.read_holding_registers(4, count=1, device_id=1)
        client.close()
    assert playing.end(signal.SIGTERM)[0] == 0
    assert not link.is_symlink()


def test_what_is_no_capture_and_where_it_cannot_be_is_one_line(tmp_path):
    (tmp_path / "c.txt").write_text("1 holding 0")
    (tmp_path / "good.txt").write_text(CAPTURE)
    (tmp_path / "room.toml").write_text(ROOM)
    for arguments, said in (
        (["c.txt"], "line 1: '1 holding 0' is not"),
        (["none.txt"], "No such file"),
        (["good.txt", "--listen", "here"], "'here' is no HOST:PORT"),
        (["room.toml", "--link", "x"], "--listen and --link are of a capture"),
    ):
        run = subprocess.run(
            [sys.executable, "-m", "hil.cli", "serve", *arguments],
            **{"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 30},
        )
        assert (run.returncode, run.stdout) == (2, "")
        assert said in run.stderr
        assert len(run.stderr.splitlines()) == 1


def test_help_shows_a_room_to_start_from():
    run = subprocess.run([sys.executable, "-m", "hil.cli", "serve", "--help"], capture_output=True, text=True)
    assert run.returncode == 0
    assert "[[unit]]" in run.stdout
    assert "mbpoll" in run.stdout


def test_mbpoll_reads_sane_values_over_tcp_and_serial(serve, command):
    mbpoll = command("mbpoll", "mbpoll")
    bench = serve(UNITS)
    pack, rack = bench.line()["units"]
    common = ["-0", "-1", "-t", "4"]

    def poll(*arguments: str) -> list[int]:
        run = subprocess.run([mbpoll, *common, *arguments], capture_output=True, text=True, timeout=30)
        assert run.returncode == 0, run.stdout + run.stderr
        found = [line.split(":") for line in run.stdout.splitlines() if line.startswith("[")]
        return [int(value.split()[0]) for _, value in found]

    tcp = ["-m", "tcp", "-p", str(pack["port"]), "-a", "3"]
    assert poll(*tcp, "-r", "40000", "-c", "2", "127.0.0.1") == [0x5375, 0x6E53]
    rtu = ["-m", "rtu", "-b", "115200", "-P", "none", "-a", "1"]
    cells = poll(*rtu, "-r", "15", "-c", "16", rack["device"])
    assert len(cells) == 16
    assert all(3300 < mv < 3400 for mv in cells)
    assert all(230 < tenths < 270 for tenths in poll(*rtu, "-r", "31", "-c", "4", rack["device"]))
