"""A gateway that answers for an absent unit with another one's frames, from the wire to the alarm."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.clock import Clock
from agent.detect import doubles
from agent.runtime.parts import Parts
from agent.runtime.report import Report
from drivers.profile.load import Profile, parse_profile
from drivers.registers import Area
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import TcpEndpoint
from hil.run import configuration
from tests.agent.loaded import loaded

CELLS = 12
VALUES = f'[[point]]\nname = "cell_voltage"\naddress = 0\ncount = {CELLS}\n'
SERIAL = '[[point]]\nname = "serial"\naddress = 50\ntype = "ascii"\nregisters = 2\n'


def battery(serial: bytes) -> RegisterTable:
    table = RegisterTable()
    table.define(Area.HOLDING, 0, [3300] * CELLS)
    table.define(Area.HOLDING, 50, [int.from_bytes(serial[:2], "big"), int.from_bytes(serial[2:], "big")])
    return table


async def live(tables: dict[int, RegisterTable], still: bool) -> None:
    """Let each battery measure ten times a second."""
    dice = random.Random(1)
    while not still:
        for table in tables.values():
            for k in range(CELLS):
                table.write(Area.HOLDING, [k], [3300 + dice.randrange(3)])
        await asyncio.sleep(0.1)


class Room:
    """An agent, and what it says of two units behind one gateway."""

    def __init__(self, folder: Path, endpoint: TcpEndpoint, profile: Profile) -> None:
        units = "".join(
            configuration.unit(f"rack-{k}", "lan", "tiny", period_s=0.1, unit_id=k) for k in (1, 2)
        )
        config = loaded(folder, configuration.tcp_bus("lan", endpoint.port, endpoint.host) + units)
        self.parts = Parts(config, {"tiny": profile}, Clock())
        self.report = Report(self.parts, lambda: None)

    async def told(self, within_s: float) -> list[dict[str, Any]]:
        """Return the alarms of units that are one, as soon as there is one."""
        found: list[dict[str, Any]] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not found:
                    self.parts.watching.look_around(self.parts.buses.values())
                    alarms = (await self.report.status())["alarms"]
                    found = [alarm for alarm in alarms if alarm["detector"] == "same-unit"]
                    await asyncio.sleep(0.05)
        return found


@contextlib.asynccontextmanager
async def room(
    folder: Path, serials: tuple[bytes, bytes], text: str, fault: Fault | None, *, still: bool = False
) -> AsyncIterator[Room]:
    tables = {k: battery(serial) for k, serial in enumerate(serials, 1)}
    endpoint = TcpEndpoint("127.0.0.1", 0, tables)
    if fault:
        endpoint.faults.set(fault)
    await endpoint.start()
    watched = Room(folder, endpoint, parse_profile(f'schema = 1\nmodel = "tiny"\n{text}'))
    tasks = [
        asyncio.create_task(watched.parts.buses["lan"].run()),
        asyncio.create_task(live(tables, still)),
    ]
    try:
        yield watched
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await endpoint.stop()
        await watched.parts.recorder.seal()
        await watched.parts.background.done()
        await watched.parts.writer(watched.parts.store.close)
        watched.parts.writer.close()


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doubles, "LEAST_S", 2.0)
    monkeypatch.setattr(doubles, "LOOK_S", 0.1)


async def test_one_that_answers_for_the_other_is_told_by_its_numbers_with_both_names(tmp_path: Path) -> None:
    async with room(tmp_path, (b"S001", b"S002"), VALUES, Fault(FaultKind.STAND_IN, unit_id=2)) as watched:
        (alarm,) = await watched.told(30.0)
    assert alarm["severity"] == "advice"
    assert alarm["text"].startswith("rack-1 and rack-2 had said the same changing numbers")


async def test_two_of_one_serial_number_are_told_at_once_with_both_names(tmp_path: Path) -> None:
    for fault in (None, Fault(FaultKind.STAND_IN, unit_id=2)):
        serials = (b"S001", b"S002" if fault else b"S001")
        folder = tmp_path / str(fault is None)
        folder.mkdir()
        async with room(folder, serials, SERIAL + VALUES, fault) as watched:
            (alarm,) = await watched.told(30.0)
        assert alarm["text"].startswith("rack-1 and rack-2 report the same serial number, S001")


@pytest.mark.parametrize("still", [False, True])
async def test_two_that_are_two_are_not_told_though_they_stand_still_at_equal_numbers(
    tmp_path: Path, still: bool
) -> None:
    async with room(tmp_path, (b"S001", b"S002"), SERIAL + VALUES, None, still=still) as watched:
        assert await watched.told(6.0) == []
        units = (await watched.report.status())["units"]
        assert [unit["qualities"] for unit in units] == [{"good": CELLS}] * 2
