"""Figures beside a serving collector: by a process of their own, which ends with it and is started again."""

import asyncio
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from collector.figures.figures import Figures
from collector.figuring import parent
from collector.figuring.parent import Figuring
from collector.sink import SinkError
from tests.collector.figures.frames import AGENT, AT_ONCE, UNIT, UTC_S, Kept, batch_of, second_by_second
from tests.collector.places import Place
from tests.collector.processes import Collector

WAIT_S = 30.0


async def until(so: Callable[[], Any], wait_s: float = WAIT_S) -> None:
    async with asyncio.timeout(wait_s):
        while not await asyncio.to_thread(so):  # noqa: ASYNC110  of a process
            await asyncio.sleep(0.05)


def served(kept: Kept, during: Callable[[Figuring], Any]) -> None:
    """Have figures made of an archive while `during` runs."""

    async def serve() -> None:
        with ThreadPoolExecutor(1) as thread:

            async def on_thread(call: Any, *args: Any) -> Any:
                return await asyncio.get_running_loop().run_in_executor(thread, call, *args)

            figuring = Figuring(kept.text, kept.sink, on_thread, AT_ONCE, lambda: kept.now_ns)
            task = asyncio.create_task(figuring.run())
            try:
                await during(figuring)
            finally:
                task.cancel()
                await asyncio.wait([task])

    asyncio.run(serve())


def minutes(kept: Kept) -> list[Figures]:
    """Those of a whole piece of work, hours included."""
    archive = kept.place.read()
    try:
        return (
            list(archive.minutes(AGENT, UNIT, 0, 2**40))
            if archive.waiting(AGENT, UNIT, 0, 2**40) == set()
            else []
        )
    finally:
        archive.close()


@pytest.fixture
def kept(place: Place) -> Kept:
    kept = Kept(place)
    kept.take(batch_of(1, second_by_second(UTC_S, 10)))
    return kept


def test_a_process_makes_figures_and_says_how_far_it_is(kept: Kept) -> None:
    async def during(figuring: Figuring) -> None:
        assert figuring.behind_s() is None
        await until(lambda: minutes(kept))
        await until(lambda: figuring.behind_ns is None)
        await figuring.on_thread(kept.take, batch_of(2, second_by_second(UTC_S + 60, 10)))
        await until(lambda: len(minutes(kept)) == 2)

    served(kept, during)
    assert children() == []


def test_a_process_that_is_killed_is_started_again(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "AGAIN_S", 0.1)

    async def during(figuring: Figuring) -> None:
        await until(lambda: minutes(kept))
        (child,) = children()
        os.kill(child, signal.SIGKILL)
        await figuring.on_thread(kept.take, batch_of(2, second_by_second(UTC_S + 60, 10)))
        await until(lambda: len(minutes(kept)) == 2)

    served(kept, during)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_what_cannot_be_kept_is_made_again(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "AGAIN_S", 0.1)
    write, refused = kept.sink.write_figures, list[int]()

    def full(*args: Any) -> None:
        if len(refused) < 2:
            refused.append(1)
            raise SinkError("collector.db", "disk full")
        write(*args)

    monkeypatch.setattr(kept.sink, "write_figures", full)

    async def during(figuring: Figuring) -> None:
        await until(lambda: minutes(kept))

    served(kept, during)
    assert len(refused) == 2


def test_the_process_ends_with_its_collector(tmp_path: Path) -> None:
    with Collector(tmp_path / "collector.db") as collector:

        async def killed() -> None:
            await until(lambda: children(collector.process.pid))
            (child,) = children(collector.process.pid)
            collector.process.kill()
            await until(lambda: not Path(f"/proc/{child}").exists())

        asyncio.run(killed())


def children(pid: int | None = None) -> list[int]:
    tasks = Path(f"/proc/{pid or os.getpid()}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]
