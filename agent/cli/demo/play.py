"""The demo itself: real processes, sockets, a pty and two databases, and what happens to them when."""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

from agent.cli.common.errors import Finding
from agent.cli.demo import measure, story
from agent.cli.demo.view import View
from agent.control import client
from agent.view.voice import happened, place_of
from hil.run.processes import Child, Children, cpu_s, events, resident_mb

REFRESH_S = 0.5


class Demo:
    """One run of the demo in `folder`."""

    def __init__(self, folder: Path, seconds: int, view: View, children: Children) -> None:
        self.folder, self.view, self.children = folder, view, children
        self.times = story.StoryTimes.of(seconds)
        self.began_s = 0.0
        self.short_s: float | None = None
        self._alarms_told = 0

    def t_s(self) -> float:
        """Seconds since the bench began."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.began_s

    def run(self) -> dict[str, Any]:
        """Start everything, let the story happen, stop everything, and return what was measured."""
        collector, url = self._start_collector("127.0.0.1:0")
        bench = self.children.start(
            "bench", "hil.cli", "serve", str(story.write_room(self.folder, self.times))
        )
        ready = json.loads(bench.first_line())
        self.began_s = ready["boottime_s"]
        ports = {unit["name"]: unit["port"] for unit in ready["units"] if unit["transport"] == "tcp"}
        config = story.write_agent(self.folder, url, ports)
        agent = self.children.start("agent", "agent.cli", "run", "--config", str(config))
        self.view.tell(self.t_s(), "bench, collector and agent are started")
        short_s, unit = self.times.short_s, story.SHORTED_UNIT
        self.view.tell(
            self.t_s(),
            f"a cell of {unit} gets an internal short at {short_s:.0f} s; that is a critical alarm at about"
            f" {short_s + story.CRITICAL_S:.0f} s",
        )
        first = self._await_frames(agent)
        cpu_start_s, start_s = cpu_s(agent.process.pid), time.monotonic()

        last = self._watch(agent, bench, collector, url, first)

        busy = (cpu_s(agent.process.pid) - cpu_start_s) / (time.monotonic() - start_s)
        rss_mb = resident_mb(agent.process.pid)
        stop_s = agent.stop()
        self.view.tell(self.t_s(), f"the agent stopped in {stop_s:.1f} s")
        for child in (bench, *self.children.running("collector")):
            child.stop()
        return {
            **measure.delivery(self.folder),
            "poll_errors": sum(unit["read_errors"] for unit in last["units"]),
            "alarms": measure.alarms(self.folder, self.began_s, last["log"]),
            "short_started_t_s": None if self.short_s is None else round(self.short_s, 2),
            "short_unit": story.SHORTED_UNIT,
            "short_location": story.SHORTED_LOCATION,
            "rss_mb": round(rss_mb, 1),
            "cpu_percent": round(100 * busy, 1),
            "stop_s": round(stop_s, 2),
        }

    def _start_collector(self, listen: str) -> tuple[Child, str]:
        sink = f"sqlite:{self.folder / 'collector.db'}"
        child = self.children.start("collector", "collector.cli", "serve", "--sink", sink, "--listen", listen)
        return child, child.first_line().rpartition(" ")[2]

    def _status(self, agent: Child) -> dict[str, Any] | None:
        agent.check()
        with contextlib.suppress(client.NotRunning):
            return client.get(self.folder / "control.sock", "/v1/status")
        return None

    def _await_frames(self, agent: Child) -> dict[str, Any]:
        """Wait until every unit has brought a frame."""
        while True:
            status = self._status(agent)
            if status and all(unit["frames"] for unit in status["units"]):
                self.view.tell(self.t_s(), f"all {len(status['units'])} units are being read")
                if status["web"]["port"] and not status["web"]["trouble"]:
                    self.view.tell(self.t_s(), f"its status page: http://127.0.0.1:{status['web']['port']}/")
                return status
            if self.t_s() > self.times.short_s:
                raise Finding("not every unit was read in time; try --seconds 120, or see why with --keep")
            time.sleep(REFRESH_S / 5)

    def _watch(
        self, agent: Child, bench: Child, collector: Child, url: str, status: dict[str, Any]
    ) -> dict[str, Any]:
        """Let the story happen, and return the agent's last status."""
        up, outage_done = True, False
        while (now_s := self.t_s()) < self.times.end_s:
            if up and not outage_done and now_s >= self.times.outage_s:
                collector.stop()
                up, outage_done = False, True
                self.view.tell(now_s, "the collector is stopped: batches wait on disk")
            elif not up and now_s >= self.times.outage_end_s:
                self._start_collector(url.rpartition("/")[2])
                up = True
                self.view.tell(now_s, "the collector is back")
            for event in events(bench):
                self.short_s = event["t_s"]
                place = place_of(event["unit"], event["place"])
                self.view.tell(event["t_s"], f"{place}: {event['ohm']} ohm internal short")
            status = self._status(agent) or status
            self._tell_alarms(status)
            self.view.show(now_s, status, up)
            time.sleep(REFRESH_S)
        return status

    def _tell_alarms(self, status: dict[str, Any]) -> None:
        for alarm in status["log"][self._alarms_told :]:
            if alarm["kind"] != "alarm":  # somebody answered one
                continue
            t_s = alarm["boottime_ns"] / 1e9 - self.began_s
            self.view.tell(t_s, happened(alarm, measure.local(alarm["utc_ns"])))
        self._alarms_told = len(status["log"])
