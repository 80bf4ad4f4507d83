"""Doctor, status and journal say of each answer what probe says: over real sockets and ptys."""

import asyncio
import json
import logging
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.clock import Clock
from agent.control.status import bus_report
from agent.modbus.bus import Bus
from agent.modbus.came import Came, Kind
from agent.modbus.ports import Port
from agent.modbus.serial_line import SerialPort
from agent.modbus.tcp import TcpPort
from agent.modbus.unit import Unit
from drivers.line import Line
from drivers.profile.load import Profile, load_profile
from hil.run import configuration
from tests.agent.cli.answering import Answer, on_a_line, over_tcp
from tests.agent.cli.test_what_came import LINE, TCP, rtu, tcp

PROFILE = """
schema = 1
model = "two"
[serial]
timeout_ms = 100
[tcp]
timeout_ms = 100
[[point]]
name = "cell_voltage"
address = 100
count = 2
scale = 0.001
unit = "V"
"""
#: What probe says of the command to run is no word of the journal.
ELSE = {
    "another unit": "answers as unit id",
    "echo": "request itself",
    "frames of RTU": "in RTU frames",
    "cut short": "answers too few bytes",
    "length": "a wrong length in its header",
}


def rows(table: list[tuple[str, Answer, str, str]]) -> list[object]:
    return [
        pytest.param(answer, code, ELSE.get(name, says.split(" for holding")[0]), id=name)
        for name, answer, code, says in table
        if name != "nothing"
    ]


def two(folder: Path) -> Profile:
    path = folder / "two.toml"
    path.write_text(PROFILE)
    return load_profile(path)


async def told(port: Port, profile: Profile) -> tuple[Unit, Bus]:
    """Poll a unit until something is wrong with it, or with its bus, and said."""
    unit = Unit(
        name="unit",
        rack="rack",
        unit_id=3,
        profile=profile,
        line=Line.rtu(115200),
        period_s=0.2,
        timeout_s=0.1,
        has_transaction_ids=port.has_transaction_ids,
        clock=Clock(),
        connected=lambda _unit, _layout: bytes(16),
        emit=lambda _frame, _layout: None,
    )
    bus = Bus("bus", port, [unit], Clock())
    polling = asyncio.create_task(bus.run())
    async with asyncio.timeout(10):
        while unit.came.kind is Kind.NOTHING and bus.came is None:
            await asyncio.wait({polling}, timeout=0.02)
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    return unit, bus


async def judge(port: Port, code: str, says: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> str:
    with caplog.at_level(logging.INFO):
        unit, bus = await told(port, two(tmp_path))
    report = bus_report(bus)
    came = Came.of_json(report["came"]) if report["came"] else unit.came
    assert came.code == code
    said = f"{unit.trouble} {bus.trouble} {came.words}"
    assert says in said
    if came.kind not in (Kind.BUSY, Kind.CLOSED):  # of these there is no line, or one of the connection
        assert any(came.words in record.getMessage() for record in caplog.records)
    return said


@pytest.mark.parametrize(("answer", "code", "says"), rows(LINE))
async def test_status_and_journal_say_what_came_on_a_line(
    answer: Answer, code: str, says: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with on_a_line(tmp_path / "line", answer) as where:
        await judge(SerialPort(where, 115200), code, says, tmp_path, caplog)


@pytest.mark.parametrize(("answer", "code", "says"), rows(TCP))
async def test_status_and_journal_say_what_came_over_tcp(
    answer: Answer, code: str, says: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with over_tcp(answer) as where:
        host, _, port = where.partition(":")
        said = await judge(TcpPort(host, int(port)), code, says, tmp_path, caplog)
    assert "parity" not in said


async def test_a_sunspec_unit_that_answers_with_too_many_registers_is_not_said_to_be_none() -> None:
    """The two other places where its models may begin are refused, as they should be."""
    too_many, refused = tcp("0306" + "5375" * 3), tcp("8302")
    with over_tcp(lambda r: (too_many if r[8:10] == (40000).to_bytes(2, "big") else refused)(r)) as where:
        host, _, port = where.partition(":")
        unit, _ = await told(TcpPort(host, int(port)), load_profile("sunspec-lithium-ion"))
        async with asyncio.timeout(10):
            arguments = ["probe", where, "--id", "3", "--profile", "sunspec-lithium-ion", "--socket", "/x"]
            probed = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    assert unit.came.code == "CW-207"
    assert "CW-207" in probed.stderr
    assert "more registers than were requested" in " ".join(probed.stderr.split())


def doctor(folder: Path, bus: str) -> list[dict[str, str]]:
    (folder / "two.toml").write_text(PROFILE)
    path = folder / "agent.toml"
    path.write_text(
        configuration.agent(folder)
        + bus
        + configuration.unit("rack", "bus", str(folder / "two.toml"), unit_id=3)
    )
    told = json.loads(CliRunner().invoke(main, ["doctor", "--config", str(path), "--json"]).stdout)
    return [
        each for each in told["results"] if each["check"] in ("port", "bus") and each["state"] == "problem"
    ]


@pytest.mark.parametrize(
    ("served", "code", "says"),
    [
        (over_tcp(tcp("03020CE4", 0, 1)), "CW-205", "accept = { unit_id = 1 } in its [[bus]]"),
        (over_tcp(tcp("03020CE4", 1)), "CW-206", 'accept = { transaction = "any" } in its [[bus]]'),
        (over_tcp(tcp("03040CE40CE5")), "CW-207", "more registers than were requested"),
        (over_tcp(tcp("830B")), "CW-203", "does not answer its gateway (exception 11)"),
        (over_tcp(lambda _: b"HTTP/1.1 400 Bad\r\n"), "CW-208", "a web server answers"),
        (over_tcp(lambda _: None), "CW-104", "closes the connection instead of answering"),
        (over_tcp(lambda _: b""), "CW-201", "no answer from id 3 (rack) now; port opens, 0 bytes received"),
    ],
    ids=["unit", "transaction", "count", "gateway", "HTTP", "closed", "nothing"],
)
def test_doctor_says_what_came_over_tcp(
    served: AbstractContextManager[str], code: str, says: str, tmp_path: Path
) -> None:
    with served as where:
        host, _, port = where.partition(":")
        (found,) = doctor(tmp_path, configuration.tcp_bus("bus", int(port), host=host))
    assert found["code"] == code
    assert says in found["seen"]
    assert "parity" not in str(found)


def test_doctor_says_what_came_on_a_line(tmp_path: Path) -> None:
    with on_a_line(tmp_path / "line", rtu("0003020CE4")) as line:
        (found,) = doctor(tmp_path, configuration.rtu_bus("bus", Path(line), baud=115200))
    assert found["code"] == "CW-205"
    assert "answers as unit id 0, polled as 3" in found["seen"]
