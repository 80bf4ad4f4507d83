"""One buffer in a folder, opened again and again; and whatever an alarm says in a test can be said by
docs/sentences.md alone.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.detect.explanations.said import Said
from agent.store.account import BufferSettings
from agent.store.store import Store
from agent.store.upstream import MAIN, Upstream
from tests.agent.detect import sayer
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


@pytest.fixture(scope="session")
def words() -> sayer.Words:
    return sayer.words_of(sayer.PAGE.read_text("utf-8"))


@pytest.fixture(autouse=True)
def _said_far_away(monkeypatch: pytest.MonkeyPatch, words: sayer.Words) -> Iterator[None]:
    told, found = Said.told, list[dict[str, Any]]()

    def tell(one: Said) -> dict[str, Any]:
        found.append(told(one))
        return found[-1]

    monkeypatch.setattr(Said, "told", tell)
    yield
    for one in found:
        if set(one["sentence"].split(" ")) <= set(words):  # a test may have sentences of its own
            assert sayer.say(one, words) == one["text"]
