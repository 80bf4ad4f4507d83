"""capture of devices with habits, over real sockets: what it reads of them, and what it says."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from drivers.dump import parse_dump
from drivers.registers import Area
from drivers.sunspec.image import Sketch, compose
from hil.modbus.captured import Captured
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import TcpEndpoint

BYTES = """
schema = 1
model = "counts-bytes"
address_step = 2
[[point]]
name = "cell_voltage"
address = 4096
count = 8
unit = "mV"
"""


@pytest.fixture
def beside() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop on a thread of its own, for units: the command has one itself."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def serve(beside: asyncio.AbstractEventLoop) -> Iterator[Callable[[RegisterTable], TcpEndpoint]]:
    started: list[TcpEndpoint] = []

    def start(table: RegisterTable) -> TcpEndpoint:
        endpoint = TcpEndpoint("127.0.0.1", 0, {1: table})
        started.append(endpoint)
        asyncio.run_coroutine_threadsafe(endpoint.start(), beside).result(10)
        return endpoint

    yield start
    for endpoint in started:
        asyncio.run_coroutine_threadsafe(endpoint.stop(), beside).result(10)


def registers(step: int = 1) -> RegisterTable:
    """Fifty holding registers that hold their own numbers, and as many from 2048 on."""
    table = RegisterTable(step)
    table.define(Area.HOLDING, 0, range(50))
    table.define(Area.HOLDING, 2048, range(3300, 3350))
    return table


def capture(endpoint: TcpEndpoint, *arguments: object) -> Result:
    where = f"127.0.0.1:{endpoint.port}"
    said = ["capture", where, *arguments, "--socket", "/nonexistent"]
    return CliRunner().invoke(main, [*map(str, said)])


def test_a_device_that_closes_after_each_answer_is_read_whole(serve, tmp_path: Path) -> None:
    endpoint, out = serve(registers()), tmp_path / "c.txt"
    endpoint.faults.set(Fault(FaultKind.CLOSE))
    result = capture(endpoint, "holding:0-49", "--frames", 3, "--output", out, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["faults"] == {}
    frames = parse_dump(out.read_text()).frames
    assert [len(frame.registers) for frame in frames] == [50, 50, 50]


@pytest.mark.long(40)
def test_registers_that_make_it_hang_up_are_found_and_the_others_read(serve, tmp_path: Path) -> None:
    endpoint, out = serve(registers()), tmp_path / "c.txt"

    def hang_up_at_20(request: bytes) -> list[Fault]:
        first, count = request[1] << 8 | request[2], request[3] << 8 | request[4]
        return [Fault(FaultKind.HANG_UP)] if first <= 20 < first + count else []

    endpoint.faults.habits[1] = hang_up_at_20
    result = capture(endpoint, "holding:0-49", "--frames", 1, "--output", out, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["registers"] == 49
    assert told["faults"]["1 holding 20"] == "the connection was closed"
    played = Captured(parse_dump(out.read_text()), "tcp")
    assert [f.kind for f in played.habit(1, b"\3\0\x14\0\1")] == [FaultKind.HANG_UP]


def test_a_connection_that_is_lost_in_the_middle_leaves_what_was_read(
    serve, beside: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    endpoint, out = serve(registers()), tmp_path / "c.txt"

    def gone_after_three(_request: bytes) -> list[Fault]:
        if endpoint.requests >= 3:
            asyncio.run_coroutine_threadsafe(endpoint.stop(), beside)
            return [Fault(FaultKind.MUTE)]
        return []

    endpoint.faults.habits[1] = gone_after_three
    result = capture(endpoint, "holding:0-49", "--output", out)
    assert result.exit_code == 3, result.output
    assert "the connection was lost" in result.stdout
    text = out.read_text()
    assert text.endswith("# end: the connection was lost\n")
    frames = parse_dump(text).frames
    assert len(frames[0].registers) == 50


def test_a_sunspec_unit_is_read_as_it_describes_itself_and_its_serial_number_masked(
    serve, tmp_path: Path
) -> None:
    common = Sketch(1, points={"Mn": "Acme", "Md": "Rack 2", "SN": "SN-20260011"})
    battery = Sketch(802, points={"SoC": 500, "V": 512, "SoC_SF": -1})
    table, out = RegisterTable(), tmp_path / "c.txt"
    table.define(Area.HOLDING, 40000, compose([common, battery, Sketch(805, 14, {"StrIdx": 1, "ModIdx": 1})]))
    profile = ("--profile", "sunspec-lithium-ion")
    result = capture(serve(table), *profile, "--frames", 2, "--output", out, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["masked"].startswith("holding 400")
    dump = parse_dump(out.read_text())
    assert dump.about["profile"] == "sunspec-lithium-ion"
    assert b"20260011" not in b"".join(word.to_bytes(2, "big") for word in dump.registers.values())
    decoded = CliRunner().invoke(
        main, ["profile", "decode", "sunspec-lithium-ion", "--registers", str(out), "--json"]
    )
    told = json.loads(decoded.stdout)
    assert told["identity"]["manufacturer"] == "Acme"
    assert 50.0 in [v["value"] for v in told["values"] if v["name"] == "soc"]
    assert len({frame.t_s for frame in dump.frames}) == 2


def test_a_unit_whose_addresses_rise_by_two_is_captured_decoded_and_played(serve, tmp_path: Path) -> None:
    endpoint, out, profile = serve(registers(2)), tmp_path / "c.txt", tmp_path / "counts-bytes.toml"
    profile.write_text(BYTES)
    result = capture(endpoint, "--profile", profile, "--frames", 2, "--output", out)
    assert result.exit_code == 0, result.output
    dump = parse_dump(out.read_text())
    assert sorted(address for _, _, address in dump.registers) == list(range(4096, 4112, 2))
    decoded = CliRunner().invoke(main, ["profile", "decode", str(profile), "--registers", str(out), "--json"])
    assert decoded.exit_code == 0, decoded.output
    assert [v["raw"] for v in json.loads(decoded.stdout)["values"]] == list(range(3300, 3308))
    played = Captured(dump, "tcp").tables[1].read(Area.HOLDING, 4096, 8)
    assert played is not None
    assert played.tolist() == list(range(3300, 3308))


def test_what_was_captured_is_played_and_captured_again_alike(serve, tmp_path: Path) -> None:
    first, again = tmp_path / "a.txt", tmp_path / "b.txt"
    result = capture(serve(registers()), "holding:0-59", "--frames", 1, "--output", first)
    assert result.exit_code == 0, result.output
    played = Captured(parse_dump(first.read_text()), "tcp")
    endpoint = serve(played.tables[1])
    endpoint.faults.habits[1] = lambda request: played.habit(1, request)
    result = capture(endpoint, "holding:0-59", "--frames", 1, "--output", again)
    assert result.exit_code == 0, result.output
    before, after = parse_dump(first.read_text()), parse_dump(again.read_text())
    assert after.registers == before.registers
    assert [t._replace(after_s=None) for t in after.told] == [t._replace(after_s=None) for t in before.told]
