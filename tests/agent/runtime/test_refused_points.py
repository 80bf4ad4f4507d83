"""A unit that refuses registers, from the wire to the alarm, the disk and the next life of the agent."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.clock import Clock
from agent.runtime.parts import Parts
from agent.runtime.report import Report
from drivers.profile.load import parse_profile
from drivers.registers import Area
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import TcpEndpoint
from hil.run import configuration
from tests.agent.loaded import loaded

TEXT = """
    schema = 1
    model = "tiny"
    [[point]]
    name = "cell_voltage"
    address = 0
    count = 8
    scale = 0.001
    [[point]]
    name = "soc"
    address = 20
    count = 2
    """
PROFILE = parse_profile(TEXT)
ALARM = (
    "the unit refuses cell_voltage cell6 (holding 5): not watched. A wrong profile, another firmware, or "
    "fewer sensors: see its manual, and leave out of the profile what it does not have"
)


class Site:
    """An agent over one endpoint, in one life after another."""

    def __init__(self, folder: Path, table: RegisterTable, endpoint: TcpEndpoint) -> None:
        self.table, self.endpoint = table, endpoint
        lan = configuration.tcp_bus("lan", endpoint.port, endpoint.host)
        self.config = loaded(folder, lan + configuration.unit("rack-1", "lan", "tiny", period_s=0.1))

    @contextlib.asynccontextmanager
    async def life(self) -> AsyncIterator[None]:
        self.parts = Parts(self.config, {"tiny": PROFILE}, Clock())
        self.unit = self.parts.buses["lan"].units[0]
        polling = asyncio.create_task(self.parts.buses["lan"].run())
        try:
            yield
            assert not polling.done()
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
            await self.parts.recorder.seal()  # as every ten seconds: nothing is kept at the stop alone
            await self.parts.background.done()
            await self.parts.writer(self.parts.store.close)
            self.parts.writer.close()

    async def until_learned(self, blocks: int) -> None:
        """Wait until so many blocks are learned."""
        async with asyncio.timeout(60):
            while len(self.unit.learned.to_plain(1).get("blocks", [])) != blocks:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def until(self, wanted: Callable[[list[dict[str, Any]]], object]) -> list[dict[str, Any]]:
        """Wait for the alarms about what is refused to be as wanted."""
        report = Report(self.parts, lambda: None)
        async with asyncio.timeout(60):
            while True:
                status = await report.status()
                alarms = [a for a in status["alarms"] if a["detector"] == "refused-point"]
                if wanted(alarms):
                    return alarms
                await asyncio.sleep(0.05)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    table = RegisterTable()
    table.define(Area.HOLDING, 0, [3300 + k for k in range(22)])
    table.remove(Area.HOLDING, [5, 21])
    endpoint = TcpEndpoint("127.0.0.1", 0, {1: table})
    await endpoint.start()
    yield Site(tmp_path, table, endpoint)
    await endpoint.stop()


@pytest.mark.long(15)
async def test_a_refused_safety_point_is_an_alarm_and_what_was_learned_survives_a_restart(site: Site) -> None:
    async with site.life():
        (alarm,) = await site.until(len)
        assert (alarm["unit"], alarm["severity"], alarm["text"]) == ("rack-1", "advice", ALARM)
        await site.until_learned(2)
    async with site.life():
        assert sorted(span.first for span in site.unit.learned.blocks) == [5, 21]
        (alarm,) = await site.until(len)
        assert (alarm["state"], alarm["text"]) == ("NEW", ALARM)
        site.table.define(Area.HOLDING, 5, [3305])
        site.unit.reconnected(site.parts.clock.boottime_s(), habit=False)
        (alarm,) = await site.until(lambda alarms: [a for a in alarms if a["state"] != "NEW"])
        assert alarm["state"] == "CLEARED-NEW"
    async with site.life():
        assert [span.first for span in site.unit.learned.blocks] == [21]


@pytest.mark.long(15)
async def test_profile_plan_shows_what_a_unit_refuses(site: Site, tmp_path: Path) -> None:
    async with site.life():
        await site.until_learned(2)
    (tmp_path / "tiny.toml").write_text(TEXT)

    def plan(*arguments: object) -> str:
        config = ("--config", tmp_path / "agent.toml", "--tcp", *arguments)
        result = CliRunner().invoke(main, ["profile", "plan", *map(str, (tmp_path / "tiny.toml", *config))])
        assert result.exit_code == 0, result.output
        return result.stdout

    (unit,) = json.loads(plan("--json"))["units"]
    assert (unit["unit"], unit["holds"], unit["reads"]) == ("rack-1", True, 2)
    cell, state = unit["refused"]
    assert (cell["table"], cell["first"], cell["count"], cell["points"]) == (
        "holding",
        5,
        1,
        ["cell_voltage cell6"],
    )
    assert (state["first"], state["apart_at"]) == (21, None)
    assert cell["since_utc_ns"] > 0
    said = plan()
    assert "is read in 2; that is polled again after each reconnection" in " ".join(said.split())
    assert re.search(r"holding 5 +not read: cell_voltage cell6 +\d{4}-", said)
    (tmp_path / "tiny.toml").write_text(TEXT.replace("0.001", "0.01"))
    assert "rack-1: what it refused is of the profile as it was" in plan()


async def test_what_was_learned_is_gone_with_the_last_refusal(site: Site) -> None:
    async with site.life():
        await site.until(len)
        await site.until_learned(2)
    site.table.define(Area.HOLDING, 5, [3305])
    site.table.define(Area.HOLDING, 21, [51])
    async with site.life():
        await site.until_learned(0)
        await site.until(lambda alarms: not alarms or alarms[0]["state"] != "NEW")
    async with site.life():
        assert not site.unit.learned.blocks
        assert not [name for name in site.parts.store.snapshots() if name.endswith(":refused")]
