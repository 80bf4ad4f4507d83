"""The figure of each alarm: drawn while somebody looks, kept, and drawn again as the hour fills."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from agent.store.reading import BufferUnreadable
from agent.view.language import current
from agent.web import plot_around
from agent.web.around import AFTER_S, OPEN_S, read

log = logging.getLogger(__name__)

MOST = 6  # alarms with a figure, the first of the list; the page has a budget of 100 kB
AGAIN_S, AGAIN_SHARE = 20.0, 0.1  # drawn again after so long, or that share of the alarm's age
AT_ONCE_S = 1.0  # that a page may wait for; the others come with the next

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Drawn:
    html: Markup
    raised_utc_s: float
    due_s: float  # monotonic; infinite once nothing can be added


class Plots:
    """Draws from the buffer at `path`, one figure at a time: `one_reader` is held meanwhile."""

    def __init__(self, path: Path, one_reader: asyncio.Lock) -> None:
        self._path, self._one_reader = path, one_reader
        self._all: dict[str, dict[str, _Drawn]] = {}  # by language, by the id of the alarm
        self._lock = asyncio.Lock()

    async def of(self, rows: Sequence[Row]) -> dict[str, Markup]:
        """Return the figures by the id of the alarm; `rows` as in a view (see `agent.view.alarms`)."""
        shown = [row for row in rows if row["quantity"]][:MOST]
        async with self._lock:
            kept = self._all.get(current(), {})
            began_s = time.monotonic()
            for row in shown:
                if time.monotonic() - began_s > AT_ONCE_S:
                    break
                if _due(kept.get(row["id"]), row, time.monotonic()):
                    async with self._one_reader:
                        kept[row["id"]] = await asyncio.to_thread(self._draw, row)
            kept = self._all[current()] = {row["id"]: kept[row["id"]] for row in shown if row["id"] in kept}
            return {name: drawn.html for name, drawn in kept.items() if drawn.html}

    def _draw(self, row: Row) -> _Drawn:
        now = datetime.now().astimezone()
        raised_s, now_s = row["raised_utc_s"], now.timestamp()
        usual = row["expected"] / 1e3 if row["value_unit"] == "mV" else 0.0
        html = Markup()
        try:
            asked = (row["unit"], row["location"], row["quantity"], raised_s, now_s, usual)
            if around := read(self._path, *asked):
                html = plot_around.figure(row, around, now.tzinfo)
        except BufferUnreadable as error:
            log.warning("status page: %s", error)
        except Exception:  # from data that an older version stored, say: the page goes on without this figure
            log.exception("status page: no figure of %s", row["id"])
        over = now_s > raised_s + AFTER_S + OPEN_S
        again_s = max(AGAIN_S, AGAIN_SHARE * (now_s - raised_s))
        due_s = float("inf") if over and html else time.monotonic() + again_s
        return _Drawn(html, raised_s, due_s)


def _due(drawn: _Drawn | None, row: Row, now_s: float) -> bool:
    return drawn is None or drawn.raised_utc_s != row["raised_utc_s"] or now_s >= drawn.due_s
