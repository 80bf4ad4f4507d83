"""Connecting to a device: slow name servers, dead addresses, a pause before the first question."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from agent.modbus import dialling
from agent.modbus.ports import Answer, HungUp, PortError
from agent.modbus.tcp import TcpPort
from agent.net import names
from drivers.registers import Area, Read
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import TcpEndpoint

READ = Read(Area.HOLDING, 0, 1)
NAME = "battery.example"
Book = dict[str, list[str]]


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> tuple[Book, list[float]]:
    """What the name server says, and how long it takes for each question to come, s; the last one stays."""
    book: Book = {}
    takes_s = [0.0]
    system = socket.getaddrinfo

    def look_up(host: Any, port: int, *how: Any, **more: Any) -> Any:
        if host != NAME or more.get("flags") == socket.AI_NUMERICHOST:
            return system(host, port, *how, **more)
        time.sleep(takes_s[0] if len(takes_s) == 1 else takes_s.pop(0))
        if NAME not in book:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [info for address in book[NAME] for info in system(address, port, *how, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return book, takes_s


@contextlib.asynccontextmanager
async def device(host: str, port: int = 0) -> AsyncIterator[TcpEndpoint]:
    table = RegisterTable()
    table.define(Area.HOLDING, 0, [42])
    endpoint = TcpEndpoint(host, port, {1: table})
    await endpoint.start()
    try:
        yield endpoint
    finally:
        await endpoint.stop()


@contextlib.contextmanager
def dead(host: str, port: int) -> Iterator[None]:
    """An address that drops each handshake: its backlog is full."""
    with contextlib.ExitStack() as held:
        hole = held.enter_context(socket.socket())
        hole.bind((host, port))
        hole.listen(0)
        for _ in range(3):
            knocking = held.enter_context(socket.socket())
            knocking.setblocking(False)
            knocking.connect_ex((host, port))
        yield


async def value(port: TcpPort) -> Answer:
    return await port.ask(1, READ, 1.0)


async def test_the_second_address_of_a_name_is_tried_where_the_first_says_nothing(
    book: tuple[Book, list[float]],
) -> None:
    book[0][NAME] = ["127.0.0.9", "127.0.0.3"]
    async with device("127.0.0.3") as there:
        with dead("127.0.0.9", there.port):
            port = TcpPort(NAME, there.port)
            await asyncio.wait_for(port.open(), dialling.CONNECT_TIMEOUT_S)
            assert (await value(port)).reply.words == (42,)
            port.close()


async def test_addresses_that_all_say_nothing_are_named(
    book: tuple[Book, list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialling, "CONNECT_TIMEOUT_S", 0.3)
    book[0][NAME] = ["127.0.0.9", "127.0.0.10"]
    said = pytest.raises(PortError, match=r"no connection within 0.3 s with any of 127.0.0.9, 127.0.0.10$")
    with dead("127.0.0.9", 1502), dead("127.0.0.10", 1502), said:
        await TcpPort(NAME, 1502).open()


async def test_a_slow_name_server_takes_nothing_from_the_time_of_a_handshake(
    book: tuple[Book, list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialling, "CONNECT_TIMEOUT_S", 0.5)
    book[0][NAME] = ["127.0.0.1"]
    book[1][:] = [1.5]
    async with device("127.0.0.1") as there:
        port = TcpPort(NAME, there.port)
        await port.open()
        port.close()
        began_s = time.monotonic()
        await port.open()
        assert time.monotonic() - began_s < 1.0, "asked the name server once more"
        port.close()


async def test_what_is_known_holds_while_no_name_server_answers_and_a_name_that_moved_is_found(
    book: tuple[Book, list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "FRESH_S", 0.0)
    monkeypatch.setattr(names, "RETRY_S", 0.0)
    book[0][NAME] = ["127.0.0.1"]
    async with device("127.0.0.1") as first:
        port = TcpPort(NAME, first.port)
        await port.open()
        port.close()
        del book[0][NAME]
        await port.open()  # no name server knows it
        port.close()
        book[1][:] = [5.0, 0.0]
        began_s = time.monotonic()
        await port.open()  # no name server answers
        assert time.monotonic() - began_s < 2.0
        port.close()
    book[0][NAME] = ["127.0.0.3"]
    async with device("127.0.0.3", first.port):
        port = TcpPort(NAME, first.port)
        await port.open()
        assert (await value(port)).reply.words == (42,)
        port.close()


async def test_an_address_that_fails_is_looked_up_anew(book: tuple[Book, list[float]]) -> None:
    book[0][NAME] = ["127.0.0.1"]
    async with device("127.0.0.1") as first:
        port = TcpPort(NAME, first.port)
        await port.open()
        port.close()
    book[0][NAME] = ["127.0.0.3"]
    async with device("127.0.0.3", first.port):
        with pytest.raises(PortError, match=": Connection refused"):
            await port.open()
        await port.open()
        assert (await value(port)).reply.words == (42,)
        port.close()


async def test_a_name_that_nobody_knows_is_said_so(
    book: tuple[Book, list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PortError, match=r"battery.example:502: Temporary failure in name resolution$"):
        await TcpPort(NAME, 502).open()
    book[1][:] = [2.0]
    monkeypatch.setattr(names, "LOOK_UP_S", 0.2)
    with pytest.raises(PortError, match="no name server has answered within"):
        await TcpPort(NAME, 502).open()


async def test_a_name_that_is_not_known_yet_is_looked_up_at_each_try(book: tuple[Book, list[float]]) -> None:
    async with device("127.0.0.1") as there:
        port = TcpPort(NAME, there.port)
        for _ in range(2):
            with pytest.raises(PortError, match=r"Temporary failure in name resolution$"):
                await port.open()
        book[0][NAME] = ["127.0.0.1"]
        await port.open()
        assert (await value(port)).reply.words == (42,)
        port.close()


async def test_a_device_is_left_alone_for_settle_s_and_one_that_hangs_up_meanwhile_is_noticed() -> None:
    async with device("127.0.0.1") as there:
        port = TcpPort("127.0.0.1", there.port, settle_s=0.5)
        opening = asyncio.create_task(port.open())
        await asyncio.sleep(0.2)
        assert not port.is_open
        await opening
        assert port.is_open
        port.close()

        async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
            port = TcpPort("127.0.0.1", server.sockets[0].getsockname()[1], settle_s=0.3)
            with pytest.raises(HungUp):
                await port.open()
