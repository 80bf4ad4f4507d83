"""What the UPS asks of its battery, and what the room around it does."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.plant.source import Floats

#: What a UPS does to the strings: the voltage it holds, within most charge and most discharge of a string.
UPS = np.dtype([("hold_v", np.float64), ("most_charge_a", np.float64), ("most_discharge_a", np.float64)])

FLOAT, DISCHARGE, OPEN = "float", "discharge", "open"


@dataclass(frozen=True, slots=True)
class Phase:
    """From `at_s` on: floating, discharging each string at `amps` down to `stop_v`, or open."""

    at_s: float
    kind: str
    amps: float = 0.0
    stop_v: float = 0.0


@dataclass(frozen=True, slots=True)
class Duty:
    """The battery bus over time: phases, floating before the first one.

    Floating holds the voltage at which the strings rested at t = 0, with at most `limit_a` a string, which
    after a discharge is a recharge at constant current, then constant voltage. `wobble_v` is the charger's
    slow regulation error, peak.
    """

    limit_a: float = 20.0
    wobble_v: float = 0.0
    wobble_period_s: float = 600.0
    phases: tuple[Phase, ...] = field(default=())

    def then(self, phase: Phase) -> "Duty":
        """The same with one more phase, in place of all later ones."""
        kept = tuple(p for p in self.phases if p.at_s < phase.at_s)
        return replace(self, phases=(*kept, phase))

    def ups(self, t_s: Floats, rest_v: float) -> NDArray[Any]:
        """What the UPS does at times (k,), as (k,) UPS.

        `rest_v` is the mean open-circuit voltage of the strings at t = 0.
        """
        out = np.empty(len(t_s), UPS)
        out["hold_v"] = rest_v + self.wobble_v * np.sin(2 * math.pi / self.wobble_period_s * t_s)
        out["most_charge_a"] = out["most_discharge_a"] = self.limit_a
        ends = [*(p.at_s for p in self.phases), math.inf][1:]
        for phase, until_s in zip(self.phases, ends, strict=True):
            now = (t_s >= phase.at_s) & (t_s < until_s)
            if phase.kind == DISCHARGE:
                out[now] = phase.stop_v, 0.0, phase.amps
            elif phase.kind == OPEN:
                out[now] = 0.0, 0.0, 0.0
        return out


@dataclass(frozen=True, slots=True)
class RoomAir:
    """The room's air: its mean, a daily wave (peak at 15 o'clock if t = 0 is 9), the swing of the cooling.

    `swing_k` is the daily peak, `cooling_k` the peak of the compressor's cycle of `cooling_period_s`;
    `steps` are (from t_s, new mean, how long it takes): a cooling that fails, a window that opens.
    """

    degc: float = 25.0
    swing_k: float = 0.5
    cooling_k: float = 0.0
    cooling_period_s: float = 900.0
    steps: tuple[tuple[float, float, float], ...] = ()

    def at(self, t_s: Floats) -> Floats:
        """Its temperature at times (k,), degC."""
        mean = np.full(len(t_s), self.degc)
        for from_s, degc, over_s in self.steps:
            part = np.clip((t_s - from_s) / max(over_s, 1.0), 0.0, 1.0)
            mean += (degc - mean) * part
        daily = self.swing_k * np.sin(2 * math.pi / 86400.0 * t_s)
        return mean + daily + self.cooling_k * np.sin(2 * math.pi / self.cooling_period_s * t_s)
