"""Internal shorts in the 100 Ah cells of the bench: alone, with abuse reactions, and in a rack. Simulated.

`python -m agent.cli.bench.detection.shorts` prints the map of soft shorts, by chemistry and state of charge.
"""

from collections.abc import Iterator
from math import isfinite
from typing import Any

import numpy as np

from agent.detect.channels import Codes
from agent.detect.watch import RackWatch, warm_up
from hil.plant.duty import OPEN, Duty, Phase
from hil.plant.events import InternalShort
from hil.plant.rack import UNCOUPLED, Cooling, Rack, RackParameters
from hil.plant.sensors import RackSource
from hil.source import Arrangement

CELLS = 16
SHORTED = "string1/module1/cell5"
LEARN_S, PERIOD_S = 3600.0, 5.0
RUNAWAY_DEGC = 200.0
LONGEST_S = 6 * 3600.0
DAYS = 4
MAP_OHM, MAP_DAYS = (1.0, 10.0, 30.0, 100.0), 7
MAP_SOC = {"LFP": (0.2, 0.5, 0.8, 1.0), "NMC": (0.2, 0.5, 0.8, 1.0)}


def measure() -> list[tuple[str, float | None, str]]:
    """Return the figures of internal shorts."""
    coupled = _rack(Cooling())
    return [
        ("isc_0.1_lead_min", _lead_min(0.1, UNCOUPLED, "kim2007"), "min"),
        ("isc_0.2_lead_min", _lead_min(0.2, UNCOUPLED, "kim2007"), "min"),
        ("isc_0.3_delay_coupled_min", _delay_s(0.3, coupled, LONGEST_S) / 60.0, "min"),
        ("isc_1_delay_coupled_min", _delay_s(1.0, coupled, LONGEST_S) / 60.0, "min"),
        ("isc_10_delay_coupled_h", _delay_s(10.0, coupled, DAYS * 86400.0) / 3600.0, "h"),
        ("isc_100_days", _delay_s(100.0, coupled, DAYS * 86400.0, 20.0) / 86400.0, "days"),
    ]


class _Case:
    """A rack that has been watched for a while, and then has a short."""

    def __init__(self, ohm: float, rack: RackParameters, period_s: float) -> None:
        self.source = RackSource(Rack(rack))
        places, quantities = zip(*self.source.channels, strict=True)
        steps = np.array([self.source.quantum.get(quantity, 0.0) for quantity in quantities])
        self.watch = RackWatch(places, quantities, steps, period_s)
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


def _rack(cooling: Cooling, **more: Any) -> RackParameters:
    return RackParameters(Arrangement(1, 1, CELLS, CELLS), cooling=cooling, seed=5, **more)


def _lead_min(ohm: float, cooling: Cooling, abuse: str) -> float:
    """Return the time from the first alarm to runaway; 0 where none came before it."""
    case = _Case(ohm, _rack(cooling, abuse=abuse), PERIOD_S)
    heard_s = None
    while case.hottest_degc() < RUNAWAY_DEGC and case.t_s < LEARN_S + LONGEST_S:
        if case.step() and heard_s is None:
            heard_s = case.t_s
    return 0.0 if heard_s is None else (case.t_s - heard_s) / 60.0


def _delay_s(ohm: float, rack: RackParameters, longest_s: float, period_s: float = PERIOD_S) -> float:
    """Return the time from the short to the first alarm, infinite where none came."""
    case = _Case(ohm, rack, period_s)
    while case.t_s < LEARN_S + longest_s:
        if case.step():
            return case.t_s - LEARN_S
    return float("inf")


def soft_shorts() -> Iterator[tuple[str, float, list[float]]]:
    """Give chemistry, state of charge, and the days until each of MAP_OHM is heard in a resting rack."""
    for chemistry, states in MAP_SOC.items():
        for soc in states:
            rack = _rack(Cooling(), chemistry=chemistry, soc=soc, duty=Duty(phases=(Phase(0.0, OPEN),)))
            yield (
                chemistry,
                soc,
                [_delay_s(ohm, rack, MAP_DAYS * 86400.0, 20.0) / 86400.0 for ohm in MAP_OHM],
            )


if __name__ == "__main__":
    warm_up()
    print("days until a short is heard in a resting rack; -: not within", MAP_DAYS, "days")
    print("chemistry  SoC ", *(f"{ohm:6g} ohm" for ohm in MAP_OHM))
    for chemistry, soc, days in soft_shorts():
        print(f"{chemistry:9} {soc:4.0%} ", *(f"{d:10.2g}" if isfinite(d) else f"{'-':>10}" for d in days))
