"""What goes wrong with sensors; set while the bench runs."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hil.plant.source import Channel

TEMPERATURE = "cell_temperature"


@dataclass(frozen=True, slots=True)
class _Sensor:
    place: str
    quantity: str = field(default=TEMPERATURE, kw_only=True)


@dataclass(frozen=True, slots=True)
class SensorOffset(_Sensor):
    """It reads this much more, in K, V or A."""

    by: float


@dataclass(frozen=True, slots=True)
class SensorNoise(_Sensor):
    """It trembles with this standard deviation."""

    sigma: float


@dataclass(frozen=True, slots=True)
class SensorDrift(_Sensor):
    """It walks off by this much a day; 0.1 to 1 K is what thermistors do."""

    per_day: float


@dataclass(frozen=True, slots=True)
class SensorLag(_Sensor):
    """It follows with this time constant: a probe that came off its cell."""

    lag_s: float


@dataclass(frozen=True, slots=True)
class SensorStuck(_Sensor):
    """It stays at its last reading."""


@dataclass(frozen=True, slots=True)
class SensorOpen(_Sensor):
    """Its wire is broken: it reads `reads` (-40, 0, 215), or "not available" where that is not said."""

    reads: float = math.nan


@dataclass(frozen=True, slots=True)
class SensorSwapped(_Sensor):
    """Its wires are exchanged with those of the sensor at `other`."""

    other: str


@dataclass(frozen=True, slots=True)
class SensorRepaired(_Sensor):
    """It is as it was built."""


SensorFault = (
    SensorOffset
    | SensorNoise
    | SensorDrift
    | SensorLag
    | SensorStuck
    | SensorOpen
    | SensorSwapped
    | SensorRepaired
)


def find(channels: "tuple[Channel, ...]", place: str, quantity: str) -> int:
    """Where a sensor stands among `channels`. ValueError, with the places there are, where there is none."""
    if Channel(place, quantity) in channels:
        return channels.index(Channel(place, quantity))
    places = [c.place or "the unit itself" for c in channels if c.quantity == quantity]
    if not places:
        known = ", ".join(sorted({c.quantity for c in channels}))
        raise ValueError(f"no quantity {quantity!r}: there is {known}")
    some = ", ".join(places[:6]) + (", ..." if len(places) > 6 else "")
    raise ValueError(f"no {quantity} sensor at {place!r}: there is {some}")


def strike(
    sensors: NDArray[np.void], built: NDArray[np.void], at: int, fault: SensorFault, other: int, t_s: float
) -> None:
    """Let a fault befall the sensor `at` at time `t_s`; `other` is the one it is swapped with."""
    sensor = sensors[at]
    match fault:
        case SensorOffset(by=by):
            sensor["offset"] += by
        case SensorNoise(sigma=sigma):
            sensor["noise"] = sigma
        case SensorDrift(per_day=per_day):
            sensor["drift_per_s"], sensor["drift_from_s"] = per_day / 86400.0, t_s
        case SensorLag(lag_s=lag_s):
            sensor["lag_s"], sensor["lagged"] = lag_s, sensor["reads"]
        case SensorStuck():
            sensor["stuck"] = True
        case SensorOpen(reads=reads):
            sensor["stuck"], sensor["reads"] = True, reads
        case SensorSwapped():
            sensor["seen"], sensors[other]["seen"] = sensors[other]["seen"], int(sensor["seen"])
        case SensorRepaired():
            sensors[at] = built[at]
