"""Announcements over real multicast on the loopback interface."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent.discovery import AGENT, COLLECTOR, Found, announce, find

HOME = "127.0.0.1"


@contextlib.asynccontextmanager
async def announced(*arguments: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(announce(*arguments))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def found(kind: str, wanted: int) -> list[Found]:
    """Look for up to 8 s, until so many answer."""
    listed: list[Found] = []
    for seconds in (0.5, 1.0, 2.0, 4.0):
        try:
            listed = await find(kind, seconds, [HOME])
        except OSError as error:
            pytest.skip(f"no multicast on the loopback interface here: {error}")
        if len(listed) >= wanted:
            break
    return listed


async def test_an_agent_that_announces_itself_is_found_with_its_words_and_leaves_again() -> None:
    said = {"version": "1.2.3", "site": "Röom A", "path": "/"}
    async with announced(AGENT, "room-a", HOME, 8480, said):
        (one,) = await found(AGENT, 1)
        assert (one.name, one.host, one.port, one.said) == ("room-a", HOME, 8480, said)
        assert one.url == "https://127.0.0.1:8480/"
        assert await find(COLLECTOR, 0.3, [HOME]) == []
    assert await find(AGENT, 0.5, [HOME]) == []


async def test_two_of_one_name_are_both_found() -> None:
    async with announced(AGENT, "twin", HOME, 1, {}), announced(AGENT, "twin", HOME, 2, {}):
        assert {one.port for one in await found(AGENT, 2)} == {1, 2}


async def test_a_name_that_is_too_long_for_dns_is_cut() -> None:
    async with announced(COLLECTOR, "x" * 200, HOME, 1, {}):
        (one,) = await found(COLLECTOR, 1)
        assert one.name == "x" * 63
