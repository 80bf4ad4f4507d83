"""A wait in this process for what no event tells of."""

import asyncio
from collections.abc import Callable

#: A stop is promised within 2 s, and takes its share of a busy machine; one that waits in vain takes 10 s.
STOPPED_S = 5.0


async def until(wanted: Callable[[], bool], within_s: float = 20.0) -> None:
    """Wait until it is so. TimeoutError where it is not within `within_s`."""
    async with asyncio.timeout(within_s):
        while not wanted():  # noqa: ASYNC110 - pins, registers and other tasks have no events
            await asyncio.sleep(0.005)
