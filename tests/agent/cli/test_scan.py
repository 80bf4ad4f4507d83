"""scan and probe as a technician uses them: the real command over a pty and over TCP."""

import asyncio
import json
import os
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from drivers.registers import Area
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.rtu import RtuBus
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import TcpEndpoint

CELLS = [3350 + i for i in range(16)]
BAUD = 115200
LINE = f"{BAUD}-8N1"


def pace() -> RegisterTable:
    """A PACE pack's registers, written from its datasheet's table."""
    table = RegisterTable()
    table.define(Area.HOLDING, 0, [0, sum(CELLS) // 10, 97, 100, 9400, 9700, 10000, 3, 0, 0, 0, 0, 0, 0, 0])
    table.define(Area.HOLDING, 15, CELLS)
    table.define(Area.HOLDING, 31, [251, 253, 255, 252, 253, 248])
    for address in (150, 160, 170):
        table.define(Area.HOLDING, address, [0x4142] * 10)
    return table


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[RtuBus]:
    other = RegisterTable()
    other.define(Area.INPUT, 500, [1, 2, 3])
    served = RtuBus(tmp_path / "bus", BAUD, {1: pace(), 4: other})
    served.start()
    yield served
    served.stop()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--socket", "/nonexistent"])


@pytest.mark.long(25)
def test_scan_finds_units_by_answers_and_exceptions_and_says_which_profile_fits(bus: RtuBus) -> None:
    result = run("scan", bus.link, "--line", LINE, "--listen", "0.1", "--json")
    assert result.exit_code == 0, result.output
    first, second = json.loads(result.stdout)["units"]
    assert (first["unit_id"], first["line"]) == (1, f"{BAUD} 8N1")
    assert first["profiles"][0]["profile"] == "pace-rtu"
    assert all(mark["holds"] for mark in first["profiles"][0]["marks"])
    assert first["sureness"] == "likely"  # PACE has no identity that could be expected
    assert (second["unit_id"], second["answer"]) == (4, "exception 2")
    assert second["sureness"] == "not recognised"


def test_scan_says_where_to_look_when_nothing_answers(bus: RtuBus) -> None:
    result = run("scan", bus.link, "--line", "9600-8N1", "--id", "1", "--listen", "0")  # the wrong speed
    assert result.exit_code == 3
    assert result.stderr.splitlines()[-3].startswith("CW-220 No answer from ids 1")
    assert result.stderr.splitlines()[-1].strip() == f"Run: cellwarden scan {bus.link} --full"


@pytest.mark.parametrize(
    "command",
    [
        ("scan", "/dev/none", "--line", "9600-7E1"),
        ("probe", "/dev/none", "--id", "1", "holding:1", "--line", "9600 7e1"),
        ("setup", "--config", "agent.toml", "--endpoint", "/dev/none", "--line", "9600-7E1", "--yes"),
    ],
    ids=lambda command: command[0],
)
def test_seven_data_bits_are_refused_with_the_reason(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2
    assert "Modbus RTU has 8 data bits" in result.output


def test_scan_sends_nothing_where_another_master_is_talking() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    over = threading.Event()

    def talk() -> None:
        while not over.wait(0.02):
            os.write(master, bytes.fromhex("01030064000405D6"))

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        result = run("scan", os.ttyname(slave), "--listen", "0.5")
    finally:
        over.set()
        talker.join()
    with pytest.raises(BlockingIOError):
        os.read(master, 100)
    os.close(master)
    os.close(slave)
    assert result.exit_code == 4
    assert "CW-111" in result.stderr
    assert "it polls ids 1 at 9600 8N1. Nothing was sent." in result.stderr


@pytest.mark.long(50)
def test_a_slow_unit_is_found_by_its_late_answer(tmp_path: Path) -> None:
    slow = RtuBus(tmp_path / "slow", BAUD, {5: pace()}, turnaround_s=0.3)
    slow.start()
    try:
        ids = [part for unit_id in range(1, 7) for part in ("--id", unit_id)]
        result = run("scan", slow.link, "--line", LINE, "--listen", "0", "--json", *ids)
    finally:
        slow.stop()
    (unit,) = json.loads(result.stdout)["units"]
    assert unit["unit_id"] == 5
    assert unit["response_s"] > 0.25


def test_an_adapter_pulled_in_mid_scan_leaves_what_was_found_and_claims_nothing_of_it(bus: RtuBus) -> None:
    over = threading.Event()

    def pull() -> None:
        while bus.requests < 8 and not over.wait(0.005):
            pass
        bus.stop()

    puller = threading.Thread(target=pull)
    puller.start()
    try:
        result = run("scan", bus.link, "--line", LINE, "--listen", "0", "--json")
    finally:
        over.set()
        puller.join()
    assert result.exit_code == 3
    told = json.loads(result.stdout)
    assert told["problems"][0]["code"] == "CW-104"
    assert [unit["unit_id"] for unit in told["units"]] == [1, 4]
    assert {unit["sureness"] for unit in told["units"]} == {"not identified yet"}


def test_a_port_in_use_is_not_touched_and_its_holder_named(bus: RtuBus) -> None:
    import serial

    with serial.Serial(str(bus.link), exclusive=True):
        result = run("scan", bus.link)
    assert result.exit_code == 4
    assert f"CW-110 {bus.link} is in use by process {os.getpid()} (" in result.stderr
    assert bus.requests == 0


def test_a_device_that_is_not_there_is_said_with_those_that_are(tmp_path: Path) -> None:
    result = run("probe", tmp_path / "gone", "holding:0")
    assert result.exit_code == 3
    assert result.stderr.startswith(f"CW-101 {tmp_path}/gone: there is no such device. There are: ")


def test_probe_shows_bytes_both_notations_and_what_registers_can_mean(bus: RtuBus) -> None:
    result = run("probe", bus.link, "--line", LINE, "40016", "--count", 2)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "Request: function 3, wire address 15 (0x000F), written 40016 in 1-based manuals."
    assert lines[1].startswith("sent 01 03 00 0F 00 02 F4 08      got 01 03 04 0D 16 0D 17 ")
    assert lines[3].split() == ["15", "40016", "0D16", "3350", "3350", "3.35", "plausible", "cell"]


def test_probe_tells_a_refusal_from_silence(bus: RtuBus) -> None:
    refused = run("probe", bus.link, "--line", LINE, "--id", 4, "holding:100")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("CW-210 id 4 on ")
    assert 'answers "no such register" (exception 2) for holding 40101 (wire 100)' in refused.stderr
    silent = run("probe", bus.link, "--line", LINE, "--id", 9, "--timeout", "0.1", "holding:100")
    assert silent.exit_code == 3
    assert "CW-201 No answer from id 9" in silent.stderr
    assert "0 bytes received" in silent.stderr


def test_probe_shows_a_whole_unit_and_doubts_a_wrong_map(bus: RtuBus, tmp_path: Path) -> None:
    good = run("probe", bus.link, "--line", LINE, "--json")
    assert good.exit_code == 0, good.output
    told = json.loads(good.stdout)
    assert told["profile"] == "pace-rtu"
    cells = [row for row in told["values"] if row["name"] == "cell_voltage"]
    assert (cells[0]["wire"], cells[0]["manual"], cells[0]["words"]) == (15, "40016", [3350])
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(
        'schema = 1\nmodel = "wrong"\n[[point]]\nname = "cell_voltage"\naddress = 16\ncount = 16\n'
        'scale = 0.001\nunit = "V"\nvalid = [1.5, 4.5]\n'
    )
    doubted = run("probe", bus.link, "--line", LINE, "--profile", wrong, "--json")
    assert doubted.exit_code == 1
    (doubt,) = json.loads(doubted.stdout)["doubts"]
    assert "off by one (holding 15): 3.35 to 3.365 V" in doubt["could_be"]


def test_probe_says_that_a_unit_is_busy(bus: RtuBus) -> None:
    bus.faults.set(Fault(FaultKind.EXCEPTION, unit_id=4, code=6))
    busy = run("probe", bus.link, "--line", LINE, "--id", 4, "input:500")
    assert busy.exit_code == 1
    assert busy.stderr.startswith("CW-204 id 4")
    assert "is busy (exception 6)" in busy.stderr
    assert "off by one" not in busy.stderr


async def test_a_tcp_unit_that_answers_to_any_id_is_one_unit() -> None:
    endpoint = TcpEndpoint("127.0.0.1", 0, dict.fromkeys(range(256), pace()))
    await endpoint.start()
    try:
        result = await asyncio.to_thread(run, "scan", f"127.0.0.1:{endpoint.port}", "--json")
    finally:
        await endpoint.stop()
    (unit,) = json.loads(result.stdout)["units"]
    assert (unit["unit_id"], unit["any_id"]) == (1, True)
    assert unit["profiles"][0]["profile"] == "pace-rtu", "a serial unit behind a gateway"
