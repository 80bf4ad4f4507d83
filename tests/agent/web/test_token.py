"""The token of a page on the network, in each way in which one can come."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.web.guard import Door, whose
from tests.agent.web.conftest import Room
from tests.collector.authority import Authority

TOKEN = "0123456789abcdef0123"
LATIN = "caf\xe9"
WAYS: dict[str, dict[str, Any]] = {
    "form": {"method": "POST", "path": "login", "data": b"token=%s"},
    "bearer": {"headers": {"Authorization": "Bearer %s"}},
    "cookie": {"headers": {"Cookie": "cellwarden=%s"}},
}
ZIPPED = {**WAYS["form"], "headers": {"Content-Encoding": "gzip"}}
BOTH = {"headers": {"Cookie": "cellwarden=%s", "Authorization": "Bearer %s"}}


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[tuple[str, ssl.SSLContext]]:
    """A page that wants a token: where, and whom to trust."""
    authority = Authority(tmp_path)
    token = tmp_path / "token"
    token.write_text(TOKEN)
    room = Room(tls=authority.issue("box"), token=token)
    await room.start()
    yield f"https://localhost:{room.page.port}/", ssl.create_default_context(cafile=str(authority.path))
    await room.stop()


async def said_to(url: str, trust: ssl.SSLContext, way: str, token: str) -> int:
    """The status that a token gets which comes in some way; as raw bytes, so that it may be anything."""
    asked = {**WAYS, "zipped": ZIPPED}.get(way, BOTH)
    host, _, port = url.removeprefix("https://").strip("/").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=trust)
    body = asked.get("data", b"").replace(b"%s", token.encode())
    head = f"{asked.get('method', 'GET')} /{asked.get('path', '')} HTTP/1.1\r\nHost: {host}\r\n"
    head += "".join(f"{k}: {v.replace('%s', token)}\r\n" for k, v in asked.get("headers", {}).items())
    head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode("latin-1" if token == LATIN else "utf-8") + body)
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


@pytest.mark.parametrize("way", WAYS)
async def test_wrong_tokens_are_few_whichever_way_they_come(
    guarded: tuple[str, ssl.SSLContext], way: str
) -> None:
    statuses = [await said_to(*guarded, way, f"guess-{i}") for i in range(8)]
    assert statuses == [401] * 5 + [429] * 3
    right = Door(TOKEN).session() if way == "cookie" else TOKEN  # whoever guesses can make it of each guess
    assert await said_to(*guarded, way, right) == 429  # or guessing would go on


async def test_a_cookie_beside_another_token_is_a_try_too_and_who_is_in_stays_in(
    guarded: tuple[str, ssl.SSLContext],
) -> None:
    for i in range(8):
        await said_to(*guarded, "both", f"guess-{i}")
    assert await said_to(*guarded, "cookie", Door(TOKEN).session()) == 429
    assert await said_to(*guarded, "form", TOKEN) == 303
    assert await said_to(*guarded, "cookie", Door(TOKEN).session()) == 200
    for i in range(8):
        await said_to(*guarded, "cookie", f"guess-{i}")
    assert await said_to(*guarded, "cookie", Door(TOKEN).session()) == 200


async def test_a_right_bearer_is_no_try_and_a_stale_cookie_leaves_the_form_alone(
    guarded: tuple[str, ssl.SSLContext],
) -> None:
    assert [await said_to(*guarded, "bearer", TOKEN) for _ in range(8)] == [200] * 8
    for i in range(8):
        await said_to(*guarded, "cookie", f"stale-{i}")
    assert await said_to(*guarded, "form", TOKEN) == 303


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("token", ["\u00df\u00fc\u20ac", LATIN])
async def test_a_token_that_is_no_ascii_is_a_wrong_one(
    guarded: tuple[str, ssl.SSLContext], way: str, token: str
) -> None:
    assert await said_to(*guarded, way, token) == 401


@pytest.mark.parametrize(
    ("address", "neighbour", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2:3:4", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("", "", True),
    ],
)
def test_who_has_all_addresses_of_a_network_has_the_tries_of_one(
    address: str, neighbour: str, same: bool
) -> None:
    assert (whose(address) == whose(neighbour)) is same


async def test_a_form_that_claims_to_be_compressed_is_no_way_around(
    guarded: tuple[str, ssl.SSLContext],
) -> None:
    assert [await said_to(*guarded, "zipped", f"guess-{i}") for i in range(7)] == [401] * 5 + [429] * 2
