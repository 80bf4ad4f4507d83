"""What happens to a fleet's archive: kills of collectors and database, an older backup."""

import asyncio
import random
from pathlib import Path

from tests.torture.fleet_archive import (
    COLLECTORS,
    DATABASE,
    Fleet,
    fleet_on,
    of_server,
    own_folder,
    server_in,
)
from tests.torture.result import Result

TOGETHER = 10  # kills between two looks at the archive
SERVER = COLLECTORS  # the last of what may be killed


def archive_kills(count: int, seed: int, folder: Path) -> Result:
    """Kill collectors and their database so many times, in any order, some while others are down."""
    result, rng = Result(), random.Random(seed)
    with own_folder() as home, server_in(home) as server:

        async def run() -> None:
            async with fleet_on(server, folder, rng) as fleet:
                left = count
                while left:
                    async with fleet.sealing():
                        looked = left
                        while left and looked - left < TOGETHER:
                            left -= await _kill_some(fleet, left, result)
                    result.note(count - left, await fleet.settle())
                _count(fleet, result)

        asyncio.run(run())
    return result


async def _kill_some(fleet: Fleet, most: int, result: Result) -> int:
    """Kill one, two or all; start them again in another order. Return how many were killed."""
    rng = fleet.rng
    await asyncio.sleep(rng.uniform(0, 0.5))
    victims = rng.sample(range(SERVER + 1), min(rng.randint(1, SERVER + 1), most))
    for victim in victims:
        if victim == SERVER:
            await asyncio.to_thread(fleet.server.kill)
        else:
            await fleet.kill(victim)
        result.counts["database_kills" if victim == SERVER else "collector_kills"] += 1
        await asyncio.sleep(rng.uniform(0, 0.2))
    rng.shuffle(victims)
    await asyncio.gather(*(_again(fleet, victim, rng.uniform(0, 0.5)) for victim in victims))
    if rng.random() < 0.5:
        await fleet.connect()
    return len(victims)


async def _again(fleet: Fleet, victim: int, after_s: float) -> None:
    await asyncio.sleep(after_s)
    if victim == SERVER:
        await asyncio.to_thread(fleet.server.start)
    else:
        await fleet.start(victim)


def archive_restores(count: int, seed: int, folder: Path) -> Result:
    """Back the database up beside running collectors, go on, and put the backup back, so many times."""
    result, rng = Result(), random.Random(seed)
    with own_folder() as home, server_in(home) as server:

        async def run() -> None:
            async with fleet_on(server, folder, rng) as fleet:
                for number in range(count):
                    async with fleet.sealing():
                        await _restore(fleet, folder / "yesterday", result)
                    result.note(number, await fleet.settle())
                _count(fleet, result)

        asyncio.run(run())
    return result


async def _restore(fleet: Fleet, copy: Path, result: Result) -> None:
    rng, to = fleet.rng, (f"--host={fleet.server.folder}", "--username=owner")
    await asyncio.sleep(rng.uniform(0.2, 1))
    await asyncio.to_thread(of_server, "pg_dump", *to, "--format=custom", f"--file={copy}", DATABASE)
    await asyncio.sleep(rng.uniform(0.5, 2))
    for k in range(COLLECTORS):
        await fleet.kill(k)
    before = await asyncio.to_thread(fleet.stored)
    await asyncio.to_thread(of_server, "dropdb", *to, "--force", DATABASE)
    await asyncio.to_thread(of_server, "createdb", *to, DATABASE)
    restore = ("pg_restore", *to, "--exit-on-error", "--single-transaction", f"--dbname={DATABASE}")
    await asyncio.to_thread(of_server, *restore, str(copy))
    result.counts["lost_by_it"] += before - await asyncio.to_thread(fleet.stored)
    result.counts["restores"] += 1
    for k in range(COLLECTORS):
        await fleet.start(k)
    await fleet.connect()


def _count(fleet: Fleet, result: Result) -> None:
    result.counts["frames"] = sum(len(oracle.frames) for oracle in fleet.oracles)
    result.counts["alarms"] = sum(len(oracle.alarms) for oracle in fleet.oracles)
