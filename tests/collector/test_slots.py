"""Who is slow, or sends a lot, keeps nobody else out."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from agent.wire import CONTENT_TYPE, PATH, Request, decode_ack, encode_request
from collector import admission, inbox
from tests.collector.processes import EPOCH, SCHEMA_BODY, seal
from tests.collector.receivers import receiving
from tests.until import until

ALARM = {"kind": "alarm", "severity": "critical", "text": "hot"}
BODY = encode_request(Request("site-1", EPOCH, [seal(1, frames=0, events=(ALARM,))]))
HEADERS = {"Content-Type": CONTENT_TYPE}
Held = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def holding(url: str, count: int, sent: bytes, *addresses: str) -> AsyncIterator[list[Held]]:
    """Requests whose bodies have only begun."""
    place = urlsplit(url)
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: 2000000\r\n\r\n"
    )
    held = []
    for i in range(count):
        address = (addresses[i % len(addresses)], 0)
        connection = await asyncio.open_connection(place.hostname, place.port, local_addr=address)
        connection[1].write(head.encode() + sent)
        held.append(connection)
    try:
        yield held
    finally:
        for _, writer in held:
            writer.transport.abort()


async def post(url: str, address: str = "127.0.0.1", body: bytes = BODY) -> int:
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.post(url + PATH, data=body, headers=HEADERS) as answer,
    ):
        return answer.status


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.2", "127.0.0.3", "127.0.0.4"]], ids=len)
async def test_bodies_that_never_come_keep_no_alarm_out(tmp_path: Path, addresses: list[str]) -> None:
    async with receiving(tmp_path) as (receiver, url), holding(url, 150, b"abc", *addresses):
        await until(lambda: len(receiver.inbox.coming) == 150)
        async with asyncio.timeout(10):
            assert await post(url) == 200
        assert not receiver.under_way.total()


async def test_the_oldest_of_whoever_holds_most_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "COMING_BODIES", 20)
    async with receiving(tmp_path) as (receiver, url), holding(url, 3, b"abc", "127.0.0.2") as few:
        await until(lambda: len(receiver.inbox.coming) == 3)
        async with holding(url, 30, b"abc", "127.0.0.3") as many:
            first = await asyncio.wait_for(many[0][0].readline(), 10)
            assert b" 503 " in first
            await until(lambda: len(receiver.inbox.coming) == 20)
            assert [body.sender for body in receiver.inbox.coming][:3] == ["127.0.0.2"] * 3
            assert await post(url, "127.0.0.3") == 200
        assert not any(reader.at_eof() for reader, _ in few)


async def test_bytes_on_their_way_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "COMING_BYTES", 1_000_000)
    async with receiving(tmp_path) as (receiver, url), holding(url, 30, b"a" * 100_000, "127.0.0.2"):
        await until(lambda: receiver.counts["http_503"] >= 19)
        held = sum(len(body.content) for body in receiver.inbox.coming)
        assert held == receiver.inbox.bytes <= 1_000_000
        assert await post(url) == 200


async def test_one_sender_cannot_take_all_places(tmp_path: Path) -> None:
    release = threading.Event()
    async with receiving(tmp_path, max_requests=4) as (receiver, url):
        receiver.thread.submit(release.wait)
        try:
            flood = [asyncio.create_task(post(url)) for _ in range(2)]
            await until(lambda: receiver.under_way.total() == 2)
            assert await post(url) == 503
            other = asyncio.create_task(post(url, "127.0.0.2"))
            await until(lambda: receiver.under_way.total() == 3)
        finally:
            release.set()
        assert await asyncio.gather(*flood, other) == [200, 200, 200]
        assert not receiver.under_way


async def test_others_come_between_the_requests_of_one_sender(tmp_path: Path) -> None:
    release, order = threading.Event(), list[str]()

    async def send(address: str) -> None:
        assert await post(url, address) == 200
        order.append(address)

    async with receiving(tmp_path) as (receiver, url):
        receiver.thread.submit(release.wait)
        try:
            flood = [asyncio.create_task(send("127.0.0.2")) for _ in range(8)]
            await until(lambda: receiver.under_way.total() == 8)
            flood.append(asyncio.create_task(send("127.0.0.3")))
            await until(lambda: receiver.under_way.total() == 9)
        finally:
            release.set()
        await asyncio.gather(*flood)
    assert "127.0.0.3" in order[:3]


async def test_others_come_within_one_request(tmp_path: Path) -> None:
    """A request of 20 KB that is a million events took the collector nine seconds."""
    events = tuple({"kind": "x"} for _ in range(4000))
    packed = [seal(sequence, frames=0, agent="many", events=events) for sequence in range(1, 65)]
    body = encode_request(Request("many", EPOCH, packed))
    assert len(body) < 20_000
    async with receiving(tmp_path) as (receiver, url):
        flood = [asyncio.create_task(post(url, "127.0.0.2", body)) for _ in range(3)]
        await until(lambda: receiver.under_way["127.0.0.2"] == 3)
        assert await post(url) == 200
        assert receiver.under_way["127.0.0.2"] == 3
        assert await asyncio.gather(*flood) == [200, 200, 200]
        assert (receiver.counts["batches"], receiver.counts["duplicates"]) == (64 + 1, 2 * 64)
        assert not receiver.under_way
        assert not receiver.bytes_under_way
        assert not receiver.waiting.lines


async def test_what_is_stored_piece_by_piece_is_answered_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "PIECE_BYTES", 1)
    sound = [seal(sequence) for sequence in (1, 2, 4)]
    request = Request("site-1", EPOCH, [*sound, (5, b"no batch")], [SCHEMA_BODY])
    async with receiving(tmp_path) as (receiver, url), aiohttp.ClientSession() as session:
        for stored in (3, 0):
            answer = await session.post(url + PATH, data=encode_request(request), headers=HEADERS)
            ack = decode_ack(await answer.read())
            assert (ack.durable_through, ack.missing, ack.need_schema) == (4, [(3, 3)], [])
            assert [sequence for sequence, _ in ack.refused] == [5]
            assert receiver.counts["batches"] == 3
            assert receiver.counts["duplicates"] == 3 - stored
        other = encode_request(Request("site-1", EPOCH, [seal(1, seed=1), seal(6)]))
        answer = await session.post(url + PATH, data=other, headers=HEADERS)
        assert answer.status == 409
        assert receiver.counts["conflicts"] == 1


async def test_however_many_ask_for_metrics_they_are_made_as_often_as_one_would_ask(tmp_path: Path) -> None:
    release = threading.Event()
    async with receiving(tmp_path) as (receiver, url), aiohttp.ClientSession() as session:

        async def read() -> str:
            async with session.get(url + "/metrics") as answer:
                return await answer.text()

        receiver.thread.submit(release.wait)
        try:
            asked = [asyncio.create_task(read()) for _ in range(50)]
            await until(lambda: receiver.expositions == 1)
            await asyncio.sleep(0.2)
        finally:
            release.set()
        await asyncio.gather(*asked)
        assert receiver.expositions == 2
        assert await post(url) == 200
        assert "cellwarden_collector_batches_total 1.0" in await read()  # and never from before one asked
