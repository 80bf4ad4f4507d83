"""The long way to run a scenario: a real agent and a real collector, over real sockets and ptys."""

import asyncio
import contextlib
import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agent.control.client import NotRunning, get
from drivers.durable import replace_whole
from hil.modbus.rtu import RtuBus
from hil.modbus.tcp import EndpointError
from hil.run import configuration, delivered
from hil.run.bench import TICK_S, Bench
from hil.run.processes import Child, ProcessError, start
from hil.scenario.events import ClockStep, CollectorAway, EventTable, wire_event
from hil.scenario.evidence import Alarm, Evidence, Places
from hil.scenario.expect import QualityExpect
from hil.scenario.room import RoomError
from hil.scenario.scenario import Scenario

Progress = Callable[[float], None]  # told the scenario's time
ASK_S = 0.25  # how often the agent is asked for its status
DELIVERY_S = 120.0  # to bring everything to the collector after the end
COMMIT_S = 0.25  # real seconds between two commits, at least
LATE_SHARE = 0.02  # of ticks or poll cycles; more, and the run proves nothing


def run_agent(
    scenario: Scenario, progress: Progress = lambda t_s: None, keep: Path | None = None
) -> Evidence:
    """Run a scenario against real processes. RoomError where a unit or a wire cannot be made."""
    with _folder(keep) as folder:
        return asyncio.run(_Run(scenario, folder, progress).run())


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="cellwarden-hil-") as folder:
            yield Path(folder)
        return
    keep.mkdir(parents=True, exist_ok=True)
    if any(keep.iterdir()):
        raise RoomError([f"{keep} is not empty; name a new folder"])
    yield keep.resolve()


class _Run:
    def __init__(self, scenario: Scenario, folder: Path, progress: Progress) -> None:
        self.folder, self.progress = folder, progress
        # links lie with the other files of the run, wherever the scenario's own file is
        buses = [b.model_copy(update={"link": b.link and folder / b.link.name}) for b in scenario.bus]
        self.scenario = scenario.model_copy(update={"bus": tuple(buses)})
        self.scale = scenario.time_scale
        self.bench = Bench(self.scenario, self.scale, max(TICK_S, scenario.period_s))
        self.evidence = Evidence("agent", [e for e in scenario.expect if isinstance(e, QualityExpect)])
        self.since_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        self.stop = asyncio.Event()
        self._utc_offset_s = 0.0
        self._pending: list[tuple[float, Callable[[], None]]] = []  # when, in scenario time, and what
        self._last: dict[str, Any] = {}
        self._late_at_first: dict[str, int] = {}

    async def run(self) -> Evidence:
        start_s = time.monotonic()
        self._tell_clock()
        self._start_collector("127.0.0.1:0")
        try:
            await self.bench.start()
            self.bench.began_s = math.inf  # until the agent has read every unit
            ticking = asyncio.create_task(self.bench.run(self.stop, lambda line: None))
            try:
                await self._with_agent()
            finally:
                self.stop.set()
                await ticking
        except EndpointError as error:
            raise RoomError([str(error)]) from error
        finally:
            await self.bench.close()
            self.collector.stop()
        self._collect()
        self.evidence.wall_s = time.monotonic() - start_s
        return self.evidence

    async def _with_agent(self) -> None:
        config = self.folder / "agent.toml"
        config.write_text(self._config())
        arguments = ["run", "--config", str(config)]
        if self.scale != 1.0 or any(isinstance(e.what(), ClockStep) for e in self.scenario.event):
            arguments += ["--time-scale", f"{self.scale:g}", "--bench-clock", str(self._clock_file)]
        agent = start(self.folder, "agent", "agent.cli", *arguments)
        try:
            await self._until(agent, self._all_read, "not every unit was read")
            self._late_at_first = {u["name"]: u["late_cycles"] for u in self._last["units"]}
            self.bench.late_ticks = 0
            self.bench.begin()
            site = [e for e in self.scenario.event if e.on == "site"]
            self._pending = [(e.at_s, lambda e=e: self._happen(e)) for e in site]  # type: ignore[misc]
            while (now_s := self.bench.scenario_s()) < self.scenario.lasts_s:
                agent.check()
                for due in [p for p in self._pending if p[0] <= now_s]:
                    self._pending.remove(due)
                    due[1]()
                await self._ask()
                self.progress(now_s)
                await asyncio.sleep(ASK_S)
            for _, action in self._pending:  # whoever is still away comes back
                action()
            with contextlib.suppress(ProcessError):
                await self._until(agent, self._all_delivered, "not everything was delivered", DELIVERY_S)
        finally:
            agent.stop()

    async def _until(self, agent: Child, done: Callable[[], bool], what: str, within_s: float = 60.0) -> None:
        deadline_s = time.monotonic() + within_s
        while not done():
            agent.check()
            if time.monotonic() > deadline_s:
                raise ProcessError(f"{what} within {within_s:g} s: {agent.last_words()}")
            await self._ask()
            await asyncio.sleep(ASK_S / 5)

    async def _ask(self) -> None:
        """Ask the agent how it is, and keep what it says of each unit where that changed."""
        with contextlib.suppress(NotRunning):
            self._last = await asyncio.to_thread(get, self.folder / "control.sock", "/v1/status")
            known = {unit: word for _, unit, word in self.evidence.knowledge}
            now_s = self.bench.scenario_s()
            for unit in self._last["units"]:
                if known.get(unit["name"]) != unit["knowledge"]:
                    self.evidence.knowledge.append((now_s, unit["name"], unit["knowledge"]))

    def _all_read(self) -> bool:
        return bool(self._last) and all(unit["frames"] for unit in self._last["units"])

    def _all_delivered(self) -> bool:
        return bool(self._last["account"]["pending"] == 0)

    # ---- what happens to the site

    def _happen(self, event: EventTable) -> None:
        what = event.what()
        if isinstance(what, CollectorAway):
            self.collector.stop()
            address = self._url.rpartition("/")[2]
            self._pending.append((event.at_s + what.for_s, lambda: self._start_collector(address)))
        elif isinstance(what, ClockStep):
            self._utc_offset_s += what.by_s
            self._tell_clock()

    def _start_collector(self, listen: str) -> None:
        sink = f"sqlite:{self.folder / 'collector.db'}"
        self.collector = start(
            self.folder, "collector", "collector.cli", "serve", "--sink", sink, "--listen", listen
        )
        self._url = self.collector.first_line().rpartition(" ")[2]

    @property
    def _clock_file(self) -> Path:
        return self.folder / "clock.json"

    def _tell_clock(self) -> None:
        """Write what the agent's clock goes by: since when it is simulated, how far its calendar is off."""
        said = json.dumps({"since_s": self.since_s, "utc_offset_s": self._utc_offset_s})
        replace_whole(self._clock_file, said.encode())

    def _config(self) -> str:
        """agent.toml: a bus for each wire of the bench."""
        batch_s = max(10.0, COMMIT_S * self.scale)
        text = configuration.agent(self.folder, self._url, store={"batch_s": batch_s})
        names: dict[int, str] = {}
        for served in self.bench.units:
            wire = served.wire
            if id(wire) in names:
                continue
            name = names[id(wire)] = f"bus-{len(names) + 1}"
            if isinstance(wire, RtuBus):
                text += configuration.rtu_bus(
                    name, wire.link, baud=wire.baud, parity=wire.parity, stop_bits=wire.stop_bits
                )
            else:
                text += configuration.tcp_bus(name, wire.port, wire.host)
        for served in self.bench.units:
            table = served.table
            keys = {"unit_id": table.unit_id, "period_s": self.scenario.period_s}
            chemistry = {"chemistry": table.chemistry} if table.chemistry else {}
            text += configuration.unit(table.name, names[id(served.wire)], table.profile, **keys, **chemistry)
        return text

    # ---- what was seen

    def _collect(self) -> None:
        """Read back what came to the collector, in the scenario's time."""
        evidence, collector = self.evidence, self.folder / "collector.db"
        evidence.account = delivered.account(self.folder / "buffer.db", collector)
        zero_s = self.since_s if self.scale != 1.0 or self._utc_offset_s else 0.0
        began_s = zero_s + self.scale * (self.bench.began_s - zero_s)
        places: dict[str, Places] = {}
        sources = {served.table.name: served.unit.source for served in self.bench.units}
        frames = int(self.scenario.lasts_s / self.scenario.period_s)
        for batch, description in delivered.batches(collector):
            unit, where, quantities = batch.unit, description["place"], description["quantity"]
            places[unit] = Places(sources[unit], where, quantities)
            evidence.expect_frames(unit, where, quantities, frames)
            t_s = batch.boottime_ns / 1e9 - began_s
            evidence.add(unit, t_s, delivered.to_si(description, batch), batch.quality)
        for record in delivered.alarms(collector):
            unit = record["unit"]  # "": the site's own, of no single unit
            if record["state"] != "NEW":
                continue
            where_to = places[unit].of(record["location"]) if unit in places else ()
            evidence.alarms.append(
                Alarm(
                    record["boottime_ns"] / 1e9 - began_s,
                    unit,
                    record["location"],
                    where_to,
                    record["detector"],
                    record["severity"],
                    record["text"],
                )
            )
        evidence.alarms.sort(key=lambda alarm: alarm.t_s)
        self._judge_pace()

    def _expects_silence(self, unit: str) -> bool:
        """Whether something happens to the unit or its bus that makes cycles late by itself."""
        bus = next(t.bus for t in self.scenario.unit if t.name == unit)
        return any(e.unit == unit or (bus and e.bus == bus) for e in self.scenario.event if wire_event(e))

    def _judge_pace(self) -> None:
        ticks = max(1.0, self.scenario.lasts_s / self.bench.tick_s)
        if self.bench.late_ticks > LATE_SHARE * ticks:
            self.evidence.late = (
                f"it was late for {self.bench.late_ticks} of {ticks:.0f} seconds of the scenario"
            )
        cycles = self.scenario.lasts_s / self.scenario.period_s
        for unit in self._last.get("units", []):
            late = unit["late_cycles"] - self._late_at_first.get(unit["name"], 0)
            if late > max(2, LATE_SHARE * cycles) and not self._expects_silence(unit["name"]):
                self.evidence.late = (
                    f"{late} of {cycles:.0f} poll cycles of {unit['name']} came late;"
                    " lower --time-scale, or leave this machine alone"
                )
