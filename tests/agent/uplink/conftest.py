"""A real collector on a real socket, whose answers can be lost or replaced, and an agent's sending half."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from agent.clock import Stamp
from agent.detect.explanations.said import Said
from agent.frame import Frame
from agent.store.open_batch import OpenBatch
from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.store.writer import Writer
from agent.tls.contexts import client_context
from agent.uplink.alarms import CONFLICT
from agent.uplink.pace import Pace
from agent.uplink.uplink import Uplink
from agent.wire import Limits, Request, decode_request, encode_schema
from collector.app import Receiver
from collector.audit import StreamAccount, audit
from collector.intake import Intake
from collector.sqlite.archive import SqliteArchive
from collector.sqlite.sink import SqliteSink
from tests.agent.store.buffers import BOOT, own_alarm


@cache
def described(n: int) -> tuple[bytes, bytes]:
    """A schema of n values."""
    texts = {key: [key] * n for key in ("name", "place", "unit", "quantity")}
    return encode_schema(
        {**texts, "reading": [0] * n, "raw_offset": [0] * n, "scale": [1] * n, "offset": [0] * n}
    )


SCHEMA, SCHEMA_BODY = described(30)
Fault = Callable[[web.Request, Callable[[], Awaitable[web.StreamResponse]]], Awaitable[web.StreamResponse]]


@dataclass
class Site:
    """A collector and a buffer; `faults` are used up, one for each request that carries batches."""

    folder: Path
    url: str
    receiver: Receiver
    store: Store
    writer: Writer = field(default_factory=Writer)
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    def uplink(self, pace: Pace | None = None, store: Store | None = None, name: str = "main") -> Uplink:
        return Uplink(
            name,
            self.url,
            "site-1",
            store or self.store,
            self.writer,
            pace or Pace(1.0),
            client_context,
            self.tell,
        )

    def tell(self, detector: str, told: Said | None) -> None:
        if detector == CONFLICT and told:
            self.conflicts.append(told.text)

    async def seal(self, *at_s: int, n: int = 30) -> None:
        self.store.add_schema(*described(n))
        for one in at_s:
            await self.writer(self.store.seal, [batch(one, n)])

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait, request by request, until it is so."""
        async with asyncio.timeout(20), self.came:
            await self.came.wait_for(wanted)

    async def delivered(self) -> None:
        """Wait until nothing is pending."""
        async with asyncio.timeout(20):
            while (await self.writer(self.store.account, "main")).pending:  # noqa: ASYNC110 - told by another task
                await asyncio.sleep(0)

    def audit(self) -> list[StreamAccount]:
        archive = SqliteArchive(self.receiver.intake.sink.path)
        try:
            return audit(archive)
        finally:
            archive.close()


def batch(at_s: int, n: int = 30) -> OpenBatch:
    stamp = Stamp(at_s * 10**9, at_s * 10**9, True)
    raw = np.random.default_rng(at_s).integers(0, 2**40, n)
    return OpenBatch(Frame("rack-1", "rack-1", described(n)[0], stamp, raw, np.zeros(n, np.uint8)))


@asynccontextmanager
async def site_in(folder: Path, **options: Any) -> AsyncIterator[Site]:
    intake = Intake(SqliteSink(folder / "collector.db"), time.time_ns)
    receiver = Receiver(intake, **options)
    app = receiver.app()
    runner = web.AppRunner(app, auto_decompress=False)
    store = Store(folder / "buffer.db", "site-1", BOOT, [MAIN], own_alarm)
    site = Site(folder, "", receiver, store)

    @web.middleware
    async def faulty(http: web.Request, handler: Any) -> web.StreamResponse:
        request = decode_request(await http.read(), Limits(request=10**8, batches=10**6))
        fault = site.faults.pop(0) if request.batches and site.faults else None
        try:
            return await (fault(http, lambda: handler(http)) if fault else handler(http))
        finally:
            async with site.came:
                site.requests.append(request)
                site.came.notify_all()

    app.middlewares.append(faulty)
    receiver.inbox.read = lambda http, sender, most: http.read()  # type: ignore[method-assign] - it came
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield site
    finally:
        await runner.cleanup()
        await site.writer(store.close)
        site.writer.close()
        receiver.thread.shutdown()
        intake.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_in(tmp_path) as found:
        yield found
