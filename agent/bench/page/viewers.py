"""What 200 people who look at the status page cost the agent: polls on time, CPU, bytes.

A real agent polls 296 cells of two units four times a second over loopback TCP, first with nobody looking,
then with 200 open pages in this process, which shares the machine's cores with it. Before that a cell gets an
internal short, so that alarms stand on the page, with their figures out of the buffer.
"""

import asyncio
import json
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

from agent.bench.figures import Figure
from agent.control import client
from hil.run import configuration, rooms
from hil.run.processes import Child, Children, Status, cpu_s, wait_for_status

VIEWERS = 200
PHASE_S = 30.0
SHAPES = ((20, 12), (4, 14))  # modules and cells
PROFILE = "sunspec-lithium-ion"

PERIOD_S = 0.25  # much shorter than in a room, so that what is missed shows


class PageLoad(NamedTuple):
    """What a stretch of time brought."""

    frames: float  # per second
    late: int
    cpu_percent: float


def measure() -> list[Figure]:
    """The figures of 200 viewers."""
    with tempfile.TemporaryDirectory(prefix="cellwarden-bench-") as name, Children(Path(name)) as children:
        return asyncio.run(_measure(Path(name), children))


async def _measure(folder: Path, children: Children) -> list[Figure]:
    agent = _start(folder, children)
    socket = folder / "control.sock"
    status = await asyncio.to_thread(wait_for_status, agent, _ready)
    url = f"http://127.0.0.1:{status['web']['port']}/"
    alone = await _phase(agent, socket)
    page = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read())
    received = [0] * VIEWERS
    viewers = [asyncio.create_task(_view(status["web"]["port"], received, i)) for i in range(VIEWERS)]
    await asyncio.sleep(2.0)
    before = sum(received)
    watched = await _phase(agent, socket)
    sent = (sum(received) - before) / VIEWERS / PHASE_S
    open_still = sum(not viewer.done() for viewer in viewers)
    for viewer in viewers:
        viewer.cancel()
    await asyncio.gather(*viewers, return_exceptions=True)
    return [
        Figure("page_kb", len(page) / 1e3, "kB"),
        Figure("figures_of_alarms", float(page.count(b"<figure")), ""),
        Figure("frames_ratio_200_viewers", watched.frames / alone.frames, ""),
        Figure("late_cycles_alone", float(alone.late), ""),
        Figure("late_cycles_200_viewers", float(watched.late), ""),
        Figure("cpu_percent_alone", alone.cpu_percent, "%"),
        Figure("cpu_percent_200_viewers", watched.cpu_percent, "%"),
        Figure("bytes_per_viewer_s", sent, "B/s"),
        Figure("viewers_at_the_end", float(open_still), ""),
    ]


def _start(folder: Path, children: Children) -> Child:
    room = folder / "room.toml"
    units = "".join(
        rooms.tcp_unit(f"rack-{n}", PROFILE, {"rack": {"modules": modules, "cells": cells, "seed": n}})
        for n, (modules, cells) in enumerate(SHAPES)
    )
    short = rooms.event(20.0, "internal_short", "rack-1", place="string1/module1/cell5", ohm=0.1)
    room.write_text(units + short)
    ready = json.loads(children.start("bench", "hil.cli", "serve", str(room)).first_line())
    buses = "".join(
        configuration.tcp_unit(unit["name"], unit["port"], PROFILE, period_s=PERIOD_S)
        for unit in ready["units"]
    )
    config = folder / "agent.toml"
    config.write_text(configuration.agent(folder, web={"listen": "127.0.0.1:0"}) + buses)
    return children.start("agent", "agent.cli", "run", "--config", str(config))


def _ready(status: Status) -> bool:
    return bool(status["health"]["ready"] and not status["web"]["trouble"])


async def _phase(agent: Child, socket: Path) -> PageLoad:
    before, start_s, busy_s = await _counts(socket), time.monotonic(), cpu_s(agent.process.pid)
    await asyncio.sleep(PHASE_S)
    after, took_s = await _counts(socket), time.monotonic() - start_s
    used = cpu_s(agent.process.pid) - busy_s
    return PageLoad((after[0] - before[0]) / took_s, after[1] - before[1], 100 * used / took_s)


async def _counts(socket: Path) -> tuple[int, int]:
    units = (await asyncio.to_thread(client.get, socket, "/v1/status"))["units"]
    return sum(unit["frames"] for unit in units), sum(unit["late_cycles"] for unit in units)


async def _view(port: int, received: list[int], i: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    while data := await reader.read(65536):
        received[i] += len(data)
