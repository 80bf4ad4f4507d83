"""How fast a collector that was emptied has all again, from the history of one agent: for `bench uplink`.

Eight units of 300 values at 1 s in batches of 10 s, half a day of them, and fresh ones meanwhile. What is
missing is known with the first commit after the collector's next answer; from there the time counts. It is
looked at half a minute after the emptied collector listens again, if not all is there before.
"""

import asyncio
import time
from pathlib import Path

import numpy as np

from agent.bench.buffer import alarm, batch_of_unit
from agent.bench.sending import AGENT, BATCH_S, collector, database, fill, running, uplink_to
from agent.bench.wire import BOOT, Figure, simulated
from agent.store.account import BufferSettings
from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.store.writer import Writer
from agent.uplink.uplink import Uplink
from hil.run.processes import Children

UNITS, DATA_S = 8, 12 * 3600
MOST_S = 30.0
HISTORY = BufferSettings(history_bytes=128 * 1024 * 1024)


async def measure(folder: Path) -> list[Figure]:
    """Return the data time that was healed in a second."""
    store, writer = Store(folder / "buffer.db", AGENT, BOOT, [MAIN], alarm, HISTORY), Writer()
    count = fill(store, DATA_S, UNITS)
    with Children(folder) as children:
        url, child = collector(children, "first")
        uplink = uplink_to("main", url, store, writer)
        async with running([uplink]):
            while (await writer(store.account, "main")).pending:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            await writer(store.seal, [])
            await asyncio.to_thread(child.stop)
            await asyncio.to_thread(_empty, folder)
            await asyncio.to_thread(collector, children, "first", url.rpartition("/")[2])
            found_s, healed_in_s, healed = await _heal(store, writer, uplink, count)
    writer.close()
    store.close()
    return [
        ("heal_times_real_time", healed * BATCH_S / UNITS / healed_in_s, "times"),
        ("heal_found_s", found_s, "s"),
        ("heal_share", healed / count, ""),
    ]


def _empty(folder: Path) -> None:
    for path in folder.glob(f"{database(folder, 'first').name}*"):
        path.unlink()


async def _heal(store: Store, writer: Writer, uplink: Uplink, count: int) -> tuple[float, float, int]:
    """Seal fresh batches as an agent does, until all is healed or the time is over.

    Return the seconds until the agent knew what is missing, those that healing took, and how much is healed.
    """
    rng, start_s, commits, begun_s, healed = np.random.default_rng(2), time.perf_counter(), 0, 0.0, 0
    while (now_s := time.perf_counter() - start_s) < MOST_S and healed < count:
        if commits * BATCH_S <= now_s:
            fresh = [
                batch_of_unit(rng, f"rack{k + 1}/bmu", simulated(rng, BATCH_S), DATA_S + BATCH_S * commits)
                for k in range(UNITS)
            ]
            await writer(store.seal, fresh)
            uplink.wake()
            commits += 1
        healing = (await writer(store.account, "main")).healing
        begun_s = begun_s or (now_s if healing else 0.0)
        healed = count - healing if begun_s else 0
        await asyncio.sleep(0.1)
    return begun_s, time.perf_counter() - start_s - begun_s, healed
