"""The commands over a serial server: scan, probe, what setup writes, and check."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from agent.cli.setup.draft import ChosenUnit, Draft
from agent.cli.setup.text import toml_of
from drivers.registers import Area
from hil.modbus.serial_server import SerialServer
from hil.modbus.table import RegisterTable

CELLS = [3350 + i for i in range(16)]


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
def server() -> Iterator[SerialServer]:
    """A serial server in a thread of its own: the commands make a loop each."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    served = SerialServer("127.0.0.1", 0, 115200, {1: pace()})
    asyncio.run_coroutine_threadsafe(served.listen(), loop).result(10)
    yield served
    asyncio.run_coroutine_threadsafe(served.hang_up(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


def test_scan_and_probe_find_a_unit_behind_a_serial_server(server: SerialServer) -> None:
    where = f"rtu-over-tcp://127.0.0.1:{server.port}"
    offline = "--socket", "/nonexistent"
    found = run("scan", where, "--id", "1", "--id", "2", "--listen", "0.1", "--json", *offline)
    assert found.exit_code == 0, found.output
    (unit,) = json.loads(found.stdout)["units"]
    assert (unit["endpoint"], unit["unit_id"], unit["line"]) == (where, 1, None)
    assert unit["profiles"][0]["profile"] == "pace-rtu"
    probed = run("probe", where, "--id", "1", "holding:15", "--count", "2", *offline)
    assert probed.exit_code == 0, probed.output
    assert "3350" in probed.output
    assert "checksum good" in probed.output


def test_what_setup_writes_is_checked_with_the_speed_of_the_line_behind(tmp_path: Path) -> None:
    for endpoint, line, keys in (
        ("rtu-over-tcp://192.0.2.10:4196", "", 'transport = "rtu-over-tcp"'),
        ("rfc2217://192.0.2.10:2217", "9600 8E1", 'parity = "E"'),
    ):
        unit = ChosenUnit(endpoint, 1, "pace-rtu", line, label="rack-1", chemistry="LFP")
        config = tmp_path / "agent.toml"
        config.write_text(toml_of(Draft([endpoint], [unit], upstream="http://127.0.0.1:1"), config))
        assert keys in config.read_text()
        checked = run("check", "--config", config)
        assert checked.exit_code == 0, checked.output
        assert "9600 8" in checked.output


def test_a_device_that_is_a_url_is_refused_with_what_to_write(tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(
        '[upstream]\nurl = "http://127.0.0.1:1"\n[[bus]]\nname = "b"\ntransport = "rtu"\n'
        'device = "socket://192.0.2.10:23"\n[[unit]]\nname = "u"\nbus = "b"\nprofile = "pace-rtu"\n'
    )
    refused = run("check", "--config", config)
    assert refused.exit_code == 2
    assert '"rtu-over-tcp" (for socket://) or "rfc2217"' in " ".join(refused.output.split())
