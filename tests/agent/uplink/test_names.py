"""Names that nobody can look up for an hour, that move to another machine, and machines of IPv6 alone."""

import asyncio
import socket
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.cli.common.try_collector import try_collector
from agent.config.tables import UpstreamTable
from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.store.writer import Writer
from agent.tls.contexts import client_context
from agent.uplink.names import Names
from agent.uplink.pace import Pace
from agent.uplink.uplink import HEARTBEAT_S, Uplink
from agent.wire import Request
from tests.agent.store.buffers import BOOT, own_alarm
from tests.agent.uplink.conftest import SCHEMA, SCHEMA_BODY, batch
from tests.agent.uplink.peer import ack, box, peer, sending
from tests.collector.authority import Authority
from tests.collector.processes import collecting
from tests.until import STOPPED_S, until

NAME = "collector.example"


async def test_a_name_that_cannot_be_looked_up_is_looked_up_again_and_again_when_its_machine_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book: dict[str, str] = {}
    system, asked = socket.getaddrinfo, []

    def look_up(host: Any, *how: Any, **more: Any) -> Any:
        if host != NAME:
            return system(host, *how, **more)
        asked.append(host)
        if NAME not in book:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return system(book[NAME], *how, **more)

    def say(request: Request) -> bytes | None:
        """The alarm, and is gone with the first of what waited before it."""
        return None if 1 in dict(request.batches) else ack(request)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with peer(say) as first, box(tmp_path, first.port, start=False) as found:
        found.uplink._url = f"http://{NAME}:{first.port}/v1/batches"
        with sending(found.uplink):
            await until(lambda: len(asked) >= 2)
            assert found.uplink.status.trouble.endswith(": Temporary failure in name resolution")
            book[NAME] = "127.0.0.1"
            await found.alarm()
            await until(lambda: found.uplink.status.reached)
            assert first.sent[0] == 4  # the alarm
            await until(lambda: 1 in first.sent)  # and its machine is gone
            async with peer(ack, "127.0.0.2", first.port) as second:
                book[NAME] = "127.0.0.2"
                await found.alarm()
                await until(lambda: 5 in second.sent)


async def test_a_connection_outlives_the_signs_of_life_so_that_an_alarm_finds_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Aiohttp keeps one for 15 s, and an idle agent says something every 20 s."""
    kept_s: list[float] = []
    made = aiohttp.TCPConnector.__init__

    def make(self: aiohttp.TCPConnector, **keys: Any) -> None:
        kept_s.append(keys["keepalive_timeout"])
        made(self, **keys)

    monkeypatch.setattr(aiohttp.TCPConnector, "__init__", make)
    async with peer(ack) as there, box(tmp_path, there.port):
        await until(lambda: bool(there.sent))
    assert min(kept_s) >= 2 * HEARTBEAT_S


def test_a_stop_waits_for_no_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, answered = threading.Event(), threading.Event()

    def look_up(*_: Any, **__: Any) -> Any:
        waiting.set()
        answered.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    async def stopped() -> None:
        asked = asyncio.create_task(Names().resolve(NAME, 80))
        await until(waiting.is_set)
        asked.cancel()

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    start_s = time.monotonic()
    asyncio.run(stopped())
    assert time.monotonic() - start_s < STOPPED_S
    answered.set()


def test_after_an_hour_without_names_alarms_and_all_else_go_within_half_a_minute() -> None:
    pace, now_s, tries = Pace(0.8), 0.0, 0
    pace.alarm(0.0)
    while now_s < 3600.0:
        now_s += pace.wait_s(now_s)
        pace.begun(now_s)
        now_s += 10.0  # a resolver of which nobody answers: resolv.conf(5), two times five seconds
        pace.failed(now_s, 1.0)
        tries += 1
    assert pace.wait_s(now_s) <= 30.0
    assert 100 < tries < 360
    pace.alarm(now_s)
    assert pace.wait_s(now_s) <= 1.0  # a new one


@pytest.mark.parametrize("host", ["[::1]", "localhost"])
async def test_a_collector_of_ipv6_alone_by_its_address_and_by_its_name(
    tmp_path: Path, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_v6():
        pytest.skip("needs IPv6 on the loopback interface")
    system = socket.getaddrinfo

    def look_up(host: Any, *how: Any, **more: Any) -> Any:
        return system("::1" if host == "localhost" else host, *how, **more)  # a name with an AAAA alone

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    authority = Authority(tmp_path)
    cert, key = authority.issue("localhost")
    own = authority.issue("site-1")
    options = ("--tls-cert", str(cert), "--tls-key", str(key), "--client-ca", str(authority.path))
    with collecting(tmp_path, *options, listen="[::1]:0") as collector:
        assert collector.url.startswith("https://[::1]:")
        url = collector.url.replace("[::1]", host)
        table = UpstreamTable(url=url, ca=authority.path, cert=own[0], key=own[1])
        assert try_collector(table, "site-1") == f"{url.removeprefix('https://')} takes batches of site-1"
        store, writer = Store(tmp_path / "buffer.db", "site-1", BOOT, [MAIN], own_alarm), Writer()
        store.add_schema(SCHEMA, SCHEMA_BODY)
        store.seal([batch(0)])
        tls = partial(client_context, authority.path, *own)
        uplink = Uplink("main", url, "site-1", store, writer, Pace(1.0), tls, lambda *_: None)
        with sending(uplink):
            await until(lambda: uplink.status.reached)
        writer.close()
        store.close()
        assert collector.rows("SELECT sequence FROM batch") == [(1,)]


def has_v6() -> bool:
    with socket.socket(socket.AF_INET6) as here:
        try:
            here.bind(("::1", 0))
        except OSError:
            return False
    return True
