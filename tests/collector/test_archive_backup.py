"""A copy of the database, made beside a running collector as docs/operations.md says, is put back.

Agents fill what is missing since, nothing is there twice, and what was deleted by then stays accounted for.
"""

import asyncio
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.uplink.alarms import FORGETS
from collector.audit import audit
from collector.audit_all import ACCOUNTS
from collector.intake import Intake
from collector.questions.ask import ask
from collector.sinks import parse
from hil.run.postgres import binaries
from tests.agent.uplink.peer import box
from tests.collector.postgres import say, shared
from tests.collector.processes import Collector

PRUNED = 5


@dataclass(frozen=True)
class Kind:
    """new: an empty database. back_up, restore: as the docs say, to and from a file."""

    new: Callable[[Path], str]
    back_up: Callable[[str, Path], None]
    restore: Callable[[str, Path], None]


def vacuum_into(sink: str, copy: Path) -> None:
    database = Path(sink.partition(":")[2])
    db = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)  # as sqlite3 -readonly
    db.execute("VACUUM INTO ?", [str(copy)])
    db.close()


def put_back(sink: str, copy: Path) -> None:
    database = Path(sink.partition(":")[2])
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    shutil.copy(copy, database)


def of_server(command: str, *arguments: str) -> None:
    folder = binaries()
    assert folder
    subprocess.run([str(folder / command), *arguments], check=True, timeout=60)


def new_database(_: Path) -> str:
    name = f"b{secrets.token_hex(6)}"
    say(shared().place(), f"CREATE DATABASE {name}", "SELECT 1")
    return f"postgresql://owner@/{name}?host={shared().folder}"


def drop_and_restore(sink: str, copy: Path) -> None:
    name = sink.partition("@/")[2].partition("?")[0]
    say(shared().place(), f"DROP DATABASE {name}", f"CREATE DATABASE {name}", "SELECT 1")
    of_server("pg_restore", "--exit-on-error", "--single-transaction", f"--dbname={sink}", str(copy))


KINDS = {
    "sqlite": Kind(lambda folder: f"sqlite:{folder / 'collector.db'}", vacuum_into, put_back),
    "postgresql": Kind(
        new_database,
        lambda sink, copy: of_server("pg_dump", "--format=custom", f"--file={copy}", f"--dbname={sink}"),
        drop_and_restore,
    ),
}


def account(sink: str) -> dict[str, Any]:
    """What the database says of the one agent; {}: nothing yet."""
    chosen = parse(sink)
    archive = chosen.kind.read(chosen.place, print)
    try:
        return next(iter(ask(archive, ACCOUNTS, {}, 0)), {})
    finally:
        archive.close()


def thoroughly(sink: str) -> tuple[bool, int]:
    """Whether every batch can be read and is accounted for, and how many alarms there are."""
    chosen = parse(sink)
    archive = chosen.kind.read(chosen.place, pytest.fail)
    try:
        (found,) = audit(archive)
        return found.fine, len(list(archive.alarms(None)))
    finally:
        archive.close()


def prune(sink: str) -> int:
    """Delete the oldest batches, as retention does; return how many (a database that forgets nothing: 0)."""
    chosen = parse(sink)
    intake = Intake(chosen.kind.open(chosen.place), lambda: 10**18)
    try:
        old = intake.old("raw", 2**63 - 1, None, PRUNED)
        intake.prune("raw", old)
        return len(old)
    finally:
        intake.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_agents_fill_what_came_after_the_copy_that_was_put_back(kind: str, tmp_path: Path) -> None:
    of, copy = KINDS[kind], tmp_path / "copy"
    sink = await asyncio.to_thread(of.new, tmp_path)
    collector = await asyncio.to_thread(Collector, sink)
    port = int(collector.url.rpartition(":")[2])

    async def start_again() -> Collector:
        return await asyncio.to_thread(Collector, sink, listen=f"127.0.0.1:{port}")

    async def delivered(sealed: int, whole: bool = True) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while True:
                said = await asyncio.to_thread(account, sink)
                if said.get("sealed", 0) >= sealed and (said["balanced"] or not whole):
                    return said
                await asyncio.sleep(0.05)

    try:
        async with box(tmp_path, port, batches=20) as here:
            await delivered(20)
            await asyncio.to_thread(collector.stop)
            pruned = await asyncio.to_thread(prune, sink)
            collector = await start_again()
            await here.seal(*range(100, 110))
            await asyncio.to_thread(of.back_up, sink, copy)  # beside the running one
            await here.alarm()
            await here.seal(*range(200, 220))
            before = await delivered(51)

            await asyncio.to_thread(collector.stop)
            await asyncio.to_thread(of.restore, sink, copy)
            assert (await asyncio.to_thread(account, sink))["sealed"] <= 30
            collector = await start_again()
            await here.seal(300)
            await delivered(52, whole=False)
            await here.seal(301)  # with its answer the agent knows for sure what is missing
            after = await delivered(53)
            async with asyncio.timeout(30):
                while await here.pending():  # noqa: ASYNC110 - told by the uplink's own task
                    await asyncio.sleep(0.05)
            assert FORGETS not in here.alarms
    finally:
        collector.kill()
    assert (before["pruned"], after["pruned"], after["dropped"]) == (pruned, pruned, 0)
    assert after["stored"] == after["counted"] == 53 - pruned
    assert await asyncio.to_thread(thoroughly, sink) == (True, 1)
