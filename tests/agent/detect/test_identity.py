"""A unit that is not what its profile describes, from the wire to the alarm on disk."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.clock import Clock
from agent.detect import identity
from agent.detect.alarms.book import AlarmBook
from agent.runtime.parts import Parts
from agent.runtime.report import Report
from drivers.profile.load import parse_profile
from drivers.registers import Area
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import TcpEndpoint
from hil.run import configuration
from tests.agent.loaded import loaded

PROFILE = parse_profile(
    """
    schema = 1
    model = "tiny"
    [[point]]
    name = "product"
    address = 10
    type = "ascii"
    registers = 2
    expect = "TINY"
    [[point]]
    name = "cell_voltage_1"
    address = 0
    """
)


def test_the_alarm_is_raised_once_and_goes_when_the_right_unit_answers() -> None:
    book = AlarmBook()
    (raised,) = identity.judge(book, "it is another one", 1.0)
    assert (raised.detector, raised.severity, raised.state) == ("identity", "warning", "NEW")
    assert identity.judge(book, "it is another one", 2.0) == []
    (gone,) = identity.judge(book, "", 3.0)
    assert (gone.state, gone.text) == ("CLEARED-NEW", "it is another one")


@pytest.fixture
async def endpoint() -> AsyncIterator[TcpEndpoint]:
    table = RegisterTable()
    table.define(Area.HOLDING, 0, [3300])
    table.define(Area.HOLDING, 10, [int.from_bytes(b"HU", "big"), int.from_bytes(b"GE", "big")])
    served = TcpEndpoint("127.0.0.1", 0, {1: table})
    await served.start()
    yield served
    await served.stop()


async def test_one_alarm_names_both_and_is_on_disk(endpoint: TcpEndpoint, tmp_path: Path) -> None:
    lan = configuration.tcp_bus("lan", endpoint.port, endpoint.host)
    config = loaded(tmp_path, lan + configuration.unit("rack-1", "lan", "tiny", period_s=0.1))
    parts = Parts(config, {"tiny": PROFILE}, Clock())
    report = Report(parts, lambda: None)
    polling = asyncio.create_task(parts.buses["lan"].run())
    try:
        async with asyncio.timeout(10):
            while parts.recorder.open.frames < 3:  # status() waits for the writer: the rest runs
                status = await report.status()
    finally:
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
        await parts.background.done()
    (alarm,) = status["log"]
    assert alarm["text"] == "this is not a tiny: product is 'HUGE', expected 'TINY'; choose the right profile"
    assert (alarm["unit"], alarm["detector"], alarm["state"]) == ("rack-1", "identity", "NEW")
    (shown,) = status["units"]
    assert shown["qualities"] == {"mismatch": 1}
    assert shown["knowledge"] == "NEVER"
    with closing(sqlite3.connect(tmp_path / "buffer.db")) as disk:
        assert disk.execute("SELECT unit, detector, state FROM alarm").fetchall() == [
            ("rack-1", "identity", "NEW")
        ]
    await parts.writer(parts.store.close)
    parts.writer.close()
