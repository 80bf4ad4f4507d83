"""A real agent with several collectors: added, narrowed and ended by a reload, told by every tool."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.bench import wire_to_relay as bench
from agent.cli import main
from agent.config.file import ConfigError, load_config
from collector.cli import main as collector_main
from hil.modbus.tcp import TcpEndpoint
from hil.run import configuration
from hil.run.processes import Child, Children
from hil.run.tables import table
from tests.agent.uplink.test_refused import status_of
from tests.collector.processes import collecting


def upstream(name: str, url: str, **keys: Any) -> str:
    return table("[[upstream]]", {"name": name, "url": url, **keys})


def by_name(status: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in status["upstreams"]}


def settled(name: str, least: int) -> Any:
    """Whether an upstream holds so much, and lacks nothing."""

    def wanted(status: dict[str, Any]) -> bool:
        one = by_name(status).get(name)
        return bool(one) and one["account"]["acknowledged"] >= least and not one["account"]["pending"]

    return wanted


async def run(*asked: str) -> Any:
    return await asyncio.to_thread(CliRunner().invoke, main, asked)


async def test_a_second_place_comes_and_goes_with_a_reload(tmp_path: Path) -> None:
    (tmp_path / "bench-alarm.toml").write_text(bench.PROFILE + bench.ALARM_POINT.format(k=0, address=16))
    unit, config = bench.AlarmUnit(), tmp_path / "agent.toml"
    endpoint = TcpEndpoint("127.0.0.1", 0, {1: unit})
    await endpoint.start()
    rack = configuration.tcp_unit("rack", endpoint.port, "bench-alarm.toml", period_s=0.2)
    own = configuration.agent(tmp_path, store={"batch_s": 0.5}).replace("[upstream]", "[ignored]")
    own = own.partition("[ignored]")[0]

    def write(*upstreams: str) -> None:
        config.write_text(own + "".join(upstreams) + rack)

    def reload(agent: Child) -> None:
        agent.process.send_signal(signal.SIGHUP)

    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    with collecting(tmp_path / "first") as first, collecting(tmp_path / "second") as second:
        write(upstream("first", first.url))
        with Children(tmp_path) as children:
            agent = children.start("agent", "agent.cli", "run", "--config", str(config))
            await status_of(agent, settled("first", 3))
            write(upstream("first", first.url), upstream("second", second.url, role="copy"))
            reload(agent)
            status = await status_of(agent, settled("second", 3))
            assert by_name(status)["second"]["account"]["withheld"] == 0  # the history is here
            assert status["account"]["only_here_s"] < 10
            told = await run("status", "--socket", str(tmp_path / "control.sock"))
            assert "second: " in told.output
            assert "a fire here now would cost" in told.output
            tested = await run("alarm", "test", "--socket", str(tmp_path / "control.sock"))
            assert "On the disk of first: acknowledged" in tested.output
            assert "On the disk of second: acknowledged" in tested.output
            write(upstream("first", first.url), upstream("second", second.url, what="alarms"))
            reload(agent)
            unit.raise_alarm(0)
            status = await status_of(agent, lambda s: by_name(s)["second"]["account"]["withheld"] > 3)
            assert by_name(status)["second"]["behind_s"] is None
            write(upstream("first", first.url))
            reload(agent)
            status = await status_of(agent, lambda s: [*by_name(s)] == ["first"])
            done = await run("doctor", "--config", str(config), "--json")
            checks = [r["check"] for r in json.loads(done.stdout)["results"]]
            assert checks.count("collector") == 1
            agent.stop()
    await endpoint.stop()
    for name in ("first", "second"):
        sink = f"sqlite:{tmp_path / name / 'collector.db'}"
        audited = await asyncio.to_thread(
            CliRunner().invoke, collector_main, ["audit", "--sink", sink, "--json"]
        )
        (stream,) = json.loads(audited.stdout)
        assert stream["missing"] == []


A, B = "http://127.0.0.1:1", "http://127.0.0.1:2"


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        (
            upstream("a", A) + upstream("b", f"{A}/"),
            "already a's: no second",
        ),
        (upstream("a", A) + upstream("a", B), "2 are called that"),
        (
            upstream("a", A, role="mirror"),
            "a role: 'mirror' is none of 'required' or 'copy'",
        ),
        (upstream("a", A, what="some"), "a what: 'some' is none of 'all' or 'alarms'"),
        ("[upstream]\nurl = 5\n", "[upstream] url: "),
        (upstream("a", "https://c.example", proxy="socks5://p:1"), "proxy: must be http://HOST:PORT"),
        (upstream("a", "https://c.example", proxy="http://u:p@p:1"), "proxy: write its login"),
        (upstream("a", "https://c.example", proxy_login="f"), "proxy_login belongs to a proxy"),
        (upstream("a", A, proxy="http://p:1"), "on this very machine needs none"),
        ("", "[upstream]: is missing"),
        ("upstream = []\n", "at least one is needed"),
    ],
)
def test_each_mistake_says_where_and_what(tmp_path: Path, tables: str, problem: str) -> None:
    path = tmp_path / "agent.toml"
    rack = configuration.tcp_unit("rack", 1, "pace-rtu")
    path.write_text(tables + rack)
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert any(problem in line for line in error.value.problems), error.value.problems
