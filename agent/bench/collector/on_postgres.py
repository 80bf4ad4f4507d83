"""Two collectors with one database of PostgreSQL, and fifty senders; bare inserts before and after."""

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

from agent.bench.buffer import disk
from agent.bench.collector import bare, made
from agent.bench.collector.drained import ALARMS, REQUESTS, SENDERS, drain, serve
from agent.bench.figures import Figure
from hil.run.postgres import Server
from hil.run.processes import Children, ProcessError

WORKERS = 2
SETTINGS = "shared_buffers = 256MB\nmax_wal_size = 4GB\n"
HELD = (
    "SELECT sum(batches)::bigint, sum(value_count)::bigint, (SELECT sum(pg_total_relation_size(pg_class.oid))"
    " FROM pg_class WHERE relnamespace = 'archive'::regnamespace AND relkind = 'r')::bigint FROM stream"
)
NAMES = {
    "postgres_batches_per_s": "batches/s",
    "postgres_share_of_bare": "",
    "alarm_to_database_s": "s",
    "postgres_archive_bytes_per_value": "B",
}


def measure() -> list[Figure]:
    """Every figure of PostgreSQL; none has a value where its server or its client is not installed."""
    folder = Path(tempfile.mkdtemp(prefix="cellwarden-bench-", dir=disk()))
    try:
        import asyncpg  # noqa: F401

        server = Server(folder, SETTINGS)
    except (ImportError, ProcessError) as error:
        return [Figure(name, None, unit, str(error)) for name, unit in NAMES.items()]
    try:
        server.make()
        server.start()
        try:
            with (
                tempfile.TemporaryDirectory(prefix="cellwarden-bench-") as logs,
                Children(Path(logs)) as children,
            ):
                return _measure(server, children)
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(server: Server, children: Children) -> list[Figure]:
    _rows(server.place(), "CREATE SCHEMA archive")
    _rows(server.place(), "CREATE SCHEMA bare")
    sink = f"postgresql:{server.place('archive')}"
    workers = [serve(children, f"collector{n + 1}", sink) for n in range(WORKERS)]
    urls = [url for url, _ in workers]
    pids = {"collectors": [child.process.pid for _, child in workers], "PostgreSQL": server.pids()}
    agents, more = made.agents(SENDERS, REQUESTS), made.agents(SENDERS, REQUESTS, seed=2)
    alone = [bare.batches_per_s(server.place("bare"), agents)]
    drained = drain(agents, urls, pids)
    alone.append(bare.batches_per_s(server.place("bare"), agents))
    ((batches, values, size),) = _rows(server.place("archive"), HELD)
    rate, bare_rate = batches / drained.took_s, sum(alone) / len(alone)
    slowest = drain(more, urls, pids, made.alarms(ALARMS)).alarmed.took_s
    ((alarms,),) = _rows(server.place("archive"), "SELECT count(*) FROM event WHERE kind = 'alarm'")
    assert alarms >= len(slowest) > 0
    return [
        Figure("postgres_batches_per_s", rate, "batches/s", drained.told(batches)),
        Figure(
            "postgres_share_of_bare", rate / bare_rate, "", " and ".join(f"{one:,.0f}/s" for one in alone)
        ),
        Figure("alarm_to_database_s", max(slowest), "s", f"the slowest of {len(slowest)}"),
        Figure("postgres_archive_bytes_per_value", float(size) / values, "B"),
    ]


def _rows(place: str, sql: str) -> list[Any]:
    import asyncpg

    async def ask() -> list[Any]:
        db = await asyncpg.connect(f"postgresql:{place}")
        try:
            return list(await db.fetch(sql))
        finally:
            await db.close()

    return asyncio.run(ask())
