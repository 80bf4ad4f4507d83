"""Nginx and HAProxy of Debian before a real collector: they limit, re-encode, give up, cut, restart.

Each time all that was sealed is in the collector once, and the alarm came before the backlog.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.agent.uplink.between import running
from tests.agent.uplink.peer import Box, box
from tests.collector.processes import Collector, collecting

BACKLOG = 120
NGINX = """
{user} daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; {extra} location / {{ proxy_pass {url}; }} }}
}}
"""
HAPROXY = """
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
frontend agents
  bind 127.0.0.1:{port}
  {extra}
  default_backend collector
backend collector
  server one {to}
"""
Command = tuple[str, ...]


def nginx(folder: Path, port: int, url: str, extra: str) -> Command:
    user = "" if os.geteuid() else "user root;"  # else its workers could not write into the test's folder
    conf = NGINX.format(folder=folder, port=port, url=url, extra=extra, user=user)
    (folder / "nginx.conf").write_text(conf)
    return "nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)


def haproxy(folder: Path, port: int, url: str, extra: str) -> Command:
    conf = folder / "haproxy.cfg"
    conf.write_text(
        HAPROXY.format(port=port, to=url.removeprefix("http://"), extra=extra.replace(";", "\n "))
    )
    return "haproxy", "-W", "-db", "-f", str(conf)


PROXIES: dict[str, Callable[[Path, int, str, str], Command]] = {"nginx": nginx, "haproxy": haproxy}


def needs(proxy: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(proxy), reason=f"needs {proxy} (Debian: {proxy})")


@asynccontextmanager
async def backlog_with_an_alarm(folder: Path, port: int, collector: Collector) -> AsyncIterator[Box]:
    """A box whose last batch is an alarm; at the end all is in the collector once, the alarm first."""
    async with box(folder, port, batches=BACKLOG, start=False) as found:
        await found.alarm()
        sending = asyncio.create_task(found.uplink.run())
        yield found
        async with asyncio.timeout(40):
            while await found.pending():  # noqa: ASYNC110 - told by another task
                await asyncio.sleep(0.05)
        sending.cancel()
        await asyncio.wait([sending])
        account = await found.writer(found.store.account, "main")
    assert account.dropped == 0
    came = [sequence for (sequence,) in collector.rows("SELECT sequence FROM batch ORDER BY rowid")]
    assert came[0] == BACKLOG + 1
    assert sorted(came) == [*range(1, account.sealed + 1)]
    (stream,) = collector.rows("SELECT batches, frames FROM stream")
    assert stream == (account.sealed, BACKLOG)


@pytest.mark.parametrize(
    ("proxy", "extra", "more"),
    [
        pytest.param(*case, marks=needs(case[0]), id=f"{case[0]}-{name}")
        for name, case in {
            "compresses": (
                "nginx",
                "gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any; gzip_vary on;",
                True,
            ),
            "limits": ("nginx", "client_max_body_size 8k;", True),
            "passes on at once": ("nginx", "proxy_request_buffering off; proxy_http_version 1.1;", True),
            "buffers little": ("nginx", "client_body_buffer_size 1k; proxy_buffering off;", True),
            "strips Accept": ("nginx", 'proxy_set_header Accept "";', False),
            "changes Accept": ("nginx", 'proxy_set_header Accept "*/*";', False),
            "compresses ": (
                "haproxy",
                "compression algo gzip; compression type text/html application/",
                True,
            ),
            "strips Accept ": ("haproxy", "http-request del-header accept", False),
            "closes often": ("haproxy", "option httpclose", True),
        }.items()
    ],
)
async def test_what_a_proxy_does_to_requests_and_answers_loses_nothing(
    tmp_path: Path, unused_tcp_port: int, proxy: str, extra: str, more: bool
) -> None:
    with collecting(tmp_path) as collector:
        command = PROXIES[proxy](tmp_path, unused_tcp_port, collector.url, extra)
        async with (
            running(unused_tcp_port, *command, log=tmp_path / "proxy.log"),
            backlog_with_an_alarm(tmp_path, unused_tcp_port, collector) as found,
        ):
            pass
        assert found.uplink._more is more  # without the header, requests of five elements: docs/adr/0026


async def stopped_for_a_while(collector: Collector) -> None:
    collector.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(2.5)
    collector.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(
    ("proxy", "extra", "said"),
    [
        pytest.param("nginx", "proxy_read_timeout 1s;", "HTTP 504 from nginx/", marks=needs("nginx")),
        pytest.param("haproxy", "timeout client 1s", "HTTP 504 from ", marks=needs("haproxy")),
    ],
)
async def test_a_proxy_that_gives_up_before_the_answer_costs_a_resend(
    tmp_path: Path, unused_tcp_port: int, proxy: str, extra: str, said: str
) -> None:
    """What the collector has stored by then is known to both ends by its next answer."""
    with collecting(tmp_path) as collector:
        command = PROXIES[proxy](tmp_path, unused_tcp_port, collector.url, extra)
        if proxy == "haproxy":
            conf = tmp_path / "haproxy.cfg"
            conf.write_text(conf.read_text().replace("timeout server 30s", "timeout server 1s"))
        async with running(unused_tcp_port, *command, log=tmp_path / "proxy.log"):
            away = asyncio.create_task(stopped_for_a_while(collector))
            async with backlog_with_an_alarm(tmp_path, unused_tcp_port, collector) as found:
                async with asyncio.timeout(20):
                    while said not in found.uplink.status.trouble:  # noqa: ASYNC110 - by another task
                        await asyncio.sleep(0.02)
                await away


@needs("haproxy")
async def test_connections_that_are_cut_without_an_answer(tmp_path: Path, unused_tcp_port: int) -> None:
    """The second request, which carries all of it, and the one that would carry it once more."""
    cut = (
        "stick-table type ip size 10 expire 60s store http_req_cnt; http-request track-sc0 src;"
        " http-request reject if { sc_http_req_cnt(0) 2 3 }"
    )
    with collecting(tmp_path) as collector:
        command = haproxy(tmp_path, unused_tcp_port, collector.url, cut)
        async with (
            running(unused_tcp_port, *command, log=tmp_path / "proxy.log"),
            backlog_with_an_alarm(tmp_path, unused_tcp_port, collector) as found,
        ):
            pass
        assert found.uplink.status.failures == 2


@pytest.mark.parametrize("proxy", [pytest.param(proxy, marks=needs(proxy)) for proxy in PROXIES])
async def test_a_proxy_that_is_reloaded_and_restarted_in_the_middle_of_a_backlog(
    tmp_path: Path, unused_tcp_port: int, proxy: str
) -> None:
    reload = {"nginx": signal.SIGHUP, "haproxy": signal.SIGUSR2}[proxy]
    log = tmp_path / "proxy.log"
    with collecting(tmp_path) as collector:
        command = PROXIES[proxy](tmp_path, unused_tcp_port, collector.url, "")
        async with (
            running(unused_tcp_port, *command, log=log) as first,
            backlog_with_an_alarm(tmp_path, unused_tcp_port, collector) as found,
        ):
            await some_more(found)
            first.send_signal(reload)
            await some_more(found)
            first.send_signal(signal.SIGTERM)
            await first.wait()
            async with running(unused_tcp_port, *command, log=log):
                async with asyncio.timeout(20):
                    while await found.pending() > 1:  # noqa: ASYNC110 - told by another task
                        await asyncio.sleep(0.02)


async def some_more(found: Box) -> None:
    """Wait for two more requests to be answered, of a backlog that is sent in small ones."""
    until = found.uplink.status.requests + 2
    async with asyncio.timeout(20):
        while found.uplink.status.requests < until:
            found.uplink._pace.max_batches = found.uplink._pace._most_batches = 12
            await asyncio.sleep(0)
