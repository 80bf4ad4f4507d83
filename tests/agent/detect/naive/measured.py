"""What is no measurement, told plainly: one value, and one frame, at a time."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

HOT = ("cell_temperature", "module_temperature", "battery_temperature", "ambient_temperature")
VOLTS = ("cell_voltage", "module_voltage")
BOUND = {"cell_voltage": 30.0, "module_voltage": 1000.0}
FREE = {"cell_voltage": (0.1, 0.01, 0.3), "module_voltage": (0.6, 0.06, 1.8)} | dict.fromkeys(
    HOT[:3], (2.0, 1.0, 10.0)
)


@dataclass
class Value:
    """A value of the unit: its limits (innermost), what it read last, how long ago, whether it came there
    with others.
    """

    quantity: str
    step: float
    low: float = -math.inf
    high: float = math.inf
    last: float = math.nan
    age_s: float = 0.0
    together: bool = False

    def leaps(self, x: float) -> bool:
        """Return whether it comes to another number, beyond a limit, further than it could."""
        at_once, per_s, most = FREE.get(self.quantity, (0.0, 0.0, 0.0))
        far = math.isnan(self.last) and self.quantity not in VOLTS
        far = far or abs(single(x) - self.last) > min(at_once + per_s * self.age_s, most)
        return far and not self.low <= x <= self.high


def single(x: float) -> float:
    """Return a number as a restart keeps it."""
    return float(np.float32(x))


@dataclass
class Frames:
    """The values of a unit, frame by frame."""

    values: list[Value] = field(default_factory=list)

    def take(self, dt_s: float, si: Sequence[float], quality: Sequence[int]) -> list[str]:
        """Return of each value why it is no measurement; "": it is one."""
        read = [q == 0 and not math.isnan(x) for x, q in zip(si, quality, strict=True)]
        self._arrive(dt_s, si, read)
        zeros = self._zeros(si, read)
        return [
            "" if (why := self._why(value, x, q, zeros)) == "together" and not value.together else why
            for value, x, q in zip(self.values, si, quality, strict=True)
        ]

    def _why(self, value: Value, x: float, quality: int, zeros: bool) -> str:
        hot = value.quantity in HOT
        if quality in (1, 2):
            return {1: "code", 2: "invalid"}[quality]
        if quality != 0 or math.isnan(x):
            return "not read"
        codes = [215.0, 255.0, 471.0, 511.0]
        codes += [full * value.step - less for full in (32767.0, 65535.0) for less in (0.0, 40.0)]
        if hot and any(abs(x - code) < 0.5 * value.step for code in codes):
            return "code"
        if zeros and (x == 0.0 or (hot and x <= -40.0)):
            return "zeros"
        if hot and not -40.0 < x < 1100.0:
            return "beyond"
        return "beyond" if abs(x) >= BOUND.get(value.quantity, math.inf) else "together"

    def _zeros(self, si: Sequence[float], read: Sequence[bool]) -> bool:
        there: dict[str, list[bool]] = {}
        for value, x, is_read in zip(self.values, si, read, strict=True):
            if is_read and value.quantity in (*HOT, *VOLTS, "voltage"):
                at_zero = x == 0.0 or (value.quantity in HOT and x <= -40.0)
                there.setdefault(value.quantity, []).append(at_zero)
        zero = {quantity for quantity, at_zero in there.items() if all(at_zero)}
        return len(zero) >= 2 and any(quantity in VOLTS for quantity in zero)

    def _arrive(self, dt_s: float, si: Sequence[float], read: Sequence[bool]) -> None:
        leapt = []
        for value, x, is_read in zip(self.values, si, read, strict=True):
            value.age_s += dt_s
            if not is_read:
                continue
            if single(x) != value.last:
                if value.leaps(x):
                    leapt.append(value)
                value.last, value.together = single(x), False
            value.age_s = 0.0
        for value in leapt:
            there = Counter(other.last for other in leapt if other.quantity == value.quantity)
            same = there[value.last]
            value.together = same >= 3 and same >= sum(there.values()) / 2
