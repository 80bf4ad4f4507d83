"""How fast a week's backlog of one rack drains into a real collector process, and how long alarms wait then.

300 values at 1 s in batches of 10 s: 60,480 of them. The agent's half and the collectors share this machine's
cores, over loopback HTTP. Alarm after alarm is sealed meanwhile, and waited for; the slowest counts. Then a
second collector is named, to which the week goes from the history; each alarm must be at both.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agent.bench import healed, second_site
from agent.bench.buffer import alarm, batch_of_unit, disk
from agent.bench.sending import AGENT, COMMIT, alarm_arrives, an_alarm, collector, fill, running, uplink_to
from agent.bench.wire import BOOT, Figure, simulated
from agent.store.account import BufferSettings
from agent.store.store import Store
from agent.store.upstream import MAIN, Upstream
from agent.store.writer import Writer
from agent.uplink.uplink import Uplink
from hil.run.processes import Children

DAY_S = 86_400
WEEK_S = 7 * DAY_S
SECOND = Upstream("second", required=False)
HISTORY = BufferSettings(history_bytes=256 * 1024 * 1024)  # a week of a rack and more


def measure() -> list[Figure]:
    """Every figure of `cellwarden bench uplink`."""
    figures: list[Figure] = []
    for part in (_measure, second_site.measure, healed.measure):
        with tempfile.TemporaryDirectory(prefix="cellwarden-bench-", dir=disk()) as folder:
            figures += asyncio.run(part(Path(folder)))
    return figures


async def _measure(folder: Path) -> list[Figure]:
    store, writer = Store(folder / "buffer.db", AGENT, BOOT, [MAIN], alarm, HISTORY), Writer()
    count = fill(store, WEEK_S)
    with Children(folder) as children:
        main = uplink_to("main", collector(children, "first")[0], store, writer)
        async with running([main]) as sending:
            took_s, waits_s = await _drain(store, writer, "main", [main], sending)
            await writer(store.name_upstreams, [MAIN, SECOND])
            second = uplink_to("second", collector(children, "second")[0], store, writer)
            async with running([second]) as more:
                _, both_s = await _drain(store, writer, "second", [main, second], [*sending, *more])
    writer.close()
    store.close()
    return [
        ("drain_times_real_time", WEEK_S / took_s, "times"),
        ("drain_batches_per_s", count / took_s, "batches/s"),
        ("alarm_during_drain_s", max(waits_s), "s"),
        ("alarms_during_drain", float(len(waits_s)), ""),
        ("alarm_two_upstreams_s", max(both_s), "s"),
        ("alarms_two_upstreams", float(len(both_s)), ""),
    ]


async def _drain(
    store: Store,
    writer: Writer,
    name: str,
    uplinks: Sequence[Uplink],
    sending: Sequence["asyncio.Task[None]"],
) -> tuple[float, list[float]]:
    """Wait until an upstream lacks nothing; return the seconds, and those that each alarm took meanwhile."""
    start_s, waits_s = time.perf_counter(), list[float]()
    while (pending := (await writer(store.account, name)).pending) > 0:
        for task in sending:
            if task.done():
                await task
        if pending > COMMIT:
            waits_s.append(await _alarm(store, writer, uplinks))
        await asyncio.sleep(0.2)
    return time.perf_counter() - start_s, waits_s


async def _alarm(store: Store, writer: Writer, uplinks: Sequence[Uplink]) -> float:
    """Seal an alarm and the open batch; return the seconds until each collector has the alarm."""
    rng = np.random.default_rng(1)
    start_s = time.perf_counter()
    open_batch = batch_of_unit(rng, "rack1/bmu", simulated(rng, 1), 10**9)
    await writer(store.seal, [open_batch], [an_alarm()])
    for uplink in uplinks:
        uplink.wake(alarm=True)
    for uplink in uplinks:
        await alarm_arrives(store, writer, uplink.status.name)
    return time.perf_counter() - start_s
