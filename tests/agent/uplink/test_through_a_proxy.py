"""A real agent through a real proxy that makes tunnels (tinyproxy of Debian), and all that it may refuse."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.bench import wire_to_relay as bench
from agent.cli import main
from agent.cli.common.try_collector import NotReached, NotTaken, try_collector
from agent.config.tables import UpstreamTable
from agent.uplink.proxy import Proxy, refused
from hil.modbus.tcp import TcpEndpoint
from hil.run import configuration
from hil.run.processes import Children
from tests.agent.uplink.between import running
from tests.agent.uplink.test_refused import status_of
from tests.agent.uplink.test_strangers import doctor, of
from tests.collector.authority import Authority
from tests.collector.processes import Collector, collecting, free_port

CONF = "Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nAllow 127.0.0.1\nConnectPort {to}\n"
needs_tinyproxy = pytest.mark.skipif(
    not shutil.which("tinyproxy"), reason="needs tinyproxy (Debian: tinyproxy)"
)


@dataclass
class Site:
    """A folder with a collector that wants certificates, and how to reach it through a proxy."""

    folder: Path
    collector: Collector
    url: str
    keys: dict[str, Any]
    port: int

    @property
    def login(self) -> Path:
        return self.folder / "proxy.login"

    def log_in(self, text: str, mode: int = 0o600) -> None:
        self.login.write_text(text)
        self.login.chmod(mode)

    def tries(self, **changes: Any) -> str:
        """What is said before an agent runs."""
        return try_collector(UpstreamTable(url=self.url, **{**self.keys, **changes}), "bench")

    def proxy(self, *lines: str, to: int = 0) -> AbstractAsyncContextManager[Any]:
        """Tinyproxy, which allows connections to one port: the collector's, if not said."""
        conf = self.folder / "tinyproxy.conf"
        own = CONF.format(port=self.port, to=to or int(self.url.rpartition(":")[2]))
        conf.write_text(own + "".join(f"{line}\n" for line in lines))
        return running(self.port, "tinyproxy", "-d", "-c", str(conf), log=self.folder / "tinyproxy.log")


@asynccontextmanager
async def site_in(folder: Path) -> AsyncIterator[Site]:
    authority = Authority(folder)
    cert, key = authority.issue("localhost")
    own = authority.issue("bench")
    options = ("--tls-cert", str(cert), "--tls-key", str(key), "--client-ca", str(authority.path))
    with collecting(folder, *options) as collector:
        port = free_port()
        url = collector.url.replace("127.0.0.1", "localhost")
        keys = {"ca": authority.path, "cert": own[0], "key": own[1], "proxy": f"http://127.0.0.1:{port}"}
        yield Site(folder, collector, url, keys, port)


@needs_tinyproxy
async def test_an_agent_goes_through_a_proxy_and_says_what_to_do_where_it_does_not(tmp_path: Path) -> None:
    (tmp_path / "bench-alarm.toml").write_text(bench.PROFILE + bench.ALARM_POINT.format(k=0, address=16))
    unit, alarms = bench.AlarmUnit(), iter(range(16))
    endpoint = TcpEndpoint("127.0.0.1", 0, {1: unit})
    await endpoint.start()
    async with site_in(tmp_path) as site:
        config = tmp_path / "agent.toml"
        upstream = {"url": site.url, **site.keys, "proxy_login": site.login}
        config.write_text(
            configuration.agent(tmp_path, upstream=upstream, store={"batch_s": 0.5})
            + configuration.tcp_unit("rack", endpoint.port, "bench-alarm.toml", period_s=0.2)
        )
        site.log_in("me:wrong\n")
        with Children(tmp_path) as children:
            agent = children.start("agent", "agent.cli", "run", "--config", str(config))

            async def told(*words: str) -> None:
                """Status and doctor say so, and the doctor what to run; an alarm is tried at once."""
                unit.raise_alarm(next(alarms))
                status = await status_of(agent, lambda s: all(w in of(s)["trouble"] for w in words))
                assert not of(status)["reached"]
                assert any(words[0] in reason for reason in status["health"]["degraded"])
                found = await doctor(tmp_path, "certificate" if "proxy_login:" in words[0] else "collector")
                assert (found["code"], all(w in found["seen"] for w in words)) == ("CW-502", True), found
                assert found["run"].startswith(("curl -v --proxy http://127.0.0.1:", "ls -l "))
                assert "login" in str(found["likely"])

            await told(f"proxy http://127.0.0.1:{site.port}: Connection refused")
            async with site.proxy("BasicAuth me secret"):
                await told("HTTP 401 Unauthorized to CONNECT localhost:", "proxy_login")
            site.log_in("me:secret\n", 0o644)
            await told(f"proxy_login: {site.login}: others can read it", "chmod 600")
            checked = await asyncio.to_thread(CliRunner().invoke, main, ["check", "--config", str(config)])
            assert (checked.exit_code, "chmod 600" in checked.output) == (2, True)
            site.log_in("me:secret\n")
            async with site.proxy("BasicAuth me secret", to=9):
                await told("HTTP 403", "must allow CONNECT to this host and port")
            async with site.proxy("BasicAuth me secret"):
                unit.raise_alarm(next(alarms))
                status = await status_of(agent, lambda s: of(s)["reached"] and not s["account"]["pending"])
                assert status["account"]["dropped"] == 0
                assert (await doctor(tmp_path))["state"] == "good"
                agent.stop()
        (sent,) = site.collector.rows("SELECT count(*), max(sequence) FROM batch")
        assert sent[0] == sent[1] > 3  # each once, none missing
    await endpoint.stop()


@needs_tinyproxy
async def test_before_an_agent_runs_the_proxy_is_asked_by_the_same_rules(tmp_path: Path) -> None:
    async with site_in(tmp_path) as site:
        proxy = f"http://127.0.0.1:{site.port}"
        with pytest.raises(NotReached, match=f"proxy {proxy}: Connection refused"):
            await asyncio.to_thread(site.tries)
        async with site.proxy():
            assert "takes batches of bench" in await asyncio.to_thread(site.tries)
        site.log_in("me:secret\n")
        async with site.proxy("BasicAuth me secret"):
            assert "takes batches" in await asyncio.to_thread(site.tries, proxy_login=site.login)
            with pytest.raises(NotTaken, match=r"HTTP 407 .*: it wants a login"):
                await asyncio.to_thread(site.tries)
            site.log_in("me:wrong\n")
            with pytest.raises(NotTaken, match=r"HTTP 401 .*: it wants a login, or another one"):
                await asyncio.to_thread(site.tries, proxy_login=site.login)
            site.log_in("me:secret\n", 0o640)
            with pytest.raises(NotTaken, match=r"others can read it .*chmod 600"):
                await asyncio.to_thread(site.tries, proxy_login=site.login)
            site.log_in("secret\n")
            with pytest.raises(NotTaken, match="its first line is no USER:PASSWORD"):
                await asyncio.to_thread(site.tries, proxy_login=site.login)
        async with site.proxy(to=9):
            with pytest.raises(NotTaken, match=r"HTTP 403 .*must allow CONNECT to this host and port"):
                await asyncio.to_thread(site.tries)
        async with site.proxy():
            site.collector.kill()
            with pytest.raises(NotTaken, match=r"HTTP 500 .*it does not reach the collector"):
                await asyncio.to_thread(site.tries)


def test_what_is_no_proxy_is_not_taken_for_one(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        upstream = UpstreamTable(url="https://collector.example", proxy=collector.url)
        with pytest.raises(NotTaken, match=r"HTTP 40\d .* to CONNECT collector.example:443: "):
            try_collector(upstream, "bench")


def test_a_proxys_words_are_its_own_and_printable(tmp_path: Path) -> None:
    said = refused("http://p:1", "https://[2001:db8::1]/x", 418, "tea\x1b[31m")
    assert said == (
        "proxy http://p:1 answers HTTP 418 tea\\x1b[31m to CONNECT [2001:db8::1]:443: it is no proxy that"
        " makes tunnels, or its log says why"
    )
    login = tmp_path / "login"
    login.touch(mode=0o600)
    login.write_text("me:s\u20accret:1\r\n")
    found = Proxy("http://p:1", login).login()
    assert found == "Basic bWU6c+KCrGNyZXQ6MQ=="
