"""What the agent of a run has beside its units: a collector and a clock, and what happens to them."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from drivers.durable import replace_whole
from hil.run import processes
from hil.run.line import Line
from hil.run.processes import Child
from hil.scenario.events import BuildingLost, ClockStep, CollectorAway, EventTable


class SiteServices:
    """A collector with its files in `folder`, and the file by which a simulated clock of the agent goes.

    `url`: of the collector; `since_s`: boot time from which a simulated clock runs faster. `second`: whether
    there is a collector elsewhere; `line` goes to it, and `database` is then its own. `lost`: all here is.
    """

    def __init__(self, folder: Path, second: bool = False) -> None:
        self.line: Line | None = None
        self.agent: Child | None = None
        self.lost = False
        self._second: Child | None = None
        self._with_second, self._first_database = second, folder / "collector.db"
        self.url = ""
        self.since_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        self.clock_file = folder / "clock.json"
        self.database = folder / ("second.db" if second else "collector.db")
        self._folder = folder
        self._utc_offset_s = 0.0
        self._due: list[tuple[float, Callable[[], None]]] = []  # scenario time, and what happens then

    def start(self) -> None:
        """Set the clock and start the collector on a free port. Raises ProcessError."""
        self._set_clock()
        self._start_collector("127.0.0.1:0")
        if self._with_second:
            self._second = self._serve("second", self.database, "127.0.0.1:0")
            self.line = Line(int(self._second.first_line().rpartition(":")[2]))

    def stop(self) -> None:
        """Stop the collector."""
        self._collector.stop()
        if self._second:
            self._second.stop()

    def expect(self, events: list[EventTable]) -> None:
        """Let these events happen when their time comes."""
        for event in events:
            self._due.append((event.at_s, lambda event=event: self._happen(event)))  # type: ignore[misc]

    def advance(self, now_s: float) -> None:
        """Let happen what is due at a time of the scenario."""
        for due in [due for due in self._due if due[0] <= now_s]:
            self._due.remove(due)
            due[1]()

    def finish(self) -> None:
        """Let all the rest happen now: a collector that is away comes back."""
        while self._due:
            self._due.pop(0)[1]()

    def _happen(self, event: EventTable) -> None:
        what = event.what()
        if isinstance(what, CollectorAway):
            self._collector.stop()
            address = self.url.rpartition("/")[2]
            self._due.append((event.at_s + what.for_s, lambda: self._start_collector(address)))
        elif isinstance(what, BuildingLost):
            self._collector.process.kill()
            self._due.append((event.at_s + what.over_s / 2, self._cut_line))
            self._due.append((event.at_s + what.over_s, self._kill_agent))
        elif isinstance(what, ClockStep):
            self._utc_offset_s += what.by_s
            self._set_clock()

    def _cut_line(self) -> None:
        if self.line:
            self.line.cut()

    def _kill_agent(self) -> None:
        self.lost = True
        if self.agent:
            self.agent.process.kill()

    def _serve(self, name: str, database: Path, listen: str) -> Child:
        sink = f"sqlite:{database}"
        return processes.start(
            self._folder, name, "collector.cli", "serve", "--sink", sink, "--listen", listen
        )

    def _start_collector(self, listen: str) -> None:
        self._collector = self._serve("collector", self._first_database, listen)
        self.url = self._collector.first_line().rpartition(" ")[2]

    def _set_clock(self) -> None:
        clock = json.dumps({"since_s": self.since_s, "utc_offset_s": self._utc_offset_s})
        replace_whole(self.clock_file, clock.encode())
