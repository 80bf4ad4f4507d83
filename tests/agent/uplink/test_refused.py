"""A real agent whose certificate no collector takes: it watches, the relay drops, nothing is lost."""

import asyncio
import datetime
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.bench import wire_to_relay as bench
from hil.modbus.io_module import IoModule
from hil.modbus.tcp import TcpEndpoint
from hil.run import configuration
from hil.run.processes import Child, Children, Status, wait_for_status
from tests.collector.authority import Authority
from tests.collector.processes import collecting, rows


def configured(folder: Path, url: str, authority: Authority, files: tuple[Path, Path], *ports: int) -> Path:
    """An agent with one unit that can raise an alarm, and a relay."""
    unit_port, module_port = ports
    (folder / "bench-alarm.toml").write_text(bench.PROFILE + bench.ALARM_POINT.format(k=0, address=16))
    upstream = {"ca": authority.path, "cert": files[0], "key": files[1]}
    config = folder / "agent.toml"
    agent = configuration.agent(folder, url, upstream=upstream, relay=configuration.coil(module_port))
    rack = configuration.tcp_unit("rack", unit_port, "bench-alarm.toml", period_s=0.2)
    config.write_text(agent + rack)
    return config


async def status_of(agent: Child, wanted: Callable[[Status], object]) -> Status:
    return await asyncio.to_thread(wait_for_status, agent, wanted)


@pytest.mark.parametrize(
    ("year", "refused", "own"),
    [
        (2020, "it has expired", "certificate expired on 2020-01-01 01:00 UTC; renew it with"),
        (2090, "it is not valid yet", "certificate is valid from 2089-12-31 23:00 UTC, and here it is 20"),
    ],
)
async def test_alarms_sound_and_batches_wait_until_the_certificate_is_renewed(
    tmp_path: Path, unused_tcp_port: int, year: int, refused: str, own: str
) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("localhost")
    options = ("--tls-cert", str(cert), "--tls-key", str(key), "--client-ca", str(authority.path))
    now, authority.now = authority.now, datetime.datetime(year, 1, 1, tzinfo=datetime.UTC)
    files = authority.issue("bench")
    unit, module = bench.AlarmUnit(), IoModule(unused_tcp_port)
    endpoint = TcpEndpoint("127.0.0.1", 0, {1: unit})
    await endpoint.start()
    await module.start()
    with collecting(tmp_path, *options) as collector, Children(tmp_path) as children:
        url = collector.url.replace("127.0.0.1", "localhost")
        config = configured(tmp_path, url, authority, files, endpoint.port, unused_tcp_port)
        agent = children.start("agent", "agent.cli", "run", "--config", str(config))
        status = await status_of(agent, lambda s: s["upstreams"][0]["trouble"])
        assert (
            f"the collector refuses this agent's certificate: {refused}" in status["upstreams"][0]["trouble"]
        )
        assert any(refused in reason for reason in status["health"]["degraded"])
        async with asyncio.timeout(30):
            await module.wait(bench.COIL, True)
            unit.raise_alarm(0)
            await module.wait(bench.COIL, False)
        status = await status_of(
            agent, lambda s: s["account"]["sealed"] and all(e["recorded"] for e in s["log"])
        )
        account = status["account"]
        assert (account["acknowledged"], account["dropped"]) == (0, 0)
        assert account["pending"] == account["sealed"]
        assert own in agent.log.read_text()

        authority.now = now
        authority.issue("bench")  # in place of the other
        await status_of(agent, lambda s: s["account"]["pending"] == 0 and s["account"]["acknowledged"])
        agent.stop()
        assert rows(collector.database, "SELECT count(*) FROM batch") == [
            rows(tmp_path / "buffer.db", "SELECT last_sequence FROM account")[0]
        ]
    await endpoint.stop()
    await module.stop()
