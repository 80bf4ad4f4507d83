"""Internal shorts in the 100 Ah cells of the bench: alone, with abuse reactions, and in a rack. Simulated."""

from typing import Any

import numpy as np

from agent.detect.channels import Codes
from agent.detect.watch import UnitDetectors
from hil.plant.events import InternalShort
from hil.plant.rack import UNCOUPLED, Cooling, Rack, RackParameters
from hil.plant.sensors import RackSource
from hil.plant.source import Arrangement

CELLS = 16
SHORTED = "string1/module1/cell5"
LEARN_S, PERIOD_S = 3600.0, 5.0
RUNAWAY_DEGC = 200.0
LONGEST_S = 6 * 3600.0
DAYS = 4


def measure() -> list[tuple[str, float | None, str]]:
    """Return the figures of internal shorts."""
    alone, coupled = rack(UNCOUPLED, abuse="kim2007"), rack(Cooling())
    return [
        ("isc_0.1_lead_min", _lead_min(0.1, alone), "min"),
        ("isc_0.2_lead_min", _lead_min(0.2, alone), "min"),
        ("isc_0.3_delay_coupled_min", delay_s(0.3, coupled, LONGEST_S) / 60.0, "min"),
        ("isc_1_delay_coupled_min", delay_s(1.0, coupled, LONGEST_S) / 60.0, "min"),
        ("isc_10_delay_coupled_h", delay_s(10.0, coupled, DAYS * 86400.0) / 3600.0, "h"),
        ("isc_100_days", delay_s(100.0, coupled, DAYS * 86400.0, 20.0) / 86400.0, "days"),
    ]


class _Case:
    """A rack that has been watched for a while, and then has a short."""

    def __init__(self, ohm: float, rack: RackParameters, period_s: float) -> None:
        self.source = RackSource(Rack(rack))
        places, quantities = zip(*self.source.channels, strict=True)
        steps = np.array([self.source.quantum.get(quantity, 0.0) for quantity in quantities])
        self.watch = UnitDetectors(places, quantities, steps, period_s)
        self.quality: Codes = np.zeros(len(places), np.uint8)
        self.period_s, self.t_s = period_s, 0.0
        while self.t_s < LEARN_S:
            self.step()
        self.source.apply(InternalShort(SHORTED, ohm))

    def step(self) -> bool:
        """Go on by one frame; True when an alarm was raised at the shorted cell, or a place that holds it."""
        self.t_s += self.period_s
        events = self.watch.judge(self.t_s, self.source.read_at(self.t_s), self.quality)
        return any(event.state == "NEW" and SHORTED.startswith(event.location) for event in events)

    def hottest_degc(self) -> float:
        return float(self.source.rack.cells["temp_degc"].max())


def rack(cooling: Cooling, **more: Any) -> RackParameters:
    """Return one module of cells, a sensor at each."""
    return RackParameters(Arrangement(1, 1, CELLS, CELLS), cooling=cooling, seed=5, **more)


def _lead_min(ohm: float, rack: RackParameters) -> float:
    """Return the time from the first alarm to runaway; 0 where none came before it."""
    case = _Case(ohm, rack, PERIOD_S)
    heard_s = None
    while case.hottest_degc() < RUNAWAY_DEGC and case.t_s < LEARN_S + LONGEST_S:
        if case.step() and heard_s is None:
            heard_s = case.t_s
    return 0.0 if heard_s is None else (case.t_s - heard_s) / 60.0


def delay_s(ohm: float, rack: RackParameters, longest_s: float, period_s: float = PERIOD_S) -> float:
    """Return the time from the short to the first alarm, infinite where none came."""
    case = _Case(ohm, rack, period_s)
    while case.t_s < LEARN_S + longest_s:
        if case.step():
            return case.t_s - LEARN_S
    return float("inf")
