"""What the UPS asks of its battery."""

import math
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Bus:
    """The battery bus of one moment: the UPS holds `volts` as far as both current limits of a string allow.

    A discharge at constant current is a bus of 0 V with that limit.
    """

    volts: float
    max_charge_a: float
    max_discharge_a: float


class Duty(Protocol):
    """The bus over time."""

    def bus_at(self, t_s: float, rest_v: float) -> Bus:
        """The bus at `t_s`; `rest_v` is the mean open-circuit voltage of the strings at t = 0."""
        ...


@dataclass(frozen=True, slots=True)
class Float:
    """Waiting for an outage: the charger holds the voltage at which the strings rested at t = 0."""

    limit_a: float = 20.0
    wobble_v: float = 0.0  # slow regulation error of the charger, peak
    wobble_period_s: float = 600.0

    def bus_at(self, t_s: float, rest_v: float) -> Bus:
        """The same at all times, apart from the wobble."""
        wobble_v = self.wobble_v * math.sin(2 * math.pi * t_s / self.wobble_period_s)
        return Bus(rest_v + wobble_v, self.limit_a, self.limit_a)
