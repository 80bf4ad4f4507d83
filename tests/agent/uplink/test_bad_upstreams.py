"""Upstreams as they should not be, each with a real agent and real collectors: nothing is lost, nothing comes
twice, nobody else is held up, and what is wrong is said.
"""

import asyncio
import contextlib
import json
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.bench import wire_to_relay as bench
from agent.store.account import BufferSettings
from agent.store.store import Store
from agent.store.upstream import Upstream
from agent.uplink.alarms import FORGETS
from collector.cli import main as collector_main
from collector.sqlite.archive import SqliteArchive
from hil.modbus.tcp import TcpEndpoint
from hil.run import configuration
from hil.run.line import Line
from hil.run.processes import Child, Children
from tests.agent.store.buffers import BOOT, noise, open_batch, own_alarm
from tests.agent.uplink.test_refused import status_of
from tests.agent.uplink.test_several_agents import by_name, settled, upstream
from tests.collector.processes import Collector

pytestmark = pytest.mark.timeout(300)
CAP_MB, AGENT = 8, "bench"  # as `configuration.agent` calls it


class Site:
    """A unit with an agent, and collectors by name."""

    def __init__(self, folder: Path, children: Children, port: int) -> None:
        self.folder, self._children, self._port = folder, children, port
        self.unit = bench.AlarmUnit()
        self.collectors: dict[str, Collector] = {}

    def collector(self, name: str, listen: str = "127.0.0.1:0") -> str:
        """Start a collector, or start it again where it was; return its address.

        It waits for the collector: beside a running agent call it by `restarted`, or the unit is silent.
        """
        self.collectors[name] = Collector(self.folder / f"{name}.db", listen=listen)
        return self.collectors[name].url

    async def restarted(self, name: str, address: str) -> None:
        """Start a collector again where it was, while the unit goes on to answer."""
        await asyncio.to_thread(self.collector, name, address)

    def write(self, *upstreams: str, **store: Any) -> None:
        """Write the configuration."""
        own = configuration.agent(self.folder, store={"batch_s": 0.5, **store}).partition("[upstream]")[0]
        rack = configuration.tcp_unit("rack", self._port, "bench-alarm.toml", period_s=0.2)
        (self.folder / "agent.toml").write_text(own + "".join(upstreams) + rack)

    def start(self) -> Child:
        """Start the agent."""
        return self._children.start("agent", "agent.cli", "run", "--config", str(self.folder / "agent.toml"))

    def audit(self, *names: str) -> None:
        """Nothing is missing at these collectors, and nothing is there twice."""
        for name in names:
            path = self.folder / f"{name}.db"
            said = CliRunner().invoke(collector_main, ["audit", "--sink", f"sqlite:{path}", "--json"])
            for stream in json.loads(said.stdout):
                assert stream["balanced"], (name, stream)
            times = self.times(name)
            assert len(times) == len(set(times)), name

    def times(self, *names: str) -> list[int]:
        """When each frame at these collectors was read, by boot time."""
        found: list[int] = []
        for name in names:
            archive = SqliteArchive(self.folder / f"{name}.db")
            try:
                agents = {stream[0] for stream in archive.streams()}
                found += [
                    at
                    for agent in agents
                    for _, batch in archive.batches(agent, None, None, None)
                    for at in batch.boottime_ns.tolist()
                ]
            finally:
                archive.close()
        return found


@contextlib.asynccontextmanager
async def site_in(folder: Path) -> AsyncIterator[Site]:
    (folder / "bench-alarm.toml").write_text(bench.PROFILE + bench.ALARM_POINT.format(k=0, address=16))
    unit = bench.AlarmUnit()
    endpoint = TcpEndpoint("127.0.0.1", 0, {1: unit})
    await endpoint.start()
    with Children(folder) as children:
        site = Site(folder, children, endpoint.port)
        site.unit = unit
        try:
            yield site
        finally:
            for child in children.running("agent"):
                await asyncio.to_thread(child.stop)
            for collector in site.collectors.values():
                collector.kill()
            await endpoint.stop()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_in(tmp_path) as found:
        yield found


async def test_three_names_of_one_collector_have_accounts_of_their_own_and_all_comes_once(site: Site) -> None:
    url = site.collector("one")
    line = Line(int(url.rpartition(":")[2]))  # another address, which leads there too
    await line.start()
    site.write(
        upstream("first", url),
        upstream("second", url.replace("127.0.0.1", "localhost"), role="copy"),
        upstream("third", line.url, what="alarms"),
    )
    agent = site.start()
    await status_of(agent, settled("first", 5))
    site.unit.raise_alarm(0)
    status = await status_of(
        agent, lambda s: all(settled(name, 6)(s) for name in ("first", "second")) and settled("third", 1)(s)
    )
    assert not any(one["trouble"] for one in status["upstreams"])
    assert by_name(status)["third"]["account"]["withheld"] > 0
    await asyncio.to_thread(agent.stop)
    line.cut()
    site.audit("one")


@pytest.mark.long(15)
async def test_a_copy_that_is_required_from_a_reload_on_is_waited_for(site: Site) -> None:
    first, second = site.collector("first"), site.collector("second")
    address = second.rpartition("/")[2]
    site.write(upstream("first", first), upstream("second", second, role="copy"))
    agent = site.start()
    await status_of(agent, settled("second", 3))
    site.collectors["second"].kill()
    site.write(upstream("first", first), upstream("second", second, role="required"))
    agent.process.send_signal(signal.SIGHUP)
    status = await status_of(agent, lambda s: by_name(s)["second"]["role"] == "required")
    least = status["account"]["sealed"] + 5
    status = await status_of(
        agent, lambda s: settled("first", least)(s) and by_name(s)["second"]["account"]["pending"] > 4
    )
    assert status["account"]["pending"] == by_name(status)["second"]["account"]["pending"]  # who lacks most
    await site.restarted("second", address)
    await status_of(agent, settled("second", status["account"]["sealed"]))
    await asyncio.to_thread(agent.stop)
    site.audit("first", "second")
    assert {*site.times("first")} == {*site.times("second")}


@pytest.mark.long(15)
async def test_two_databases_in_turn_behind_one_address_lose_nothing_between_them(site: Site) -> None:
    other, turns = site.collector("other"), site.collector("a")
    address = turns.rpartition("/")[2]
    site.write(upstream("turns", turns), upstream("other", other, role="copy"))
    agent = site.start()
    sealed = 0
    for turn in range(6):
        status = await status_of(
            agent, lambda s, n=sealed + 3: settled("turns", n)(s) and settled("other", n)(s)
        )
        sealed = status["account"]["sealed"]
        now, then = ("a", "b") if turn % 2 == 0 else ("b", "a")
        site.collectors[now].kill()
        await site.restarted(then, address)
    status = await status_of(agent, lambda s: FORGETS in {alarm["detector"] for alarm in s["alarms"]})
    (alarm,) = (alarm for alarm in status["alarms"] if alarm["detector"] == FORGETS)
    assert "several collectors answer there" in alarm["text"]
    assert (alarm["sentence"], alarm["location"]) == ("uplink-forgets", "turns")
    await status_of(agent, lambda s: settled("other", s["account"]["sealed"] - 1)(s))
    await asyncio.to_thread(agent.stop)
    site.audit("other")
    assert {*site.times("other")} <= {*site.times("a", "b")}
    assert not by_name(status)["turns"]["account"]["dropped"]


async def test_a_required_one_that_is_never_reached_fills_the_buffer_and_that_is_said(site: Site) -> None:
    never, first = "http://127.0.0.1:9", site.collector("first")
    upstreams = [Upstream("first"), Upstream("never")]
    settings = BufferSettings(max_bytes=CAP_MB * 10**6, history_bytes=0)
    store, n = Store(site.folder / "buffer.db", AGENT, BOOT, upstreams, own_alarm, settings), 0
    while not (store.full and store.account("never").dropped):
        store.seal([open_batch(*noise(50, 300, at_s=50 * n))])
        n += 1
    store.close()
    tables = upstream("first", first), upstream("never", never)
    site.write(*tables, max_mb=CAP_MB, history_mb=1)
    agent = site.start()
    status = await status_of(
        agent,
        lambda s: {"upstreams": "never"} in [a["texts"] for a in s["alarms"]],  # first has all then
    )
    (alarm,) = status["alarms"]
    assert alarm["detector"] == "buffer_full"
    assert (alarm["severity"], alarm["sentence"]) == ("warning", "buffer-full")
    assert alarm["numbers"]["bound_bytes"] == CAP_MB * 10**6
    assert any("wait for never: the oldest values are dropped" in why for why in status["health"]["degraded"])
    assert by_name(status)["never"]["account"]["dropped"]
    await status_of(agent, settled("first", status["account"]["sealed"]))  # it is not held up
    site.write(upstream("first", first), max_mb=CAP_MB, history_mb=1)  # a person ends it
    agent.process.send_signal(signal.SIGHUP)
    status = await status_of(
        agent, lambda s: not s["store"]["full"] and [a["state"] for a in s["alarms"]] == ["CLEARED-NEW"]
    )
    await asyncio.to_thread(agent.stop)
    site.audit("first")


#: Adds the seconds that a file holds to the time of day, as a clock that jumps does.
JUMPS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    static int file = -1;
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    if (clock != CLOCK_REALTIME || failed) return failed;
    if (file < 0) file = open(getenv("CLOCK_JUMPS"), O_RDONLY | O_CLOEXEC);
    char text[32] = {0};
    if (file >= 0 && pread(file, text, sizeof text - 1, 0) > 0) now->tv_sec += atol(text);
    return 0;
}
"""
YEAR_S = 31_557_600


@pytest.fixture
def jumping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file with the seconds that the clock of the agent is ahead."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    source, library, ahead = tmp_path / "jumps.c", tmp_path / "jumps.so", tmp_path / "ahead"
    source.write_text(JUMPS)
    ahead.write_text(f"{0:31d}")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    with monkeypatch.context() as environment:
        environment.setenv("LD_PRELOAD", str(library))
        environment.setenv("CLOCK_JUMPS", str(ahead))
        yield ahead


@pytest.mark.long(30)
async def test_a_clock_that_jumps_in_the_middle_loses_nothing_and_holds_up_nobody(
    site: Site, jumping: Path
) -> None:
    first, second = site.collector("first"), site.collector("second")
    site.write(upstream("first", first), upstream("second", second, what="alarms"))
    agent = site.start()
    await status_of(agent, settled("first", 3))
    address = first.rpartition("/")[2]
    for years in (3, -50, 0):
        await asyncio.to_thread(site.collectors["first"].kill)  # so that what waits has both times in it
        await status_of(agent, lambda s: by_name(s)["first"]["account"]["pending"] > 3)
        await asyncio.to_thread(jumping.write_text, f"{years * YEAR_S:31d}")
        waits = await status_of(agent, lambda s: by_name(s)["first"]["account"]["pending"] > 9)
        assert 2 < waits["account"]["only_here_s"] < 600
        await site.restarted("first", address)
        await status_of(agent, settled("first", waits["account"]["sealed"]))
        site.unit.raise_alarm(0)
        await status_of(agent, lambda s: by_name(s)["second"]["account"]["pending"] == 0)
    await asyncio.to_thread(agent.stop)
    site.audit("first", "second")
    times = sorted(site.times("first"))
    assert max(b - a for a, b in pairwise(times)) < 3e9  # by boot time, which goes on
