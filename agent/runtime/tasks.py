"""Tasks that nobody waits for, and those that must not end."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

log = logging.getLogger(__name__)


class Background:
    """Work that is begun now and waited for at the end only. What a piece of it raises is logged, and ends
    nothing else.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin a piece of work."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("%s: %s", type(error).__name__, error, exc_info=error)

    async def done(self) -> None:
        """Wait for all that was begun."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


def supervised(work: Coroutine[Any, Any, Any], ended: Callable[[], None]) -> asyncio.Task[Any]:
    """Run what must not end; `ended` is told when it does, other than by being cancelled.

    For what watches; what serves is for `agent.runtime.supervisor`.
    """
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
