"""Two collectors with one database of PostgreSQL, and fifty senders, bare inserts before and after; then five
thousand agents behind a proxy; and a database of months that is asked.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from agent.bench.buffer import disk
from agent.bench.collector import bare, made
from agent.bench.collector.asked import BLIND, Kept
from agent.bench.collector.asked import measure as measure_asked
from agent.bench.collector.drained import ALARMS, REQUESTS, SENDERS, drain, serve
from agent.bench.figures import Figure
from hil.run.postgres import Server
from hil.run.processes import Children, ProcessError, children_of, resident_mb

WORKERS = 2
SETTINGS = "shared_buffers = 256MB\nmax_wal_size = 4GB\ntimezone = UTC\n"
FLEET, PROXIED = 5000, 64  # agents, and the connections on which a proxy brings what they send
NAMES = {
    "postgres_batches_per_s": "batches/s",
    "postgres_share_of_bare": "",
    "alarm_to_database_s": "s",
    "fleet_5000_agents_rss_mb": "MB",
    "postgres_archive_bytes_per_value": "B",
    "postgres_query_cell_week_s": "s",
    "postgres_query_raw_hour_s": "s",
    "postgres_query_ten_questions_s": "s",
}
SIZE = (
    "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class"
    " WHERE relnamespace = '{}'::regnamespace AND relkind = 'r'"
)


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
                return [*_measure(server, children), *_asked(server)]
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
    ((batches,),) = _rows(server.place("archive"), "SELECT sum(batches)::bigint FROM stream")
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
        _fleet(urls, pids["collectors"]),
    ]


def _fleet(urls: Sequence[str], pids: Sequence[int]) -> Figure:
    """How much memory collectors have, and their children, once each of a fleet has sent something."""
    requests = [request for agent in made.agents(FLEET, 1, seed=3) for request in agent.requests]
    connections = [made.Agent(f"connection {k}", requests[k::PROXIED]) for k in range(PROXIED)]
    drained = drain(connections, urls, {"collectors": pids})
    every = [one for pid in pids for one in (pid, *children_of(pid))]
    note = f"{len(every)} processes of {len(pids)} collectors; {drained.told(len(requests) * made.UNITS)}"
    return Figure("fleet_5000_agents_rss_mb", sum(map(resident_mb, every)), "MB", note)


def _asked(server: Server) -> list[Figure]:
    """What a database of months answers, and in what time."""
    from collector.postgres.archive import PostgresArchive
    from collector.postgres.sink import PostgresSink

    place = server.place("asked")
    _rows(place, "CREATE SCHEMA asked")
    with closing(PostgresSink(place)) as sink, closing(PostgresArchive(place)) as archive:
        kept = Kept(sink, archive, partial(_copy, place), lambda: _rows(place, SIZE.format("asked"))[0][0])
        return measure_asked(kept, "postgres_")


def _copy(place: str, unit: str, hours: int) -> None:
    from collector.postgres import days
    from collector.postgres.connection import Connection
    from collector.postgres.figures import TABLES

    db = Connection(place, lambda _, why: ProcessError(why), _nothing)
    with closing(db), db.transaction():
        ((newest_s,),) = db.rows("SELECT max(utc_s) FROM hour")
        days.make(db, {days.day_of((newest_s - 3600 * k) * 10**9) for k in range(hours)}, "minute")
        for table in TABLES.values():
            columns = list(db.rows(f"SELECT * FROM {table} LIMIT 1")[0].keys())
            shifted = ", ".join("utc_s - 3600 * k" if one == "utc_s" else one for one in columns)
            db.rows(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {shifted} FROM (SELECT * FROM {table}"
                " WHERE unit IN (SELECT id FROM unit WHERE name = $1)) AS whole"
                " CROSS JOIN generate_series(1, $2 - 1) AS k ORDER BY k",
                *(unit, hours),
            )
        db.run(BLIND)


async def _nothing(_: object) -> None:
    """There is nothing to be made when it is opened."""


def _rows(place: str, sql: str) -> list[Any]:
    import asyncpg

    async def ask() -> list[Any]:
        db = await asyncpg.connect(f"postgresql:{place}")
        try:
            return list(await db.fetch(sql))
        finally:
            await db.close()

    return asyncio.run(ask())
