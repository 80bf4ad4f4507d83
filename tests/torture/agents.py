"""The sending half of an agent inside this process, and what it knows that must arrive."""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from agent.clock import Stamp
from agent.detect.explanations.said import Said
from agent.frame import Frame
from agent.store.account import BufferSettings
from agent.store.ledger import Event
from agent.store.open_batch import OpenBatch
from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.store.writer import Writer
from agent.tls.contexts import client_context
from agent.uplink.pace import Pace
from agent.uplink.uplink import Uplink
from agent.wire import encode_schema
from tests.agent.store.buffers import ALARM, BOOT, own_alarm
from tests.torture.oracle import Oracle

VALUES, MANY = 8, 2000  # in a frame, and in one that fills a disk


def _schema(n: int) -> tuple[bytes, bytes]:
    texts = {"name": "cell_voltage", "place": "string1", "unit": "V", "quantity": "cell_voltage"}
    numbers = {"reading": 0, "raw_offset": 0, "scale": 0.001, "offset": 0.0}
    return encode_schema({key: [value] * n for key, value in (texts | numbers).items()})


SCHEMAS = {n: _schema(n) for n in (VALUES, MANY)}
SCHEMA, BODY = SCHEMAS[VALUES]
DRAIN_S = 60.0


@contextmanager
def opened(folder: Path, agent: str, settings: BufferSettings | None = None) -> Iterator[Store]:
    """An agent's buffer."""
    store = Store(folder / "buffer.db", agent, BOOT, [MAIN], own_alarm, settings or BufferSettings())
    for digest, body in SCHEMAS.values():
        store.add_schema(digest, body)
    try:
        yield store
    finally:
        store.close()


def stamp(at: int, rng: random.Random) -> Stamp:
    """Boot time that runs, and a clock that jumps: to 1970, forth by years, and back."""
    utc_ns = at + rng.choice((0, 10**9, 1_790_000_000 * 10**9, 1_900_000_000 * 10**9))
    return Stamp(at, utc_ns, rng.random() < 0.5)


def frame(unit: str, at: int, rng: random.Random, n: int = VALUES) -> Frame:
    """A frame whose boot time no other has."""
    raw = np.random.default_rng(at).integers(0, 4000, n)
    return Frame(unit, unit.split("/")[0], SCHEMAS[n][0], stamp(at, rng), raw, np.zeros(n, np.uint8))


def seal(store: Store, at: int, rng: random.Random, oracle: Oracle, alarm: bool, n: int = VALUES) -> None:
    """Seal a batch of two frames, and an alarm; the oracle hears of it once it is committed."""
    batch = OpenBatch(frame("rack-1", at, rng, n))
    batch.frames.append(frame("rack-1", at + 1, rng, n))
    events = [Event("rack-1", {**ALARM, "boottime_ns": at})] if alarm else []
    store.seal([batch], events)
    oracle.sealed([("rack-1", at), ("rack-1", at + 1)], [at] if alarm else [])


def telling(said: list[str]) -> Callable[[str, Said | None], None]:
    """What an uplink tells of its alarms, but not of their end."""
    return lambda _, told: said.append(told.text) if told else None


def drain(store: Store, agent: str, url: str) -> list[str]:
    """Send until nothing is pending; return what stopped it, nothing if it was done."""
    return asyncio.run(_drain(store, agent, url))


async def _drain(store: Store, agent: str, url: str) -> list[str]:
    said: list[str] = []
    writer = Writer()
    uplink = Uplink("main", url, agent, store, writer, Pace(1.0), client_context, telling(said))
    sending = asyncio.create_task(uplink.run())
    try:
        async with asyncio.timeout(DRAIN_S):
            while not said and ((await writer(store.account, "main")).pending or not uplink.status.requests):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            await writer(
                store.seal, ()
            )  # with which the acknowledgements, and what they caused, reach the disk
            while not said and (await writer(store.account, "main")).pending:
                uplink.wake()
                await asyncio.sleep(0.001)
    except TimeoutError:
        said.append(f"not drained in {DRAIN_S:g} s: {uplink.status}")
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.close()
    return said
