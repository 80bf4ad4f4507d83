"""Tasks that nobody waits for, and those that must not end."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any


class Background:
    """Work that is begun now and waited for at the end only."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin a piece of work."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def done(self) -> None:
        """Wait for all that was begun. Raises what any of it raised."""
        await asyncio.gather(*self._tasks)


def supervised(work: Coroutine[Any, Any, Any], ended: Callable[[], None]) -> asyncio.Task[Any]:
    """Run what must not end; `ended` is told when it does, other than by being cancelled."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: None if done.cancelled() else ended())
    return task


async def cancel(tasks: Iterable[asyncio.Task[Any]]) -> list[BaseException]:
    """Cancel tasks and return what those had raised that failed by themselves."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return [r for r in results if isinstance(r, BaseException) and not isinstance(r, asyncio.CancelledError)]
