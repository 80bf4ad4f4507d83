"""How long what is learned of each channel still takes, if all goes well. Pure.

What is learned: how the slope of a sensor wanders when nothing is wrong, and where a cell usually is among
its siblings. Until then slow heating and small deviations are not detected as early as they will be.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from agent.detect.channels import Flags, Floats
from agent.detect.kernels import imbalance, inputs, slope, wander
from agent.detect.kernels.banks import Banks


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many channels the detectors can judge, and why not the others; as a `float`, channel-seconds.

    learning: fast heating and large deviations raise alarms already, slow ones not as early as they will.
    """

    judged: float = 0
    learning: float = 0
    blind: float = 0
    no_sensor: float = 0

    def __add__(self, other: "Coverage") -> "Coverage":
        return Coverage(
            self.judged + other.judged,
            self.learning + other.learning,
            self.blind + other.blind,
            self.no_sensor + other.no_sensor,
        )


@dataclass(frozen=True, slots=True)
class Learning:
    """The coverage of the channels of one kind, and for how long the last of those that learn needs good
    input still, s (0: none learns).
    """

    coverage: Coverage = field(default_factory=Coverage)
    left_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return it as the status has it."""
        return {**asdict(self.coverage), "left_s": round(self.left_s)}


def total(found: Mapping[str, Learning]) -> Coverage:
    """Return the coverage of all kinds together."""
    return sum((learning.coverage for learning in found.values()), Coverage())


def temperature_left_s(banks: Banks) -> Floats:
    """Return for how long each sensor needs good input still until it is learned, s (n,); 0: it is."""
    signal, k = banks.temperature, slope.LEARNT_SCALE
    tau_s, windows = slope.SCALES_S[k], signal.learned[:, k, wander.WINDOWS]
    before_s = slope.LEARN_AFTER * tau_s - signal.age_s  # lessons begin
    since_s = np.where(before_s > 0.0, 0.0, banks.scales[k, slope.WAITED_S])  # the last lesson
    left_s = np.maximum(before_s, 0.0) + (slope.LEARNT_WINDOWS - windows) * tau_s - since_s
    return np.where(windows >= slope.LEARNT_WINDOWS, 0.0, np.maximum(left_s, 1.0))


def voltage_left_s(banks: Banks) -> Floats:
    """Return for how long each cell needs good input still until it is learned, s (n,); 0: it is."""
    left_s: Floats = np.maximum(imbalance.LEARNT_S - imbalance.learnt_s(banks.cells), 0.0)
    return left_s


def learning_of(bank: inputs.Inputs, left_s: Floats, limit_s: float) -> Learning:
    """Return how many channels of a bank are judged, learning, blind from an age of `limit_s` on, or have no
    sensor.
    """
    never: Flags = np.isinf(bank.age_s)
    lost = ~never & (bank.age_s >= limit_s)
    seen = ~never & ~lost
    learns = seen & (left_s > 0.0)
    coverage = Coverage(
        judged=int(np.count_nonzero(seen & ~learns)),
        learning=int(np.count_nonzero(learns)),
        blind=int(np.count_nonzero(lost)),
        no_sensor=int(np.count_nonzero(never)),
    )
    return Learning(coverage, float(np.max(left_s, where=learns, initial=0.0)))
