"""The sending half of an agent for `bench uplink`, and collectors as the processes that they are."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import numpy as np

from agent.alarms.record import about_itself, record_of
from agent.bench.buffer import batch_of_unit
from agent.bench.wire import simulated
from agent.clock import Stamp
from agent.config.tables import UpstreamTable
from agent.detect.explanations.said import Sentence, said
from agent.store.ledger import Event
from agent.store.store import Store
from agent.store.writer import Writer
from agent.tls.contexts import client_context
from agent.uplink.pace import Pace
from agent.uplink.uplink import Uplink
from hil.run.processes import Child, Children

AGENT, BATCH_S = "site-12-box-3", 10
COMMIT = 240  # batches to a commit while a backlog is made
SHARE = UpstreamTable.model_fields["backlog_share"].default


def uplink_to(name: str, url: str, store: Store, writer: Writer) -> Uplink:
    """An uplink as an agent makes it."""
    return Uplink(name, url, AGENT, store, writer, Pace(SHARE), client_context, lambda *_: None)


@contextlib.asynccontextmanager
async def running(uplinks: Iterable[Uplink]) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """Send until the block ends."""
    sending = [asyncio.create_task(uplink.run()) for uplink in uplinks]
    try:
        yield sending
    finally:
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)


def collector(children: Children, name: str, listen: str = "127.0.0.1:0") -> tuple[str, Child]:
    """Start a collector with a database of its name; return its URL, and the process."""
    sink = f"sqlite:{database(children.folder, name)}"
    child = children.start(name, "collector.cli", "serve", "--sink", sink, "--listen", listen)
    return child.first_line().rpartition(" ")[2], child


def database(folder: Path, name: str) -> Path:
    """Where a collector of this name has its batches."""
    return folder / f"{name}.db"


def fill(store: Store, seconds: int, units: int = 1) -> int:
    """Seal so many seconds of 300 values at 1 s, in batches of 10 s; return how many batches these are."""
    rng, count = np.random.default_rng(20250926), seconds // BATCH_S * units
    for start in range(0, count, COMMIT):
        store.seal(
            [
                batch_of_unit(
                    rng, f"rack{n % units + 1}/bmu", simulated(rng, BATCH_S), BATCH_S * (n // units + 1)
                )
                for n in range(start, min(start + COMMIT, count))
            ]
        )
    return count


def an_alarm(unit: str = "rack1/bmu") -> Event:
    """An alarm, about nothing."""
    stamp = Stamp(10**18, 10**18, True)
    return Event(
        unit, record_of(unit, about_itself("bench", said(Sentence("bench", "an alarm")), stamp), stamp)
    )


async def alarm_arrives(store: Store, writer: Writer, upstream: str) -> None:
    """Wait until no alarm waits for an upstream's word."""
    while any(b.priority == 0 for b in (await writer(store.pending, upstream, 1, 0))[1]):  # noqa: ASYNC110
        await asyncio.sleep(0.002)
