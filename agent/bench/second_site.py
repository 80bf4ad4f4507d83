"""What is at the second site, and when: for `bench uplink`.

Collectors are processes, the agent's half is here. Eight units of 300 values are read each second, their
batches are sealed every 10 s. Each frame and each alarm is looked up in the second collector's own database:
from the moment in which it was read until that collector had answered that it is durable. An alarm's rack is
none of the eight, for an alarm seals its rack's batches.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from agent.bench.buffer import alarm
from agent.bench.sending import (
    AGENT,
    BATCH_S,
    alarm_arrives,
    an_alarm,
    collector,
    database,
    running,
    uplink_to,
)
from agent.bench.wire import BOOT, SCHEMA, Figure, simulated
from agent.clock import Stamp
from agent.frame import Frame
from agent.store.ledger import Event
from agent.store.recorder import Recorder
from agent.store.store import Store
from agent.store.upstream import Upstream
from agent.store.writer import Writer
from agent.wire import decode_batch
from agent.wire.request import ACKNOWLEDGEMENT_TYPE
from hil.run.processes import Children

UPSTREAMS = (Upstream("first"), Upstream("second", required=False))
UNITS, READ_S, ALARM_EVERY = 8, 45, 2
DEATHS = 5


class Watched(Store):
    """A buffer that notes when an upstream had acknowledged a sequence: s of CLOCK_BOOTTIME."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, AGENT, BOOT, UPSTREAMS, alarm)
        self.heard_s: dict[tuple[str, int], float] = {}

    def apply_acknowledgement(
        self, upstream: str, epoch: bytes, held: Collection[int], refused: Mapping[int, str]
    ) -> None:
        """Take an upstream's word, and the time."""
        now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        for sequence in held:
            self.heard_s.setdefault((upstream, sequence), now_s)
        super().apply_acknowledgement(upstream, epoch, held, refused)


async def measure(folder: Path) -> list[Figure]:
    """Return how old what a fire takes is, and how long an alarm takes when the first collector dies."""
    frames_s, alarms_s = await _ages(folder)
    slowest_s = max([await _death(folder, number) for number in range(DEATHS)])
    return [
        ("second_site_alarm_s", slowest_s, "s"),
        ("rpo_routine_p99_s", float(np.quantile(frames_s, 0.99)), "s"),
        ("rpo_alarm_p99_s", float(np.quantile(alarms_s, 0.99)), "s"),
        ("rpo_frames", float(len(frames_s)), ""),
        ("rpo_alarms", float(len(alarms_s)), ""),
    ]


async def _ages(folder: Path) -> tuple[list[float], list[float]]:
    """Read for a while; return the age of each frame, and of each alarm, when the second site had it, s."""
    store, writer = Watched(folder / "buffer.db"), Writer()
    with Children(folder) as children:
        uplinks = [uplink_to(name, collector(children, name)[0], store, writer) for name, *_ in UPSTREAMS]

        def wake(is_alarm: bool) -> None:
            for uplink in uplinks:
                uplink.wake(is_alarm)

        recorder = Recorder(store, writer, 10 * BATCH_S, wake)
        async with running(uplinks):
            sealing = asyncio.create_task(recorder.run(BATCH_S, list))
            await _read(recorder)
            sealing.cancel()
            await recorder.seal()
            while (await writer(store.account, "second")).pending:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    writer.close()
    store.close()
    frames_s, alarms_s = list[float](), list[float]()
    with contextlib.closing(sqlite3.connect(database(folder, "second"))) as db:
        for sequence, blob in db.execute("SELECT sequence, blob FROM batch"):
            batch, heard_s = decode_batch(blob), store.heard_s["second", sequence]
            frames_s += (heard_s - batch.boottime_ns / 1e9).tolist()
            alarms_s += [heard_s - event["boottime_ns"] / 1e9 for event in batch.events]
    return frames_s, alarms_s


async def _read(recorder: Recorder) -> None:
    rng = np.random.default_rng(3)
    rows = simulated(rng, READ_S)
    quality = np.zeros(rows.shape[1], np.uint8)
    start_s = time.monotonic()
    for second in range(READ_S):
        await asyncio.sleep(max(0.0, start_s + second - time.monotonic()))
        for rack in (f"rack{k + 1}" for k in range(UNITS)):
            recorder.add(Frame(f"{rack}/bmu", rack, SCHEMA, _now(), rows[second], quality))
        if second % ALARM_EVERY == 0:
            event = an_alarm("room/smoke")
            record = {**event.record, "boottime_ns": _now().boottime_ns}
            await recorder.seal("room", [Event(event.unit, record)])


def _now() -> Stamp:
    now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return Stamp(now_ns, time.time_ns(), True)


async def _death(folder: Path, number: int) -> float:
    """Let the first collector stop in the middle of an answer; return how long an alarm takes to get out."""
    answering = asyncio.Event()

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {ACKNOWLEDGEMENT_TYPE}\r\nContent-Length: 80\r\n\r\n"
        writer.write(head.encode() + bytes(40))
        await writer.drain()
        answering.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    store, writer = Watched(folder / f"buffer{number}.db"), Writer()
    with Children(folder) as children:
        port = server.sockets[0].getsockname()[1]
        uplinks = [
            uplink_to("first", f"http://127.0.0.1:{port}", store, writer),
            uplink_to("second", collector(children, f"second{number}")[0], store, writer),
        ]
        async with running(uplinks):
            await answering.wait()
            start_s = time.perf_counter()
            await writer(store.seal, [], [an_alarm()])
            for uplink in uplinks:
                uplink.wake(alarm=True)
            await alarm_arrives(store, writer, "second")
            took_s = time.perf_counter() - start_s
    server.close()
    writer.close()
    store.close()
    return took_s
