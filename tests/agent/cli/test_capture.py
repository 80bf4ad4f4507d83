"""capture over a real pty at 9600 baud: what is read, how fast, what is split, masked and left."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from agent.cli.capture.reading import FRAME_S
from drivers.dump import parse_dump
from drivers.registers import Area
from drivers.told import told
from hil.modbus.rtu import RtuBus
from hil.modbus.table import RegisterTable
from tests.terminal import BIN

REQUEST_BYTES = 8
SERIAL = [int.from_bytes(b"H22045678901"[i : i + 2], "big") for i in range(0, 12, 2)]
CELLS = [3350 + i for i in range(16)]


def pace() -> RegisterTable:
    table = RegisterTable()
    table.define(Area.HOLDING, 0, [0, sum(CELLS) // 10, 97, 100, 9400, 9700, 10000, 3, 0, 0, 0, 0, 0, 0, 0])
    table.define(Area.HOLDING, 15, CELLS)
    table.define(Area.HOLDING, 31, [251, 253, 255, 252, 253, 248])
    table.define(Area.HOLDING, 150, [0x4142] * 10)
    for address in (160, 170):
        table.define(Area.HOLDING, address, [*SERIAL, 0, 0, 0, 0])
    return table


def plain() -> RegisterTable:
    """300 registers, of which 77 and 200 do not exist; a serial number that no profile names at 250."""
    table = RegisterTable()
    for first, last in ((0, 76), (78, 199), (201, 299)):
        table.define(Area.HOLDING, first, [3300 + a % 60 for a in range(first, last + 1)])
    table.define(Area.HOLDING, 250, SERIAL)
    return table


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[RtuBus]:
    served = RtuBus(tmp_path / "bus", 9600, {1: pace(), 2: plain()}, turnaround_s=0.02)
    served.start()
    yield served
    served.stop()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--socket", "/nonexistent"])


def wire_s(text: str, baud: int) -> list[float]:
    """What each frame of a capture takes on a line of 8N1 characters, and first what was read before them."""
    char_s = 10 / baud
    spent_s = [0.0]
    for line in text.splitlines():
        if line.startswith("frame"):
            spent_s.append(0.0)
        elif heard := told(line):
            size = REQUEST_BYTES + (5 + 2 * heard.n if heard.n else 5)
            spent_s[-1] += (size + 2 * 3.5) * char_s + (heard.after_s or 0.0)
    return spent_s


@pytest.mark.long(20)
def test_300_registers_at_9600_baud_are_read_ten_times_within_a_minute(bus: RtuBus, tmp_path: Path) -> None:
    out = tmp_path / "c.txt"
    result = run("capture", bus.link, "--id", 2, "holding:0-299", "--output", out, "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["frames"], said["registers"]) == (10, 298)
    assert set(said["faults"].values()) == {"exception 2"}
    assert {"2 holding 77", "2 holding 200"} <= set(said["faults"])
    assert said["masked"] == "holding 250 to 255"
    dump = parse_dump(out.read_text())
    assert len(dump.frames) == 10
    for frame in dump.frames:
        assert len(frame.registers) == 298
        assert frame.registers[2, Area.HOLDING, 10] == 3310
    before_s, *frames_s = wire_s(out.read_text(), 9600)
    assert 0.6 < min(frames_s) < max(frames_s)
    assert before_s + sum(max(FRAME_S, frame_s) for frame_s in frames_s) < 60


def test_a_profile_is_read_and_its_serial_numbers_are_masked_alike_each_time(
    bus: RtuBus, tmp_path: Path
) -> None:
    for name in "ab":
        said = run("capture", bus.link, "--profile", "pace-rtu", "--frames", 2, "--output", tmp_path / name)
        assert said.exit_code == 0, said.output
    said_by = []
    for name in "ab":
        assert "H2204567" not in (tmp_path / name).read_text()
        decoded = CliRunner().invoke(
            main, ["profile", "decode", "pace-rtu", "--registers", str(tmp_path / name), "--json"]
        )
        said_by.append(json.loads(decoded.stdout))
    first, second = said_by
    assert first["identity"] == second["identity"]
    serial = first["identity"]["pack_serial"]
    assert serial == first["identity"]["bms_serial"]
    assert serial != "H22045678901"
    assert [c.isdigit() for c in serial] == [c.isdigit() for c in "H22045678901"]
    assert first["identity"]["version"] == "AB" * 10  # a version is nobody's own
    cells = [v["value"] for v in first["values"] if v["name"] == "cell_voltage"]
    assert cells == [c / 1000 for c in CELLS]


def test_ctrl_c_leaves_a_file_that_can_be_decoded(bus: RtuBus, tmp_path: Path) -> None:
    out = tmp_path / "c.txt"
    asked = ["capture", bus.link, "--profile", "pace-rtu", "--frames", "1000", "--output", str(out)]
    process = subprocess.Popen(
        [str(BIN / "cellwarden"), *asked], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s and not (out.exists() and "frame 2" in out.read_text()):
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    stdout, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert b"stopped by you" in stdout
    text = out.read_text()
    assert text.endswith("# end: stopped by you\n")
    assert len(parse_dump(text).frames) >= 2


def test_only_reads_are_sent_and_no_file_is_left_where_nobody_answers(bus: RtuBus, tmp_path: Path) -> None:
    out = tmp_path / "c.txt"
    result = run("capture", bus.link, "--id", 9, "holding:0", "--output", out)
    assert result.exit_code == 3
    assert "CW-201" in result.output
    assert not out.exists()
    out.write_text("mine")
    result = run("capture", bus.link, "--id", 2, "holding:0", "--output", out)
    assert result.exit_code == 2
    assert out.read_text() == "mine"
