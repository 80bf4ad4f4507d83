"""A reload that adds an upstream while the disk takes nothing is done once it does, without a restart."""

import asyncio
import contextlib
from functools import partial
from pathlib import Path

import pytest

from agent.bench.wire_to_relay import PROFILE, AlarmUnit
from agent.box import kernel_cache
from agent.cli.common.load import load
from agent.runtime import Agent
from agent.runtime import agent as life
from hil.modbus.tcp import TcpEndpoint
from hil.run import configuration
from hil.run.tables import table
from tests.collector.processes import Collector

REFUSES = (
    "CREATE TRIGGER refuses BEFORE INSERT ON ledger WHEN NEW.name = 'second'"
    " BEGIN SELECT RAISE(ABORT, 'the disk does not take it'); END"
)


async def changed(agent: Agent, sql: str) -> None:
    """Change the agent's own database, as itself."""

    def change() -> None:
        agent.parts.store._db.execute(sql)
        agent.parts.store._opened.files.note()

    await agent.parts.writer(change)


async def delivered(agent: Agent, upstream: str, least: int) -> None:
    async with asyncio.timeout(60):
        while True:
            account = (await agent.parts.writer(agent.parts.store.accounts)).get(upstream)
            if account and account.acknowledged >= least and not account.pending:
                return
            await asyncio.sleep(0.02)


async def test_an_upstream_that_the_disk_did_not_take_is_served_once_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "alarm.toml").write_text(PROFILE)
    endpoint = TcpEndpoint("127.0.0.1", 0, {1: AlarmUnit()})
    await endpoint.start()
    collectors = {name: Collector(tmp_path / f"{name}.db") for name in ("first", "second", "third")}
    own = configuration.agent(tmp_path, store={"batch_s": 0.2}).partition("[upstream]")[0]
    rack = configuration.tcp_unit("rack", endpoint.port, "alarm.toml", period_s=0.1)

    def write(*names: str) -> Path:
        upstreams = [table("[[upstream]]", {"name": name, "url": collectors[name].url}) for name in names]
        (tmp_path / "agent.toml").write_text(own + "".join(upstreams) + rack)
        return tmp_path / "agent.toml"

    kernel_cache.prepare()
    monkeypatch.setattr(life, "NAMED_AGAIN_S", 0.3)
    config = write("first")
    agent = Agent(*load(config), reread=partial(load, config))
    running = asyncio.create_task(agent.run())
    try:
        await delivered(agent, "first", 3)
        await changed(agent, REFUSES)
        write("first", "second")
        await agent.reload()
        write("first", "second", "third")
        await agent.reload()  # does not forget the one before
        assert agent._unnamed == {"second", "third"}
        await delivered(
            agent, "first", (await agent.parts.writer(agent.parts.store.account, "first")).sealed + 3
        )
        await changed(agent, "DROP TRIGGER refuses")
        for name in ("second", "third"):
            await delivered(agent, name, 3)
        assert not agent._unnamed
        assert [e.detector for e in agent.parts.site_alarms.own.active()] == []
    finally:
        agent._stopping.set()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        for collector in collectors.values():
            collector.kill()
        await endpoint.stop()
