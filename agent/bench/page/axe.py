"""What axe-core finds on the page, in every state and on every screen that the tests look at.

axe-core and the states are the tests' own (tests/vendor/axe, tests/agent/web/states.py): one list for both.
They are in a checkout, and not in what is installed.
"""

import asyncio
import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from agent.bench.figures import Figure
from agent.bench.page import browser

CHECKOUT = Path(__file__).resolve().parents[3]
AXE = CHECKOUT / "tests/vendor/axe/axe.min.js"
#: Comes to a JSON list of what is found, of each: the rule, how many places, and the first of them.
RUN = """axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations.map(
  v => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 200), v.nodes[0].failureSummary])))"""
HEIGHT = 800


def measure() -> list[Figure]:
    """How many violations there are in all states."""
    path, name = browser.installed(), "axe_violations"
    if not AXE.exists():
        return [Figure(name, None, "", "needs a checkout: the states and axe-core lie with its tests")]
    if not path:
        return [Figure(name, None, "", browser.MISSING)]
    sys.path.insert(0, str(CHECKOUT))
    states: Any = importlib.import_module("tests.agent.web.states")
    seen, found = asyncio.run(_look(path, states.STATES, states.SCREENS))
    return [
        Figure(name, float(sum(count for _, count in found)), "", "; ".join(where for where, _ in found)),
        Figure("axe_states", float(seen), "pages"),
    ]


async def _look(path: str, states: Any, screens: Any) -> tuple[int, list[tuple[str, int]]]:
    """Return how many pages were looked at, and what was found: where, and in how many places."""
    found, seen, axe = [], 0, AXE.read_text()
    with tempfile.TemporaryDirectory() as folder:
        async with browser.tab(path) as tab:
            for state, made in states.items():
                (page := Path(folder) / "page.html").write_text(made())
                for width, theme in screens:
                    await tab.look(width, HEIGHT, theme)
                    await tab.open(page.as_uri())
                    await tab.run(f"{axe};0")
                    seen += 1
                    for rule, count, *_ in json.loads(await tab.run(RUN)):
                        found.append((f"{rule} ({state}, {width} px, {theme})", int(count)))
    return seen, found
