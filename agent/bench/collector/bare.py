"""Bare PostgreSQL: what two processes do that judge the same bodies and insert them, and nothing else."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from agent.bench.collector.made import Agent
from agent.wire import Limits, decode_request
from collector.admission import admit

WORKERS, CONNECTIONS = 2, 8  # each
TABLE = (
    'CREATE TABLE IF NOT EXISTS bare (agent text COLLATE "C", epoch bytea, sequence bigint, blob bytea,'
    " PRIMARY KEY (agent, epoch, sequence)); ALTER TABLE bare ALTER COLUMN blob SET STORAGE EXTERNAL;"
    " TRUNCATE bare"
)
INSERT = (
    "INSERT INTO bare SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bytea[])"
    " ON CONFLICT DO NOTHING"
)


def batches_per_s(place: str, agents: Sequence[Agent]) -> float:
    """Batches per second, each request of which is one commit. place: a URL without its scheme."""
    asyncio.run(_make(place))
    parts = [[request for agent in agents[k::WORKERS] for request in agent.requests] for k in range(WORKERS)]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        spans = list(pool.map(_insert, [place] * WORKERS, parts))
    count = sum(count for _, _, count in spans)
    return count / (max(end_s for _, end_s, _ in spans) - min(start_s for start_s, _, _ in spans))


async def _make(place: str) -> None:
    import asyncpg

    db = await asyncpg.connect(f"postgresql:{place}")
    await db.execute(TABLE)
    await db.close()


def _insert(place: str, requests: list[bytes]) -> tuple[float, float, int]:
    """In a process of its own: when it began and ended (CLOCK_MONOTONIC), and how many it inserted."""
    return asyncio.run(_on_connections(place, requests))


async def _on_connections(place: str, requests: list[bytes]) -> tuple[float, float, int]:
    import asyncpg

    connections = [await asyncpg.connect(f"postgresql:{place}") for _ in range(CONNECTIONS)]
    waiting = iter(requests)
    start_s = time.monotonic()
    counts = await asyncio.gather(*(_on(db, waiting) for db in connections))
    end_s = time.monotonic()
    for db in connections:
        await db.close()
    return start_s, end_s, sum(counts)


async def _on(db: Any, waiting: Iterator[bytes]) -> int:
    count, limits = 0, Limits()
    for request in waiting:
        admitted = admit(decode_request(request.partition(b"\r\n\r\n")[2]), limits)
        rows = [(admitted.agent, admitted.epoch, batch.sequence, blob) for batch, blob in admitted.batches]
        await db.execute(INSERT, *map(list, zip(*rows, strict=True)))
        count += len(rows)
    return count
