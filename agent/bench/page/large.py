"""The page of 64 units of 300 values: how soon Chromium has painted it, and what one look weighs as JSON.

The agent is the command `cellwarden run`, which polls all of them every second meanwhile; nobody else looks,
so each page is made when it is asked for. Beside it, in turn: a page of the same server with nothing on it.
"""

import asyncio
import json
import statistics
import tempfile
from pathlib import Path

import aiohttp

from agent.bench import units
from agent.bench.figures import Figure
from agent.bench.page import browser
from agent.bench.rack_300 import profile_text
from agent.view.site import REFRESH_S
from hil.run import configuration
from hil.run.processes import Children, wait_for_status

UNITS, PERIOD_S = 64, 1.0
WARM, TIMES = 2, 10
SIZE = (1280, 800)
EMPTY = "nothing"  # of that name: a message, in the same style
#: When the first text or picture stood on the screen, ms since the page was asked for.
PAINTED = """new Promise(done => new PerformanceObserver(seen => {
  for (const one of seen.getEntries()) if (one.name === 'first-contentful-paint') done(one.startTime);
}).observe({type: 'paint', buffered: true}))"""


def measure() -> list[Figure]:
    """The figures of a large site."""
    with tempfile.TemporaryDirectory(prefix="cellwarden-bench-") as name, Children(Path(name)) as children:
        folder = Path(name)
        serving = children.start("units", "agent.bench.units", *(f"0:{units.WELL}" for _ in range(UNITS)))
        (folder / "bench-300.toml").write_text(profile_text(step_k=0.01))
        tables = "".join(
            configuration.tcp_unit(f"rack-{k:02}", port, "bench-300.toml", period_s=PERIOD_S)
            for k, port in enumerate(json.loads(serving.first_line()), 1)
        )
        config = configuration.agent(folder, web={"listen": "127.0.0.1:0"}) + tables
        (folder / "agent.toml").write_text(config)
        agent = children.start("agent", "agent.cli", "run", "--config", str(folder / "agent.toml"))
        status = wait_for_status(agent, lambda said: all(unit["frames"] for unit in said["units"]))
        url = f"http://127.0.0.1:{status['web']['port']}/"
        return asyncio.run(_measure(folder / "control.sock", url))


async def _measure(socket: Path, url: str) -> list[Figure]:
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session,
        session.get("http://agent/v1/view") as response,
    ):
        view = Figure("view_json_bytes_64", float(len(await response.read())), "B")
    return [view, *await paint(url)]


async def paint(url: str) -> list[Figure]:
    """Return how soon the page at `url`, and an empty one beside it, are painted."""
    names = ("first_paint_ms_64_units", "first_paint_ms_empty", "first_paint_ratio_64_units")
    if not (path := browser.installed()):
        return [Figure(name, None, "", browser.MISSING) for name in names]
    async with browser.tab(path) as tab:
        await tab.look(*SIZE)
        painted = [(await _painted(tab, url), await _painted(tab, url + EMPTY)) for _ in range(WARM + TIMES)]
    large, empty = (statistics.median(times) for times in zip(*painted[WARM:], strict=True))
    return list(map(Figure, names, (large, empty, large / empty), ("ms", "ms", "")))


async def _painted(tab: browser.Tab, url: str) -> float:
    """Open a page once it would be made anew, and return when it was first painted, ms."""
    await tab.open("about:blank")
    await asyncio.sleep(REFRESH_S)
    await tab.open(url)
    return float(await tab.run(PAINTED))
