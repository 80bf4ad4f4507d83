"""What strangers open, on the agent's side: its files are there for its buses and its buffer."""

import asyncio
import contextlib
import errno
import gc
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.control import metrics
from agent.control.metrics import MetricsServer
from agent.web import server
from agent.wire import listening
from agent.wire.listening import SPARE, listen
from tests.agent.web.conftest import Room
from tests.collector.authority import Authority
from tests.until import until

MOST = 20


def files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def one() -> bytes:
    return b"1"


@pytest.fixture(params=["page", "page over TLS", "metrics"])
async def port(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[int]:
    monkeypatch.setattr(server, "CONNECTIONS", MOST)
    monkeypatch.setattr(metrics, "CONNECTIONS", MOST)
    if request.param == "metrics":
        with socket.create_server(("127.0.0.1", 0)) as free:
            taken = free.getsockname()[1]
        task = asyncio.create_task(MetricsServer(f"127.0.0.1:{taken}", one).run())
        await asyncio.sleep(0.1)
        yield taken
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return
    secure = {}
    if "TLS" in request.param:
        token = tmp_path / "token"
        token.write_text("a-token-of-sixteen-or-more\n")
        token.chmod(0o600)
        secure = {"tls": Authority(tmp_path).issue("box"), "token": token}
    room = Room(**secure)
    await room.start()
    yield room.page.port
    await room.stop()


async def test_who_connects_and_says_nothing_takes_no_file_from_the_watching(port: int) -> None:
    gc.collect()
    before = files()
    held = []
    try:
        for _ in range(6 * MOST):
            held.append(await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.9", 0)))
        await until(lambda: files() - before - len(held) <= MOST)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
    finally:
        for _, writer in held:
            writer.transport.abort()
        await asyncio.sleep(0)


async def test_a_flood_takes_no_more_files_than_are_kept_for_connections_that_end(port: int) -> None:
    before, most = files(), 0
    with contextlib.ExitStack() as flood:
        for count in range(60, 60 * 12, 60):  # several senders together are faster than one event loop
            for _ in range(60):
                stranger = flood.enter_context(socket.socket())
                stranger.setblocking(False)
                stranger.connect_ex(("127.0.0.1", port))
            await asyncio.sleep(0)
            most = max(most, files() - before - count)
    assert most <= MOST + 3 * SPARE // 4


async def test_the_oldest_of_who_has_most_make_room_and_others_stay() -> None:
    ends: list[asyncio.StreamReader] = []

    async def closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append(reader)
        await reader.read()
        writer.close()

    (listener,) = await listen("127.0.0.1", 0, 4)
    serving = await asyncio.start_server(closed, sock=listener)
    port = listener.getsockname()[1]
    clients = []
    for address in ("127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.3", "127.0.0.3", "127.0.0.3"):
        clients.append(await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0)))
    await until(lambda: len(ends) == 6)
    await until(lambda: sum(reader.at_eof() for reader, _ in clients) == 2)
    assert [reader.at_eof() for reader, _ in clients] == [False, True, True, False, False, False]
    for _, writer in clients:  # who leaves by itself makes room, too
        writer.close()
    await until(lambda: all(reader.at_eof() for reader in ends))
    again = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
    await until(lambda: len(ends) == 10)
    await asyncio.sleep(0.1)
    assert not any(reader.at_eof() for reader, _ in again)
    for _, writer in again:
        writer.close()
    serving.close()


async def test_a_taken_port_is_told_and_nothing_of_it_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        before = files()
        with pytest.raises(OSError, match=r"in use by process \d+") as caught:
            await listen("127.0.0.1", other.getsockname()[1], 4)
        assert caught.value.errno == errno.EADDRINUSE
        assert files() == before


@pytest.mark.parametrize(
    ("soft", "hard", "most"), [(300, 400, 400 - SPARE), (300, 5000, 1000), (100, 100, 1)]
)
def test_files_are_there_for_as_many_connections_as_may_be(soft: int, hard: int, most: int) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limits[1] != resource.RLIM_INFINITY and limits[1] < hard:
        pytest.skip("this machine allows fewer files")
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\n"
        "from agent.wire.listening import room\nprint(room(1000))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == most


async def test_metrics_are_made_twice_a_second_however_many_ask() -> None:
    made = 0

    async def text() -> bytes:
        nonlocal made
        made += 1
        return b"%d" % made

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    task = asyncio.create_task(MetricsServer(f"127.0.0.1:{port}", text).run())
    await asyncio.sleep(0.1)
    began_s = time.monotonic()
    async with aiohttp.ClientSession() as session:
        for _ in range(100):
            async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                assert answer.status == 200
        assert made <= 1 + 2 * (time.monotonic() - began_s)
        await asyncio.sleep(0.6)
        async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
            assert await answer.read() == b"%d" % made
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert made > 1


async def test_what_is_no_http_fills_no_log(
    port: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, request: Any
) -> None:
    if "TLS" in request.node.name:
        pytest.skip("what is no TLS is none of HTTP's")
    monkeypatch.setattr(listening._NO_HTTP, "said_s", -listening.SAID_AGAIN_S)
    caplog.set_level("DEBUG")
    for line in ("Content-Length: -1", "X\x1b: \x07", "Transfer-Encoding: x") * 5:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET / HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n".encode())
        assert b" 400 " in await reader.readline()
        writer.close()
    (said,) = [record for record in caplog.records if record.name == "aiohttp.server"]
    assert "Content-Length" in said.getMessage()
    assert said.getMessage().isprintable()
    assert (said.levelname, said.exc_info) == ("WARNING", None)
