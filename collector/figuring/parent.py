"""Figures beside a serving collector: a process makes them, and the sink's thread keeps each piece.

A process and no thread: decoding takes what Python does one at a time, and batches must not wait for it.
"""

import asyncio
import contextlib
import json
import logging
import pickle
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from collector.figures.job import SETTLE_S
from collector.figures.work import FigureKeeper
from collector.figuring.said import KEPT, LENGTH_BYTES, NOT_KEPT, Said
from collector.sink import SinkError

log = logging.getLogger(__name__)

AGAIN_S = 30.0  # after a process that ended
COMMAND = (sys.executable, "-m", "collector.figuring.child")


@dataclass
class Figuring:
    """The figures of one archive. sink: as --sink takes it. keeper: keeps each piece, `on_thread`.

    behind_ns: since when the oldest frames wait for their minute; None: none do, or nobody has looked yet.
    """

    sink: str
    keeper: FigureKeeper
    on_thread: Callable[..., Awaitable[Any]]
    settle_s: Mapping[int, int] = field(default_factory=lambda: SETTLE_S)
    utc_ns: Callable[[], int] = time.time_ns
    behind_ns: int | None = None

    def behind_s(self) -> float | None:
        """How long the oldest frames wait for their minute."""
        return None if self.behind_ns is None else (self.utc_ns() - self.behind_ns) / 1e9

    async def run(self) -> None:
        """Have them made until cancelled."""
        while True:
            status = await self._have_made()
            log.error("the process that makes figures ended (%s); it is started again", status)
            await asyncio.sleep(AGAIN_S)

    async def _have_made(self) -> int | None:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*COMMAND, stdin=pipe, stdout=pipe)
        assert process.stdin
        assert process.stdout
        try:
            told = {"sink": self.sink, "settle_s": dict(self.settle_s)}
            process.stdin.write(json.dumps(told).encode() + b"\n")
            await self._keep(process.stdin, process.stdout)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        return process.returncode

    async def _keep(self, told: asyncio.StreamWriter, said: asyncio.StreamReader) -> None:
        """Keep one piece after another, until the process has ended."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length = int.from_bytes(await said.readexactly(LENGTH_BYTES))
                one: Said = pickle.loads(await said.readexactly(length))
                self.behind_ns = one.behind_ns
                if one.work is None:
                    continue
                try:
                    await self.on_thread(self.keeper.write_figures, one.work, self.utc_ns())
                    told.write(KEPT)
                except SinkError as error:
                    log.error("figures are not kept: %s", error)
                    told.write(NOT_KEPT)
