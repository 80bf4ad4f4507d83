"""The reports of a running agent to tools, the status page, metrics and the service manager."""

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agent.control.api import alarms_of
from agent.control.moment import boxes, figures_now, outline_now
from agent.control.present import Present
from agent.control.status import bus_report, health, points, unit_report
from agent.detect.alarms.states import AlarmEvent
from agent.detect.knowledge import Knowledge, stale_s
from agent.runtime.parts import VERSION, Parts
from agent.store.alarm_counts import Counting
from agent.store.buffer_alarms import told_of
from agent.store.errors import StoreError
from agent.view.brief import brief
from agent.view.delivery import reached_text
from agent.view.headline import headline
from agent.view.language import ENGLISH, speaking
from agent.view.site import WHOLE_SITE_CELLS, view
from agent.view.state import of_unit
from agent.view.tiles import Outline, worst_first
from agent.view.trends import TREND_STEP_S, Trends

if TYPE_CHECKING:
    from agent.control.metrics import MetricsServer
    from agent.web.server import Page

MOST_SENTENCE_CELLS = 20_000  # some 0.4 s of a core


def _plus(stored_s: float | None, open_s: float) -> float | None:
    """Seconds of frames with those that are not sealed yet."""
    return None if stored_s is None else round(stored_s + open_s, 1)


def _served(page: "Page | None") -> dict[str, Any]:
    """Return the page's part of the status."""
    if page is None:
        return {"port": None, "trouble": "", "code": ""}
    return {"port": page.port, "trouble": page.trouble, "code": page.code}


class Report:
    """Reads the parts of an agent and changes nothing."""

    def __init__(self, parts: Parts, page: Callable[[], "Page | None"]) -> None:
        self._parts, self._page = parts, page
        self._metrics: MetricsServer | None = None
        self._trends = Trends()
        self._raised = Counting(parts.store.path, parts.config.detection.shadow)
        self._began_s = parts.clock.boottime_s()
        self._delivered: tuple[dict[str, Any], list[dict[str, Any]]] = self._read_delivered()

    def knowledge(self) -> dict[str, Knowledge]:
        """Return how much is known of every unit."""
        now_s = self._parts.clock.boottime_s()
        return {name: self._parts.watching.known(unit, now_s) for name, unit in self._parts.units.items()}

    def words(self) -> dict[str, str]:
        """Return how every unit is seen, in the word of page and `live` (`agent.view.state.WORDS`)."""
        now = datetime.now().astimezone()
        learning = self._parts.watching.learning
        return {
            name: of_unit({"knowledge": known, "detectors": learning(name)}, now).word
            for name, known in self.knowledge().items()
        }

    def summary(self) -> str:
        """Return one line for `systemctl status`."""
        states = Counter(self.words().values())
        units = ", ".join(f"{count} {state}" for state, count in states.most_common()) or "no units"
        return f"{units}; {reached_text(asdict(u.status) for u in self._parts.uplinks.values())}"

    def new_metrics(self, listen: str | None) -> "MetricsServer | None":
        """Make the server of `GET /metrics`, where the configuration wants one."""
        if listen is None:
            return None
        from agent.control.metrics import MetricsServer, exposition  # not without a listener: 2 MB of memory

        async def text() -> bytes:
            account, upstreams = await self._delivery()
            buses, now_s = list(self._parts.buses.values()), self._parts.clock.boottime_s()
            return exposition(buses, self.words(), now_s, account, upstreams)

        self._metrics = MetricsServer(listen, text)
        return self._metrics

    def look(self, unit: str, event: AlarmEvent) -> Present:
        """Return the present value at the place of an alarm."""
        if unit not in self._parts.units:
            return Present()
        fresh_s, now_s = stale_s(self._parts.units[unit].pace_s), self._parts.clock.boottime_s()
        return self._parts.watching.look(unit, event, fresh_s, now_s)

    async def status(self) -> dict[str, Any]:
        """Return what `GET /v1/status` answers."""
        parts, page = self._parts, self._page()
        unrecorded = [*parts.recorder.unrecorded, *parts.store.unsaid]
        now_s = parts.clock.boottime_s()
        account, upstreams = await self._delivery()
        full = parts.store.full
        status: dict[str, Any] = {
            "agent": parts.config.agent.id,
            "pid": os.getpid(),
            "epoch": parts.store.epoch.hex(),
            "boottime_s": now_s,
            "clock_synchronised": parts.clock.synchronised(),
            "units": [
                {
                    **unit_report(
                        u,
                        parts.watching.latest.get(u.name),
                        parts.watching.known(u, now_s),
                        now_s,
                        age_s=parts.watching.age_s(u, now_s),
                        watched=parts.watching.watched(u, now_s),
                    ),
                    "label": parts.site_alarms.labels.get(u.name, ""),
                    "port": bus.port.name,
                    "bus": bus.name,
                    "answered": self._trends.answered(u.name, u.due.due_s, u.due.answered_s),
                    "detectors": parts.watching.learning(u.name),
                    "limits": parts.watching.limits(u.name),
                    "first_days": parts.watching.first_days(u.name),
                }
                for bus in parts.buses.values()
                for u in bus.units
            ],
            "buses": [bus_report(bus) for bus in parts.buses.values()],
            "alarms": alarms_of(parts.site_alarms, now_s, self.look),
            "log": [
                {**e.record, "unit": e.unit, "recorded": e not in unrecorded}
                for e in list(parts.site_alarms.log)
            ],
            "account": account,
            "open_frames": parts.recorder.open.frames,
            "store": {"trouble": parts.recorder.trouble, "full": told_of(full).text if full else ""},
            "upstreams": upstreams,
            "relay": None,
            **parts.site_alarms.reports(),
            "web": _served(page),
            "metrics": {"trouble": self._metrics.trouble if self._metrics else ""},
        }
        with speaking(ENGLISH):  # whatever the page speaks that asks for it
            head = headline(status["units"], status["alarms"], datetime.now().astimezone())
        return {"headline": head, **status, "health": health(status, parts.site_alarms.outputs)}

    def points(self, unit: str) -> dict[str, Any] | None:
        """Return what `GET /v1/points` answers; None: no such unit, or it has never been read."""
        latest = self._parts.watching.latest.get(unit)
        left_s = self._parts.watching.left_s(unit)
        return points(latest, self._parts.clock.boottime_s(), left_s) if latest else None

    async def view(self, unit: str | None = None) -> dict[str, Any]:
        """Return what the page shows, with the values of one unit, or (None) of all; where they are more than
        fit on a page, of the worst, and of the others what a tile shows.
        """
        status = await self.status()
        return await asyncio.to_thread(self._page_view, status, unit)

    def _page_view(self, status: dict[str, Any], unit: str | None) -> dict[str, Any]:
        names = list(self._parts.units)
        if unit or self._boxes() <= WHOLE_SITE_CELLS:
            return self._view(status, [unit] if unit else names)
        first = worst_first(status["units"], status["alarms"])[0]["name"]
        return self._view(status, [first], self._outlines(first))

    async def brief(self, unit: str | None, sentences: bool) -> dict[str, Any]:
        """Return what `GET /v1/view` answers: one unit whole (None: the worst), of the others what a tile
        shows; `sentences`: also each unit's sentence on its cells, which takes all of them, and is left out
        where they are too many to look through every other second.
        """
        status = await self.status()
        return await asyncio.to_thread(self._brief, status, unit, sentences)

    def _brief(self, status: dict[str, Any], unit: str | None, sentences: bool) -> dict[str, Any]:
        names = [one["name"] for one in worst_first(status["units"], status["alarms"])]
        shown = unit if unit and unit in names else next(iter(names), "")
        if sentences and self._boxes() <= MOST_SENTENCE_CELLS:
            return brief(self._view(status, names), shown)
        return brief(self._view(status, [shown], self._outlines(shown)), shown)

    def _boxes(self) -> int:
        """Return how many cells and sensors the maps of all units have."""
        return sum(boxes(self._parts.watching.latest.get(name)) for name in self._parts.units)

    def _outlines(self, but: str) -> dict[str, Outline]:
        """Return what the tile of each unit shows, but of one."""
        now_s, watching = self._parts.clock.boottime_s(), self._parts.watching
        return {
            name: outline_now(watching.latest.get(name), watching.known(one, now_s), one.pace_s, now_s)
            for name, one in self._parts.units.items()
            if name != but
        }

    def _view(
        self, status: dict[str, Any], names: list[str], outlines: Mapping[str, Outline] | None = None
    ) -> dict[str, Any]:
        values = {name: said for name in names if (said := self.points(name))}
        up_s = self._parts.clock.boottime_s() - self._began_s
        site = {"site": self._parts.config.agent.site, "version": VERSION, "up_s": up_s}
        now = datetime.now().astimezone()
        raised = self._raised.of(status["log"], int(now.timestamp() * 1e9))
        return view(status, values, self._trends, site, now, raised, outlines or {})

    async def _delivery(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return what was sealed, and how far each upstream is with it; as it was read last while the disk
        refuses.
        """
        with contextlib.suppress(StoreError):
            self._delivered = await self._parts.writer(self._read_delivered)
        account, upstreams = self._delivered
        open_s = self._parts.recorder.open.age_s(self._parts.clock.stamp())
        for upstream in upstreams:  # what the uplink says is of now
            if uplink := self._parts.uplinks.get(upstream["name"]):
                upstream |= asdict(uplink.status)
        behind = [{**one, "behind_s": _plus(one["behind_s"], open_s)} for one in upstreams]
        return {**account, "only_here_s": _plus(account["only_here_s"], open_s)}, behind

    def _read_delivered(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        store, tables = self._parts.store, {table.name: table for table in self._parts.config.upstream}
        exposure = store.exposure()
        said = {name: asdict(account) for name, account in store.accounts().items() if name in tables}
        of_all = ("frames", "values", "wire_bytes")
        required = [one for name, one in said.items() if tables[name].role == "required"]
        account = max(required or said.values(), key=lambda one: one["pending"])
        upstreams = [
            {
                "role": tables[name].role,
                "what": tables[name].what,
                "account": {key: count for key, count in said[name].items() if key not in of_all},
                "behind_s": exposure.behind_s.get(name),
                **asdict(uplink.status),
            }
            for name, uplink in self._parts.uplinks.items()
            if name in said
        ]
        return {**account, "only_here_s": exposure.only_here_s}, upstreams

    async def remember(self) -> None:
        """Keep the figures of the last hour for those who look later."""
        parts = self._parts
        while True:
            await asyncio.sleep(TREND_STEP_S)
            self._trends.begin()
            for unit in parts.units.values():
                now_s, latest = parts.clock.boottime_s(), parts.watching.latest.get(unit.name)
                figures = figures_now(latest, parts.watching.known(unit, now_s), unit.pace_s, now_s)
                self._trends.take(unit.name, figures, unit.due.due_s, unit.due.answered_s)
                await asyncio.sleep(0)  # no poll waits for all of them
