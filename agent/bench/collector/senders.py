"""Senders that replay made requests over plain HTTP, one after the other, each on a connection of its own.

They read no more of an answer than its status: what is held is asked of the database afterwards. A sender
that is told to come again does so as agents do, after the time that it is told.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from agent.bench.collector.made import Agent


@dataclass
class Answers:
    """What came of requests: seconds until each was answered 200, and how often which other status came."""

    took_s: list[float] = field(default_factory=list)
    others: Counter[int] = field(default_factory=Counter)


async def send_all(agents: Sequence[Agent], urls: Sequence[str], answers: Answers) -> float:
    """Send all of some agents, agent k to collector k modulo their number; return the seconds it took."""
    start_s = time.perf_counter()
    await asyncio.gather(
        *(_send(agent.requests, urls[k % len(urls)], answers) for k, agent in enumerate(agents))
    )
    return time.perf_counter() - start_s


async def send_paced(agent: Agent, url: str, every_s: float, answers: Answers) -> None:
    """Send one request after the other, a while apart, until cancelled."""
    for request in agent.requests:
        await _send([request], url, answers)
        await asyncio.sleep(every_s)


async def _send(requests: Sequence[bytes], url: str, answers: Answers) -> None:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    for request in requests:
        start_s = time.perf_counter()
        while True:
            writer.write(request)
            status, again_s = await answer(reader)
            if status == 200:
                break
            answers.others[status] += 1
            await asyncio.sleep(again_s)
        answers.took_s.append(time.perf_counter() - start_s)
    writer.close()


async def answer(reader: asyncio.StreamReader) -> tuple[int, float]:
    """Read an answer; return its status, and the seconds after which to come again."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
    await reader.readexactly(int(fields["content-length"]))
    return int(head.split(" ", 2)[1]), float(fields.get("retry-after", 1))
