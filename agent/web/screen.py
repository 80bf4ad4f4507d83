"""One page for many viewers: made once per refresh; what changed goes to all of them as the same bytes."""

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from agent.view.language import speaking
from agent.view.page import blocks, pages, svg
from agent.view.site import WHOLE_SITE_CELLS
from agent.web import plot_around
from agent.web.plots import Plots

QUEUE = 4  # messages that a viewer may lag behind before it is let go, to come back and begin anew

View = Mapping[str, Any]


class Viewer:
    """One open page: what is still to be sent to it."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE)

    def offer(self, message: bytes | None) -> bool:
        """Queue a message, None to end; False where the viewer lags too far behind."""
        try:
            self.queue.put_nowait(message)
        except asyncio.QueueFull:
            return False
        return True


class Screen:
    """The status page of the site (`unit` None) or of one unit, in one language. `acts`: whether it can
    acknowledge.
    """

    def __init__(
        self,
        unit: str | None,
        language: str,
        look: Callable[[], Awaitable[View]],
        plots: Plots,
        acts: Callable[[], bool],
    ) -> None:
        self._language = language
        self.unit, self._look, self._plots, self._acts = unit, look, plots, acts
        self.viewers: set[Viewer] = set()
        self.page = b""
        self._slots: dict[str, Markup] = {}
        self._figures: dict[str, Markup] = {}
        self._view: View = {}
        self._shape = self._mark = ""
        self._made_s = float("-inf")
        self._lock = asyncio.Lock()

    async def fresh(self, within_s: float) -> None:
        """See to it that the page is not older than `within_s`; several who ask together cause one."""
        async with self._lock:
            if time.monotonic() - self._made_s > within_s:
                await self._make()

    def outdated(self) -> None:
        """Note that somebody has changed what it shows: it is made anew for whoever comes next."""
        self._made_s = float("-inf")

    async def refresh(self) -> None:
        """Make the page anew and send what changed to everybody."""
        async with self._lock:
            before, shape, figures = self._slots, self._shape, self._figures
            await self._make()
            changed = {name: html for name, html in self._slots.items() if before.get(name) != html}
            if "al" in changed:
                changed["al"] = self._without(figures, changed["al"])
            message = self._message(changed if shape == self._shape else {})
        for viewer in [v for v in self.viewers if not v.offer(message)]:
            viewer.queue = asyncio.Queue()  # the messages that wait are of no use any more
            viewer.queue.put_nowait(None)
            self.viewers.discard(viewer)

    def whole(self, mark: str = "") -> bytes:
        """Return the message that brings a viewer up to now, whatever it has; a page that is of now, by its
        mark, has all of it, and is not kept from being painted.
        """
        return self._message({} if mark == self._mark else self._slots)

    async def _make(self) -> None:
        with speaking(self._language):
            view = await self._look()
            figures = await self._plots.of([*view["alarms"]["active"], *view["alarms"]["over"]])
            mark = secrets.token_hex(4)
            self._slots, self.page, self._shape = await asyncio.to_thread(self._render, view, figures, mark)
        self._mark, self._view, self._figures, self._made_s = mark, view, figures, time.monotonic()

    def _without(self, seen: Mapping[str, Markup], html: Markup) -> Markup:
        """Leave out the figures that every viewer has: kilobytes each, times hundreds of viewers."""
        for name, figure in self._figures.items():
            if seen.get(name) == figure:
                html = html.replace(figure, plot_around.kept(name))
        return html

    def _render(
        self, view: View, figures: Mapping[str, Markup], mark: str
    ) -> tuple[dict[str, Markup], bytes, str]:
        shown = shown_units(view, self.unit)
        tiled = self.unit is None and len(view["units"]) > 1
        slots = blocks.slots(view, shown, figures, tiled=tiled, acts=self._acts())
        shape = hashlib.sha256(" ".join([self._language, *sorted(slots)]).encode()).hexdigest()[:16]
        query = "?" + urlencode({**({"unit": self.unit} if self.unit else {}), "mark": mark})
        return slots, pages.status_page(view, slots, shown, shape, query).encode(), shape

    def _message(self, slots: Mapping[str, str]) -> bytes:
        made = self._view["made"]
        name, state = blocks.title(self._view)
        said = {
            "shape": self._shape,
            "made": f"{made['clock']} {made['zone']}",
            "title": name,
            "icon": svg.icon(state),
            "tiles": [f"ti{tile['u']}" for tile in self._view["tiles"]],  # worst first
            "slots": slots,
        }
        return f"data: {json.dumps(said, separators=(',', ':'), ensure_ascii=False)}\n\n".encode()


def shown_units(view: View, unit: str | None) -> list[int]:
    """Return the numbers of the units whose map a page shows, the worst first."""
    if unit is not None:
        return [u for u, one in enumerate(view["units"]) if one["name"] == unit]
    whole = all(one["whole"] for one in view["units"])
    if not whole or sum(len(one["cells"]) for one in view["units"]) > WHOLE_SITE_CELLS:
        return [view["tiles"][0]["u"]]
    return [tile["u"] for tile in view["tiles"]]
