"""kill -9 of the whole agent, polling and detectors included, and of its two collectors.

The unit is here: a register table that serves another number with each read, and keeps its own count. Of
what it served in one life of the agent, a collector must have everything from the first on, once, but for
the open batch at the end.
"""

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from agent.bench.wire_to_relay import PROFILE
from collector.audit import audit
from collector.sqlite.archive import SqliteArchive
from drivers.registers import Area
from hil.modbus.table import RegisterTable, Words
from hil.modbus.tcp import TcpEndpoint
from hil.run import configuration
from hil.run.processes import Child, Children, Status, wait_for_status
from hil.run.tables import table
from tests.collector.processes import Collector
from tests.torture.result import Result

CELLS, DIGITS = 16, 6
PERIOD_S, BATCH_S = 0.1, 0.5
OPEN = 12  # frames that a life may lose at its end: a commit may be under way
NAMES = ("first", "second")


class Counting(RegisterTable):
    """Cells of about 3.3 V, whose last digits are the number of the read."""

    def __init__(self) -> None:
        super().__init__()
        self.served = 0
        self.define(Area.HOLDING, 0, [3300] * CELLS)

    def read(self, area: Area, address: int, count: int) -> Words | None:
        """Serve the next number."""
        if address == 0 and count == CELLS:
            self.served += 1
            digits = [3300 + self.served // 10**k % 10 for k in range(DIGITS)]
            self.define(Area.HOLDING, 0, digits + [3300] * (CELLS - DIGITS))
        return super().read(area, address, count)


def whole_agent(kills: int, seed: int, folder: Path) -> Result:
    """Kill a real agent so many times, and every fifth time a collector before it."""
    result = Result()
    # else the first life compiles the kernels: minutes on a busy machine, more than an agent's start may take
    subprocess.run([sys.executable, "-m", "agent.cli", "warm-up"], check=True, capture_output=True)
    with Children(folder) as children:
        asyncio.run(_lives(kills, random.Random(seed), folder, children, result))
    return result


async def _lives(kills: int, rng: random.Random, folder: Path, children: Children, result: Result) -> None:
    unit = Counting()
    endpoint = TcpEndpoint("127.0.0.1", 0, {1: unit})
    await endpoint.start()
    collectors = [await asyncio.to_thread(Collector, folder / f"{name}.db") for name in NAMES]
    urls, config, ends = [collector.url for collector in collectors], folder / "agent.toml", [0]
    await asyncio.to_thread(_configure, config, urls, endpoint.port)
    try:
        for life in range(kills + 1):
            agent = children.start("agent", "agent.cli", "run", "--config", str(config))
            await _wait(agent, lambda status: status["account"]["sealed"] > 0 and unit.served > ends[-1])
            if life == kills:
                break
            await asyncio.sleep(rng.uniform(0, 3))
            if life % 5 == 4:
                k = rng.randrange(len(collectors))
                await asyncio.to_thread(collectors[k].kill)
                result.counts["collector_kills"] += 1
                await asyncio.sleep(rng.uniform(0, 1))
            agent.process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(agent.process.wait)
            ends.append(unit.served)
            result.counts["kills"] += 1
            if life % 5 == 4:
                listen = urls[k].rpartition("/")[2]
                collectors[k] = await asyncio.to_thread(_again, collectors[k].database, listen)
        await _wait(agent, lambda status: all(not u["account"]["pending"] for u in status["upstreams"]))
        await asyncio.to_thread(agent.stop)
        ends.append(unit.served)
    finally:
        await endpoint.stop()
        for collector in collectors:
            collector.kill()
    result.counts["served"] = unit.served
    for name in NAMES:
        result.wrong += [f"{name}: {text}" for text in _judge(folder / f"{name}.db", ends, result)]


def _again(database: Path, listen: str) -> Collector:
    return Collector(database, listen=listen)


def _configure(config: Path, urls: list[str], port: int) -> None:
    (config.parent / "counting.toml").write_text(PROFILE)
    tables = configuration.agent(config.parent, agent={"id": "agent-1"}, store={"batch_s": BATCH_S})
    text = tables.partition("[upstream]")[0]
    for name, url in zip(NAMES, urls, strict=True):
        text += table("[[upstream]]", {"name": name, "url": url})
    config.write_text(text + configuration.tcp_unit("rack", port, "counting.toml", period_s=PERIOD_S))


async def _wait(agent: Child, wanted: Callable[[Status], bool]) -> None:
    """Wait until an agent's status is as wanted. Raises ProcessError."""
    await asyncio.to_thread(wait_for_status, agent, wanted)


def _judge(database: Path, ends: list[int], result: Result) -> list[str]:
    """Hold what a collector has against what was served until each end of a life."""
    archive = SqliteArchive(database)
    try:
        wrong = [line for account in audit(archive) if not account.balanced for line in account.lines()]
        there: list[int] = []
        for _, batch in archive.batches("agent-1", None, None, None):
            if batch.frames:
                there += ((batch.raw[:, :DIGITS] - 3300) @ [10**k for k in range(DIGITS)]).tolist()
    finally:
        archive.close()
    if len(there) != len(set(there)):
        wrong.append(f"{len(there) - len(set(there))} frames are there twice")
    for begun, end in pairwise(ends):
        had = sorted(number for number in set(there) if begun < number <= end)
        if had and had != list(range(had[0], had[0] + len(had))):
            wrong.append(f"of {begun + 1} to {end} there are holes within {had[0]} to {had[-1]}")
        if end - (had[-1] if had else begun) > OPEN or (had and had[0] > begun + 2):
            wrong.append(f"of {begun + 1} to {end} only {had[:1]} to {had[-1:]} is there")
    result.counts["frames"] = len(there)
    return wrong
