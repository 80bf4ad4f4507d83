"""The long way to run a scenario: a real agent and a real collector, over real sockets and ptys."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agent.control.client import NotRunning, get
from hil.modbus.tcp import CannotListen
from hil.run import delivered, processes
from hil.run.agent_config import agent_toml
from hil.run.bench import TICK_S, Bench
from hil.run.lateness import lateness
from hil.run.processes import Child, ProcessError
from hil.run.read_back import read_back
from hil.run.site_services import SiteServices
from hil.scenario.events import BuildingLost, ClockStep
from hil.scenario.evidence import Evidence
from hil.scenario.expect import QualityExpect
from hil.scenario.room import RoomError
from hil.scenario.scenario import Scenario

Progress = Callable[[float], None]  # told the scenario's time
ASK_S = 0.25  # how often the agent is asked for its status
WAIT_ASK_S = 0.05  # and how often while something is waited for
READ_S = 60.0  # for every unit to be read once
DELIVERY_S = 120.0  # to bring everything to the collector after the end


def run_agent(
    scenario: Scenario, progress: Progress = lambda t_s: None, keep: Path | None = None
) -> Evidence:
    """Run a scenario against real processes. RoomError where a unit or a wire cannot be made."""
    with _folder(keep) as folder:
        return asyncio.run(_Run(scenario, folder, progress).run())


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Yield the folder of a run's files: `keep`, or one that is deleted at the end."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="cellwarden-hil-") as folder:
            yield Path(folder)
        return
    keep.mkdir(parents=True, exist_ok=True)
    if any(keep.iterdir()):
        raise RoomError([f"{keep} is not empty; name a new folder"])
    yield keep.resolve()


def _with_links_in(folder: Path, scenario: Scenario) -> Scenario:
    """Return the scenario with its ptys' links in the run's folder, wherever its own file is."""
    buses = [
        bus.model_copy(update={"link": folder / bus.link.name}) if bus.link else bus for bus in scenario.bus
    ]
    return scenario.model_copy(update={"bus": tuple(buses)})


class _Run:
    """One run. `status`: the agent's latest; empty until it has answered."""

    def __init__(self, scenario: Scenario, folder: Path, progress: Progress) -> None:
        self.scenario, self.folder, self.progress = _with_links_in(folder, scenario), folder, progress
        self.bench = Bench(self.scenario, scenario.time_scale, max(TICK_S, scenario.period_s))
        second = any(isinstance(event.what(), BuildingLost) for event in scenario.event)
        self.site = SiteServices(folder, second)
        self.evidence = Evidence("agent", [e for e in scenario.expect if isinstance(e, QualityExpect)])
        self.status: dict[str, Any] = {}
        self.status_at_begin: dict[str, Any] = {}

    async def run(self) -> Evidence:
        start_s = time.monotonic()
        self.site.start()
        if self.site.line:
            await self.site.line.start()
        try:
            await self.bench.start()
            self.bench.hold()
            stop = asyncio.Event()
            ticking = asyncio.create_task(self.bench.run(stop, lambda line: None))
            try:
                await self._with_agent()
            finally:
                stop.set()
                await ticking
        except CannotListen as error:
            raise RoomError([str(error)]) from error
        finally:
            await self.bench.close()
            self.site.stop()
        self._conclude()
        self.evidence.wall_s = time.monotonic() - start_s
        return self.evidence

    async def _with_agent(self) -> None:
        """Start the agent, let the scenario happen to it, and stop it when all is delivered."""
        agent = self.site.agent = self._start_agent()
        try:
            await self._until(agent, self._all_read, "not every unit was read", READ_S)
            self.status_at_begin = self.status
            self.bench.begin()
            self.site.expect([event for event in self.scenario.event if event.on == "site"])
            while (now_s := self.bench.scenario_s()) < self.scenario.lasts_s:
                await asyncio.to_thread(self.site.advance, now_s)  # units answer while a collector starts
                if not self.site.lost:
                    agent.check()
                    await self._ask()
                self.progress(now_s)
                await asyncio.sleep(ASK_S)
            if self.site.lost:
                return
            await asyncio.to_thread(self.site.finish)
            with contextlib.suppress(ProcessError):  # the account will show it
                await self._until(agent, self._all_delivered, "not everything was delivered", DELIVERY_S)
        finally:
            agent.stop()

    def _start_agent(self) -> Child:
        config = self.folder / "agent.toml"
        second_url = self.site.line.url if self.site.line else ""
        scenario = self.scenario
        config.write_text(
            agent_toml(self.bench, self.folder, self.site.url, scenario.period_s, scenario.safety, second_url)
        )
        arguments = ["run", "--config", str(config)]
        scale = self.bench.time_scale
        if scale != 1.0 or any(isinstance(event.what(), ClockStep) for event in self.scenario.event):
            arguments += ["--time-scale", f"{scale:g}", "--bench-clock", str(self.site.clock_file)]
        return processes.start(self.folder, "agent", "agent.cli", *arguments)

    async def _until(self, agent: Child, done: Callable[[], bool], otherwise: str, within_s: float) -> None:
        """Wait until something is done. Raises ProcessError, with `otherwise`, where it is not in time."""
        deadline_s = time.monotonic() + within_s
        while not done():
            agent.check()
            if time.monotonic() > deadline_s:
                raise ProcessError(f"{otherwise} within {within_s:g} s: {agent.last_words()}")
            await self._ask()
            await asyncio.sleep(WAIT_ASK_S)

    async def _ask(self) -> None:
        """Ask the agent for its status, and note each change of what it knows of a unit."""
        with contextlib.suppress(NotRunning):
            self.status = await asyncio.to_thread(get, self.folder / "control.sock", "/v1/status")
            latest = {unit: knowledge for _, unit, knowledge in self.evidence.knowledge}
            now_s = self.bench.scenario_s()
            for unit in self.status["units"]:
                if latest.get(unit["name"]) != unit["knowledge"]:
                    self.evidence.knowledge.append((now_s, unit["name"], unit["knowledge"]))

    def _all_read(self) -> bool:
        dead = {unit.name for unit in self.scenario.unit if unit.dead}
        return bool(self.status) and all(u["frames"] or u["name"] in dead for u in self.status["units"])

    def _all_delivered(self) -> bool:
        return bool(self.status["account"]["pending"] == 0)

    def _conclude(self) -> None:
        """Add what both ends hold, and say where the machine was too slow for it to count."""
        since_s = self.site.since_s  # the agent's clock has run `time_scale` times as fast from here
        began_s = since_s + self.bench.time_scale * (self.bench.began_s - since_s)
        if not self.site.lost:  # else one end of it burnt
            self.evidence.account = delivered.account(self.folder / "buffer.db", self.site.database)
        read_back(self.evidence, self.site.database, self.scenario, self.bench, began_s)
        self.evidence.late = lateness(self.scenario, self.bench, self.status_at_begin, self.status)
