"""Many at once: a fleet that comes back after an outage, and strangers that send what they should not."""

import asyncio
import http.client
import json
import random
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import msgpack  # type: ignore[import-untyped]
import zstandard

from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.store.writer import Writer
from agent.tls.contexts import client_context
from agent.uplink.pace import Pace
from agent.uplink.uplink import Uplink
from agent.wire import CONTENT_TYPE, PATH, Request, encode_request
from tests.agent.store.buffers import BOOT, own_alarm
from tests.collector.processes import EPOCH, Collector
from tests.collector.processes import seal as sealed_batch
from tests.torture.agents import BODY, SCHEMA, drain, opened, seal, telling
from tests.torture.oracle import Oracle, judge
from tests.torture.result import Result

BACKLOG = 60  # batches of each agent: 10 min
MOST_S = 120.0


def fleet(agents: int, seed: int, folder: Path) -> Result:
    """Agents that all find their collector again in the same moment."""
    rng, result = random.Random(seed), Result()
    oracles = [Oracle(f"agent-{n}") for n in range(agents)]
    stores = []
    for oracle in oracles:
        store = Store(folder / f"{oracle.agent}.db", oracle.agent, BOOT, [MAIN], own_alarm)
        store.add_schema(SCHEMA, BODY)
        for n in range(BACKLOG):
            seal(store, 2 * n + 2, rng, oracle, alarm=n % 20 == 0)
        stores.append(store)
    with Collector(folder / "collector.db") as collector:
        start_s = time.monotonic()
        result.wrong += asyncio.run(_together(stores, [o.agent for o in oracles], collector.url))
        result.counts["drained_ms"] = round(1000 * (time.monotonic() - start_s))
        _, body, _ = collector.http("GET", "/healthz")
        health = json.loads(body)
        result.counts.update({k: health.get(k, 0) for k in ("batches", "duplicates", "http_503")})
        wrong, _ = judge(collector.sink, oracles)
    result.wrong += wrong
    result.counts["agents"] = agents
    for store in stores:
        store.close()
    return result


async def _together(stores: list[Store], agents: list[str], url: str) -> list[str]:
    writers = [Writer() for _ in stores]
    said: list[str] = []
    uplinks = [
        Uplink("main", url, agent, store, writer, Pace(0.8), client_context, telling(said))
        for agent, store, writer in zip(agents, stores, writers, strict=True)
    ]
    sending = [asyncio.create_task(uplink.run()) for uplink in uplinks]
    try:
        async with asyncio.timeout(MOST_S):
            for store, writer in zip(stores, writers, strict=True):
                while (await writer(store.account, "main")).pending:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
    except TimeoutError:
        said.append(f"not drained within {MOST_S:g} s")
    for task in sending:
        task.cancel()
    await asyncio.gather(*sending, return_exceptions=True)
    for writer in writers:
        writer.close()
    return said


def hostile(requests: int, seed: int, folder: Path) -> Result:
    """Bombs, nesting, wrong sizes, other agents' names, replays and noise, while an agent delivers."""
    rng, result, oracle = random.Random(seed), Result(), Oracle("agent-1")
    with Collector(folder / "collector.db") as collector, opened(folder, "agent-1") as store:
        statuses: Counter[str] = Counter()
        stranger = threading.Thread(target=_attack, args=(collector.url, requests, rng, statuses))
        stranger.start()
        clock, own = iter(range(2, 10**8, 2)), random.Random(seed + 1)
        while stranger.is_alive():
            for _ in range(10):
                seal(store, next(clock), own, oracle, alarm=own.random() < 0.2)
            result.wrong += drain(store, "agent-1", collector.url)
        stranger.join()
        if collector.process.poll() is not None:
            result.wrong.append("the collector ended")
        wrong, _ = judge(collector.sink, [oracle])
    result.wrong += wrong
    result.counts.update(statuses)
    result.counts.update(requests=requests, frames=len(oracle.frames))
    return result


def _attack(url: str, requests: int, rng: random.Random, statuses: Counter[str]) -> None:
    place = urlsplit(url)
    good = encode_request(Request("stranger", EPOCH, [sealed_batch(n, agent="stranger") for n in (1, 2, 3)]))
    for _ in range(requests):
        body = rng.choice(ATTACKS)(rng, good)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
        try:
            connection.request("POST", PATH, body, {"Content-Type": CONTENT_TYPE})
            statuses[f"http_{connection.getresponse().status}"] += 1
        except OSError:  # closed on us in the middle of too much
            statuses["closed"] += 1
        finally:
            connection.close()


def _flipped(rng: random.Random, good: bytes) -> bytes:
    body = bytearray(good)
    for _ in range(rng.choice((1, 3, 50))):
        body[rng.randrange(len(body))] = rng.randrange(256)
    return bytes(body)


def _cut(rng: random.Random, good: bytes) -> bytes:
    return good[: rng.randrange(len(good))]


def _replayed(rng: random.Random, good: bytes) -> bytes:
    return good


def _noise(rng: random.Random, good: bytes) -> bytes:
    return rng.randbytes(rng.randrange(4000))


def _bomb(rng: random.Random, good: bytes) -> bytes:
    blob = zstandard.ZstdCompressor(level=19).compress(bytes(rng.choice((2, 60)) * 1024 * 1024))
    return encode_request(Request("stranger", EPOCH, [(9, blob)]))


def _nested(rng: random.Random, good: bytes) -> bytes:
    content = b"\x91" * rng.randrange(10, 500_000)
    return encode_request(Request("stranger", EPOCH, [(9, zstandard.compress(content))]))


def _many(rng: random.Random, good: bytes) -> bytes:
    return bytes(msgpack.packb([1, "stranger", EPOCH, [[n, b"x"] for n in range(5000)], []]))


def _impostor(rng: random.Random, good: bytes) -> bytes:
    """Batches of one agent in the request of another."""
    return encode_request(Request("stranger", EPOCH, [sealed_batch(rng.randrange(1, 99), agent="agent-1")]))


def _huge(rng: random.Random, good: bytes) -> bytes:
    return rng.randbytes(3 * 1024 * 1024)


ATTACKS = (_flipped, _flipped, _flipped, _cut, _replayed, _noise, _bomb, _nested, _many, _impostor, _huge)
