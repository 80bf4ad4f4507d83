"""A collector inside the test's own process, on a real socket."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from collector.app import Receiver
from collector.intake import Intake
from collector.runner import Runner
from collector.sqlite.sink import SqliteSink


@asynccontextmanager
async def receiving(tmp_path: Path, **options: Any) -> AsyncIterator[tuple[Receiver, str]]:
    """Give it, and its URL."""
    intake = Intake(SqliteSink(tmp_path / "collector.db"), time.time_ns)
    receiver = Receiver(intake, **options)
    runner = Runner(receiver.app(), auto_decompress=False, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield receiver, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
        receiver.thread.shutdown()
        intake.close()
