"""The reports of a running agent to tools, the status page, metrics and the service manager."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agent.control.api import alarms_of
from agent.control.present import Present
from agent.control.status import bus_report, health, points, unit_report
from agent.detect.alarms.states import AlarmEvent
from agent.detect.knowledge import Knowledge, stale_s
from agent.runtime.parts import VERSION, Parts
from agent.store.alarm_counts import Counting
from agent.store.errors import StoreError
from agent.view.headline import headline
from agent.view.site import unit_view, view
from agent.view.trends import TREND_STEP_S, Trends

if TYPE_CHECKING:
    from agent.control.metrics import MetricsServer
    from agent.web.server import Page


class Report:
    """Reads the parts of an agent and changes nothing."""

    def __init__(self, parts: Parts, page: Callable[[], "Page | None"]) -> None:
        self._parts, self._page = parts, page
        self._trends = Trends()
        self._raised = Counting(parts.store.path, parts.config.detection.shadow)
        self._began_s = parts.clock.boottime_s()
        self._last_account: dict[str, Any] = asdict(parts.store.account())

    def knowledge(self) -> dict[str, Knowledge]:
        """Return how much is known of every unit."""
        now_s = self._parts.clock.boottime_s()
        return {name: self._parts.watching.known(unit, now_s) for name, unit in self._parts.units.items()}

    def summary(self) -> str:
        """Return one line for `systemctl status`."""
        states = Counter(self.knowledge().values())
        units = ", ".join(f"{count} {state}" for state, count in states.most_common()) or "no units"
        return f"{units}; collector {'reached' if self._parts.uplink.status.reached else 'not reached'}"

    def new_metrics(self, listen: str | None) -> "MetricsServer | None":
        """Make the server of `GET /metrics`, where the configuration wants one."""
        if listen is None:
            return None
        from agent.control.metrics import MetricsServer, exposition  # not without a listener: 2 MB of memory

        def text() -> bytes:
            buses, now_s = list(self._parts.buses.values()), self._parts.clock.boottime_s()
            return exposition(buses, self.knowledge(), now_s)

        return MetricsServer(listen, text)

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
        status: dict[str, Any] = {
            "agent": parts.config.agent.id,
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
                        watched=parts.watching.watched(u, now_s),
                    ),
                    "port": bus.port.name,
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
            "account": await self._account(),
            "open_frames": parts.recorder.open.frames,
            "store": {"trouble": parts.recorder.trouble},
            "upstream": asdict(parts.uplink.status),
            "relay": None,
            **parts.site_alarms.reports(),
            "web": {"port": page.port if page else None, "trouble": page.trouble if page else ""},
        }
        head = headline(status["units"], status["alarms"])
        return {"headline": head, **status, "health": health(status, parts.site_alarms.outputs)}

    def points(self, unit: str) -> dict[str, Any] | None:
        """Return what `GET /v1/points` answers; None: no such unit, or it has never been read."""
        latest = self._parts.watching.latest.get(unit)
        return points(latest, self._parts.clock.boottime_s()) if latest else None

    async def view(self, unit: str | None = None) -> dict[str, Any]:
        """Return what `GET /v1/view` answers, with the values of one unit, or (None) of all."""
        status = await self.status()
        return await asyncio.to_thread(self._view, status, [unit] if unit else list(self._parts.units))

    def _view(self, status: dict[str, Any], names: list[str]) -> dict[str, Any]:
        values = {name: said for name in names if (said := self.points(name))}
        up_s = self._parts.clock.boottime_s() - self._began_s
        site = {"site": self._parts.config.agent.site, "version": VERSION, "up_s": up_s}
        now = datetime.now().astimezone()
        raised = self._raised.of(status["log"], int(now.timestamp() * 1e9))
        return view(status, values, self._trends, site, now, raised)

    async def _account(self) -> dict[str, Any]:
        """The account; the last one that could be read while the disk refuses."""
        with contextlib.suppress(StoreError):
            self._last_account = asdict(await self._parts.writer(self._parts.store.account))
        return self._last_account

    async def remember(self) -> None:
        """Keep the figures of the last hour for those who look later."""
        while True:
            await asyncio.sleep(TREND_STEP_S)
            await asyncio.to_thread(self._remember, await self.status())

    def _remember(self, status: dict[str, Any]) -> None:
        # unit by unit: the view of a large site at once is tens of MB, which a process does not give back
        now = datetime.now().astimezone()
        units = (
            unit_view(unit, self.points(unit["name"]), status["alarms"], self._trends, now)
            for unit in status["units"]
        )
        self._trends.take(units)
