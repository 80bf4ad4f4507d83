"""The short way to run a scenario: in process, plant straight into the agent's decode and detect code."""

import math
import random
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from agent.detect.alarms.states import AlarmEvent, AlarmState
from agent.detect.limits import SAFETY, SiteLimit
from agent.detect.settings import Settings
from agent.quality import Quality
from hil.bmu.units import BenchUnit, build
from hil.modbus.faults import FaultKind
from hil.plant.source import Floats
from hil.run.unit import Direct
from hil.scenario.events import Cut, EventTable, WireClear, WireFault
from hil.scenario.evidence import Evidence, Places, RaisedAlarm
from hil.scenario.expect import QualityExpect
from hil.scenario.room import RoomError
from hil.scenario.scenario import REFUSES, Scenario

BLOCK = 64
Progress = Callable[[float], None]  # told the scenario's time


class _Wire:
    """The faults of a unit's wire, applied to whole frames: in process there is no wire."""

    def __init__(self, seed: int) -> None:
        self.cut_until_s = -math.inf
        self.faults: dict[FaultKind, WireFault] = {}
        self._dice = random.Random(seed)

    def replies(self, t_s: Floats, answers: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """The quality of the unit's answer at each of these times."""
        out = np.where(answers & (t_s > self.cut_until_s), Quality.GOOD, Quality.NO_REPLY).astype(np.uint8)
        for kind, fault in self.faults.items():
            refused = Quality.REFUSED if kind in REFUSES else Quality.NO_REPLY
            for k in range(len(out)):
                if self._dice.random() < fault.probability:
                    out[k] = refused
        return out


class _Unit:
    def __init__(self, unit: BenchUnit, scenario: Scenario, evidence: Evidence) -> None:
        self.unit, self.evidence = unit, evidence
        limits = tuple(SiteLimit(of, SAFETY, high=high) for of, high in scenario.safety.items())
        settings = Settings(chemistry=unit.table.chemistry or "", limits=limits)
        self.direct = Direct(unit.profile, unit.registers, unit.source, scenario.period_s, settings)
        self.wire = _Wire(unit.table.source.rack.seed if unit.table.source.rack else 0)
        layout = self.direct.layout
        self.places = Places(unit.source, layout.places, layout.quantities)
        frames = int(scenario.lasts_s / scenario.period_s)
        evidence.expect_frames(unit.name, layout.places, layout.quantities, frames)

    def advance(self, steps: int) -> None:
        told = self.unit.source.advance(steps)
        answers = told.answers & (not self.unit.muted)
        replies = self.wire.replies(told.t_s, answers)
        events = self.direct.judge(told.t_s, told.channels, told.beat_s, replies)
        self.evidence.add(self.unit.name, told.t_s, self.direct.si_frames, self.direct.quality_frames)
        self.evidence.alarms += [self._alarm(e) for e in events if e.state == AlarmState.NEW]

    def _alarm(self, event: AlarmEvent) -> RaisedAlarm:
        where = self.places.of(event.location)
        return RaisedAlarm(
            event.t_s,
            self.unit.name,
            event.location,
            where,
            event.detector,
            event.severity,
            event.text,
        )


def run_direct(scenario: Scenario, progress: Progress = lambda t_s: None) -> Evidence:
    """Run a scenario in process. RoomError where a unit cannot be built or an event has no meaning here."""
    if only := scenario.only_agent():
        raise RoomError([f"{label}: needs the agent: --way agent" for label in only])
    start_s = time.monotonic()
    built, problems = build(scenario.unit, scenario.period_s)
    if problems:
        raise RoomError(problems)
    evidence = Evidence("direct", [e for e in scenario.expect if isinstance(e, QualityExpect)])
    units = {unit.name: _Unit(unit, scenario, evidence) for unit in built}
    events = sorted(scenario.event, key=lambda event: event.at_s)
    steps, last = 0, int(scenario.lasts_s / scenario.period_s)
    while steps < last:
        while events and events[0].at_s <= steps * scenario.period_s:
            _happen(events.pop(0), units, scenario)
        until = min(last, math.ceil(events[0].at_s / scenario.period_s)) if events else last
        count = min(BLOCK, max(1, until - steps))
        for unit in units.values():
            unit.advance(count)
        steps += count
        progress(steps * scenario.period_s)
    evidence.alarms.sort(key=lambda alarm: alarm.t_s)
    evidence.wall_s = time.monotonic() - start_s
    return evidence


def _happen(event: EventTable, units: dict[str, _Unit], scenario: Scenario) -> None:
    what = event.what()
    if isinstance(what, Cut):
        for table in scenario.unit:
            if table.bus == event.bus:
                units[table.name].wire.cut_until_s = event.at_s + what.for_s
        return
    unit = units[event.unit]
    if isinstance(what, WireFault):
        unit.wire.faults[what.fault] = what
    elif isinstance(what, WireClear):
        for kind in [what.fault] if what.fault else list(unit.wire.faults):
            unit.wire.faults.pop(kind, None)
    else:
        unit.unit.happen(what)
