"""One buffer in a folder, opened again and again."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.store.account import BufferSettings
from agent.store.store import Store
from agent.store.upstream import MAIN, Upstream
from tests.agent.store.buffers import BOOT, Opener, kill, own_alarm


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Opener]:
    """Open the buffer; the store that was open before ends as if it were killed."""
    opened: list[Store] = []

    def end_last() -> None:
        while opened:
            kill(opened.pop())

    def opener(end: bool = True, upstreams: Sequence[Upstream] = (MAIN,), **settings: Any) -> Store:
        if end:
            end_last()
        store = Store(
            tmp_path / "buffer.db", "agent-1", BOOT, upstreams, own_alarm, BufferSettings(**settings)
        )
        opened.append(store)
        return store

    yield opener
    end_last()
