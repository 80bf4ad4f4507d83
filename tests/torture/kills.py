"""kill -9 at random points, of an agent's sending half and of its two collectors; this process is the oracle.

The child is forked from it and runs the agent's own store, writer, recorder and uplink on frames that can
be told apart. It reports what was sealed after each commit; what it reported must arrive, once.
"""

import asyncio
import json
import os
import random
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.store.ledger import Event
from agent.store.recorder import Recorder
from agent.store.store import Store
from agent.store.upstream import Upstream
from agent.store.writer import Writer
from agent.tls.contexts import client_context
from agent.uplink.pace import Pace
from agent.uplink.uplink import Uplink
from tests.agent.store.buffers import ALARM, BOOT, own_alarm
from tests.collector.processes import Collector
from tests.torture.agents import BODY, SCHEMA, frame
from tests.torture.oracle import Oracle, judge
from tests.torture.result import Result

AGENT = "agent-1"
LIVES = 10_000_000  # frames that one life may make: its number tells them apart
UPSTREAMS = (Upstream("first"), Upstream("second"))
UNITS = ("rack-1/a", "rack-1/b", "rack-2")


def kills(count: int, seed: int, folder: Path) -> Result:
    """Kill the agent's half `count` times, and every tenth time one of the collectors before it."""
    rng, result, oracle = random.Random(seed), Result(), Oracle(AGENT)
    collectors = [Collector(folder / f"{name}.db") for name, *_ in UPSTREAMS]
    urls = [collector.url for collector in collectors]
    try:
        for life in range(count):
            k = rng.randrange(len(collectors))
            with _child(oracle, folder, urls, life) as (pid, reports):
                _listen(result, reports, rng.uniform(0.0, 0.2))
                if life % 10 == 9:
                    collectors[k].kill()
                    result.counts["collector_kills"] += 1
                    _listen(result, reports, rng.uniform(0.0, 0.05))
                os.kill(pid, signal.SIGKILL)
                result.counts["kills"] += 1
            if life % 10 == 9:
                listen = urls[k].rpartition("/")[2]
                collectors[k] = Collector(collectors[k].database, listen=listen)
        with _child(oracle, folder, urls, count, drain=True) as (_, reports):
            _listen(result, reports, 120.0)
    finally:
        for collector in collectors:
            collector.kill()
    for collector in collectors:
        wrong, _ = judge(collector.sink, [oracle])
        result.note(count, wrong)
    result.counts.update(frames=len(oracle.frames), alarms=len(oracle.alarms))
    return result


@contextmanager
def _child(
    oracle: Oracle, folder: Path, urls: list[str], life: int, drain: bool = False
) -> Iterator[tuple[int, "Reports"]]:
    """A forked child; at the end it is dead, and everything that it reported has been heard."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read)
            asyncio.run(_run(folder, urls, life, write, drain))
        finally:
            os._exit(0)
    os.close(write)
    reports = Reports(read, oracle)
    try:
        yield pid, reports
        while reports.wait(10.0):
            pass
    finally:
        os.waitpid(pid, 0)
        os.close(read)


class Reports:
    """Lines of a child, as they come."""

    def __init__(self, handle: int, oracle: Oracle) -> None:
        self._handle, self._rest, self.lines, self._oracle = handle, b"", 0, oracle

    def wait(self, timeout_s: float) -> bool:
        """Hear what comes within the time; False at the end of the child."""
        if not select.select([self._handle], [], [], timeout_s)[0]:
            return True
        some = os.read(self._handle, 1 << 16)
        *lines, self._rest = (self._rest + some).split(b"\n")
        for line in lines:
            self.lines += 1
            said = json.loads(line)
            self._oracle.sealed([(unit, at) for unit, at in said["frames"]], said["alarms"])
        return bool(some)


def _listen(result: Result, reports: Reports, for_s: float) -> None:
    """Hear a child for some time, counted from its first word."""
    while not reports.lines:
        if not reports.wait(30.0):
            result.wrong.append("a child ended by itself")
            return
    end_s = time.monotonic() + for_s
    while (left_s := end_s - time.monotonic()) > 0 and reports.wait(left_s):
        pass


async def _run(folder: Path, urls: list[str], life: int, report: int, drain: bool) -> None:
    rng = random.Random(life)
    store, writer = Store(folder / "buffer.db", AGENT, BOOT, UPSTREAMS, own_alarm), Writer()
    store.add_schema(SCHEMA, BODY)
    uplinks = [
        Uplink(name, url, AGENT, store, writer, Pace(0.8), client_context, lambda *_: None)
        for (name, *_), url in zip(UPSTREAMS, urls, strict=True)
    ]

    def wake(alarm: bool) -> None:
        for uplink in uplinks:
            uplink.wake(alarm)

    recorder = Recorder(store, writer, 60, wake)
    sending = [asyncio.create_task(uplink.run()) for uplink in uplinks]
    _say(report, [], [])
    at = life * LIVES
    while not drain:
        made: list[tuple[str, int]] = []
        for _ in range(rng.randint(1, 5)):
            for unit in UNITS:
                at += 1
                recorder.add(frame(unit, at, rng))
                made.append((unit, at))
        at += 1
        events = [Event("rack-1/a", {**ALARM, "boottime_ns": at})] if rng.random() < 0.2 else []
        await recorder.seal(events=events)
        if not recorder.trouble:
            _say(report, made, [event.record["boottime_ns"] for event in events])
    while any(a.pending for a in (await writer(store.accounts)).values()):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    for task in sending:
        task.cancel()
    await writer(store.close)


def _say(report: int, frames: list[tuple[str, int]], alarms: list[int]) -> None:
    os.write(report, json.dumps({"frames": frames, "alarms": alarms}).encode() + b"\n")
