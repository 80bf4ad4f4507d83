"""The page of the demo's three racks in alarm: what it weighs as it is sent, and how old its "now" is.

`cellwarden demo` runs as anybody starts it. Its page is fetched as browsers fetch it (gzip), and listened to
as an open page listens; meanwhile the agent is asked ten times a second when it read what.
"""

import asyncio
import html
import json
import re
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import aiohttp

from agent.bench.figures import Figure
from agent.control import client
from hil.run.processes import Child, Children, ProcessError, Status

SECONDS = 110  # of the demo; the short begins after 0.3 of them, and is critical some 20 s later
LISTEN_S = 40.0
SAMPLE_S = 0.1
UNIT, PLACE = "rack-c", "sensor2"  # the sensor on the cell with the short


class Sample(NamedTuple):
    """A value that the agent has read, and when (monotonic, s)."""

    taken_s: float
    value: str


class Shown(NamedTuple):
    """A value that the page called "now", from when until when (monotonic, s)."""

    from_s: float
    until_s: float
    value: str


def measure() -> list[Figure]:
    """The figures of the page in alarm."""
    with tempfile.TemporaryDirectory(prefix="cellwarden-bench-") as name, Children(Path(name)) as children:
        kept = Path(name) / "demo"
        demo = children.start(
            "demo", "agent.cli", "demo", "--seconds", str(SECONDS), "--json", "--keep", str(kept)
        )
        status = _in_alarm(demo, kept / "control.sock")
        return asyncio.run(_measure(kept / "control.sock", f"http://127.0.0.1:{status['web']['port']}/"))


def _in_alarm(demo: Child, socket: Path) -> Status:
    """Wait until the shorted cell is a critical alarm."""
    until_s = time.monotonic() + 300.0  # its kernels may have to be compiled first
    while time.monotonic() < until_s:
        demo.check()
        try:
            status = client.get(socket, "/v1/status")
        except client.NotRunning:
            status = {"alarms": []}
        if any(one["severity"] == "critical" and one["location"] == PLACE for one in status["alarms"]):
            return status
        time.sleep(0.5)
    raise ProcessError(f"the demo raised no critical alarm: {demo.last_words()}")


async def _measure(socket: Path, url: str) -> list[Figure]:
    samples: list[Sample] = []
    sampling = asyncio.create_task(_sample(socket, samples))
    heard = asyncio.create_task(_hear(url))
    weights = []
    while not heard.done():
        weights.append(await asyncio.to_thread(_weight, url))
        await asyncio.sleep(2.0)
    sampling.cancel()
    shown = await heard
    if not shown:
        raise ProcessError(f"the page said nothing of {UNIT} {PLACE} now")
    history = f"{url}history?u={UNIT}&place={PLACE}&q=cell_temperature&span=3600"
    arriving, standing = ages_s(samples, shown)
    return [
        Figure("alarm_page_gzip_bytes", float(max(weights)), "B"),
        Figure("history_page_gzip_bytes", float(await asyncio.to_thread(_weight, history)), "B"),
        Figure("now_age_s", arriving, "s"),
        Figure("now_age_on_screen_s", standing, "s"),
    ]


def ages_s(samples: Sequence[Sample], shown: Sequence[Shown]) -> tuple[float, float]:
    """Return the largest ages of what is called now, s: when it comes to the page, and until the next comes.

    A value is as old as the newest reading of it; one that was never read is as old as the first reading.
    """

    def age_s(value: str, at_s: float) -> float:
        own = [one.taken_s for one in samples if one.value == value and one.taken_s <= at_s]
        return at_s - max(own, default=samples[0].taken_s)

    return (
        max(age_s(one.value, one.from_s) for one in shown),
        max(age_s(one.value, one.until_s) for one in shown),
    )


def now_of(block: str) -> str:
    """Return what the block of alarms calls the temperature of the place now, "" for nothing."""
    article = next((one for one in block.split("<article") if f'id="a-{UNIT}:' in one and PLACE in one), "")
    text = html.unescape(re.sub(r"<[^>]*>", "", article))
    found = re.search(r"\b[Nn]ow (-?\d+\.\d) °C", text)
    return found[1] if found else ""


async def _sample(socket: Path, samples: list[Sample]) -> None:
    while True:
        said = await asyncio.to_thread(client.get, socket, f"/v1/points?unit={UNIT}")
        at_s = time.monotonic()
        for point in said["points"]:
            if point["place"] == PLACE and point["last"] is not None:
                samples.append(Sample(at_s - point["last_age_s"], f"{point['last']:.1f}"))
        await asyncio.sleep(SAMPLE_S)


async def _hear(url: str) -> list[Shown]:
    """Listen as an open page does."""
    shown: list[Shown] = []
    until_s, value, since_s = time.monotonic() + LISTEN_S, "", 0.0
    async with aiohttp.ClientSession(read_bufsize=2**22) as session, session.get(url + "events") as stream:
        while (now_s := time.monotonic()) < until_s:
            line = await stream.content.readline()
            if not line.startswith(b"data:"):
                continue
            now_s, slots = time.monotonic(), json.loads(line[5:])["slots"]
            if value:
                shown.append(Shown(since_s, now_s, value))
            value, since_s = now_of(slots["al"]) if "al" in slots else value, now_s
    return shown


def _weight(url: str) -> int:
    """Return the bytes of a page as they are sent."""
    asked = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(asked) as response:
        if response.headers["Content-Encoding"] != "gzip":
            raise ProcessError(f"{url} is sent without compression")
        return len(response.read())
