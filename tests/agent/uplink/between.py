"""What sites have between an agent and its collector, as Debian has it: started, changed, ended."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


async def listens(port: int, within_s: float = 20.0) -> None:
    """Wait until something takes connections at a port of this machine."""
    async with asyncio.timeout(within_s):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def running(port: int, *command: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a server that listens at `port`; end it at the end, where it has not ended before."""
    with log.open("ab") as said:
        process = await asyncio.create_subprocess_exec(*command, stdout=said, stderr=said)
    try:
        await listens(port)
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
