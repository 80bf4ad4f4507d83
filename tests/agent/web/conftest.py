import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.web.server import Page
from tests.agent.view.sites import rack, shown, status, unit
from tests.agent.web.buffers import FRAMES, buffer, cells_in_alarm, sagging


class Room:
    """A page of a site whose state the test sets."""

    def __init__(self, buffer: Path = Path("/nonexistent/buffer.db"), **more: Any) -> None:
        self.status, self.points = status([unit()]), {"rack-1": rack()}
        self.looks = 0
        self.page = Page("127.0.0.1", 0, self._look, buffer, **more)
        self.tasks: list[asyncio.Task[None]] = []

    async def _look(self, name: str | None) -> dict[str, Any]:
        self.looks += 1
        return shown(self.status, {n: p for n, p in self.points.items() if name in (None, n)})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.page.port}/"

    async def start(self) -> None:
        self.tasks = [asyncio.create_task(work()) for work in (self.page.run, self.page.announce)]
        await self.page.tried.wait()
        assert self.page.trouble == ""

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks = []


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    room = Room()
    await room.start()
    yield room
    await room.stop()


@pytest.fixture
async def sagging_room(tmp_path: Path) -> AsyncIterator[Room]:
    """A room whose buffer holds the half hour in which a cell left its siblings."""
    buffer(tmp_path / "buffer.db", sagging, FRAMES)
    room = Room(tmp_path / "buffer.db")
    cells_in_alarm(room)
    await room.start()
    yield room
    await room.stop()
