"""A part that serves may die; the watching may not.

Uplink, page, metrics, announcements and outputs each run here: what one raises is logged and told, and it is
begun anew. Only polling, judging and the buffer may end the process.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from agent.modbus.repeats import Repeats
from agent.wire.text import printable

log = logging.getLogger(__name__)

SOON_S, SELDOM_S = 1.0, 60.0  # until a part that failed is begun anew; doubled each time
STEADY_S = 60.0  # a part that has run for so long is well again

Work = Callable[[], Coroutine[Any, Any, Any]]


async def serve(part: str, work: Work, told: Callable[[str], None]) -> None:
    """Run `work()` until cancelled, anew after whatever it raises, and after an end of its own.

    `told` is told what was wrong with it each time, and "" where it has run for STEADY_S. The log says each
    trouble once, then once an hour how often it came.
    """
    wait_s, logged = SOON_S, Repeats()
    while True:
        running = asyncio.create_task(work(), name=part)
        try:
            await asyncio.wait({running}, timeout=STEADY_S)
            if not running.done():
                wait_s = SOON_S
                logged.forget()
                told("")
                await asyncio.wait({running})
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        trouble = _end_of(running)
        if line := logged.again(f"{trouble}; begun anew until it works", time.monotonic()):
            log.error("%s: %s", part, line, exc_info=_raised(running))
        told(trouble)
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, SELDOM_S)


def _raised(ended: "asyncio.Task[Any]") -> BaseException | None:
    return None if ended.cancelled() else ended.exception()


def _end_of(ended: "asyncio.Task[Any]") -> str:
    error = _raised(ended)
    if error is None:
        return "it ended by itself"
    ours = type(error).__module__.startswith("agent.") and str(error)  # a sentence for people
    return printable(ours or f"{type(error).__name__}: {error}")
