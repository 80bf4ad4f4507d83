"""How fast a week's backlog of one rack drains into a real collector process, and how long alarms wait then.

300 values at 1 s in batches of 10 s: 60,480 of them. The agent's half and the collector share this machine's
cores, over loopback HTTP. Alarm after alarm is sealed meanwhile, and waited for; the slowest counts.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from agent.alarms.record import about_itself, record_of
from agent.bench.buffer import alarm, batch_of_unit, disk
from agent.bench.wire import BOOT, Figure, simulated
from agent.clock import Stamp
from agent.config.tables import UpstreamTable
from agent.store.ledger import Event
from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.store.writer import Writer
from agent.tls.contexts import client_context
from agent.uplink.pace import Pace
from agent.uplink.uplink import Uplink
from hil.run.processes import Children

DAYS, BATCH_S = 7, 10
COMMIT = 240  # batches to a commit while the backlog is made
SHARE = UpstreamTable.model_fields["backlog_share"].default


def measure() -> list[Figure]:
    """Every figure of `cellwarden bench uplink`."""
    with tempfile.TemporaryDirectory(prefix="cellwarden-bench-", dir=disk()) as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Figure]:
    store, writer = Store(folder / "buffer.db", "site-12-box-3", BOOT, [MAIN], alarm), Writer()
    count = DAYS * 86_400 // BATCH_S
    _fill(store, count)
    async with _collector(folder) as url:
        pace = Pace(SHARE)
        uplink = Uplink("main", url, "site-12-box-3", store, writer, pace, client_context, lambda *_: None)
        start_s = time.perf_counter()
        sending = asyncio.create_task(uplink.run())
        waits_s: list[float] = []
        while (pending := (await writer(store.account, "main")).pending) > 0:
            if sending.done():
                await sending
            if pending > COMMIT:
                waits_s.append(await _alarm(store, writer, uplink))
            await asyncio.sleep(0.2)
        took_s = time.perf_counter() - start_s
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    writer.close()
    store.close()
    return [
        ("drain_times_real_time", DAYS * 86_400 / took_s, "times"),
        ("drain_batches_per_s", count / took_s, "batches/s"),
        ("alarm_during_drain_s", max(waits_s), "s"),
        ("alarms_during_drain", float(len(waits_s)), ""),
    ]


def _fill(store: Store, count: int) -> None:
    rng = np.random.default_rng(20250926)
    for start in range(0, count, COMMIT):
        store.seal(
            [
                batch_of_unit(rng, "rack1/bmu", simulated(rng, BATCH_S), BATCH_S * n)
                for n in range(start, start + COMMIT)
            ]
        )


async def _alarm(store: Store, writer: Writer, uplink: Uplink) -> float:
    """Seal an alarm and the open batch; return the seconds until the collector has acknowledged the alarm."""
    rng = np.random.default_rng(1)
    stamp = Stamp(10**18, 10**18, True)
    event = Event("rack1/bmu", record_of("rack1/bmu", about_itself("bench", "an alarm", stamp), stamp))
    start_s = time.perf_counter()
    await writer(store.seal, [batch_of_unit(rng, "rack1/bmu", simulated(rng, 1), 10**9)], [event])
    uplink.wake(alarm=True)
    while any(b.priority == 0 for b in (await writer(store.pending, "main", 1, 0))[1]):  # noqa: ASYNC110
        await asyncio.sleep(0.002)
    return time.perf_counter() - start_s


@contextlib.asynccontextmanager
async def _collector(folder: Path) -> AsyncIterator[str]:
    with Children(folder) as children:
        sink = f"sqlite:{folder / 'collector.db'}"
        child = children.start(
            "collector", "collector.cli", "serve", "--sink", sink, "--listen", "127.0.0.1:0"
        )
        yield child.first_line().rpartition(" ")[2]
