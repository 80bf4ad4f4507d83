"""What a value can be, by its quantity: ranges in which a failing battery is still one.

Wide on purpose: they tell a right register map from a wrong one, never a good battery from a bad one.
"""

import numpy as np
from numpy.typing import NDArray

from drivers.values import Value

# cells of every chemistry up to blocks of 12 V; a pack from one block to a rack of 1500 V
RANGES: dict[str, tuple[float, float]] = {
    "cell_voltage": (0.5, 16.5),
    "cell_voltage_max": (0.5, 16.5),
    "cell_voltage_min": (0.5, 16.5),
    "module_voltage": (1.5, 200.0),
    "voltage": (8.0, 1600.0),
    "cell_temperature": (-30.0, 95.0),
    "cell_temperature_max": (-30.0, 95.0),
    "cell_temperature_min": (-30.0, 95.0),
    "module_temperature": (-30.0, 95.0),
    "battery_temperature": (-30.0, 95.0),
    "mosfet_temperature": (-30.0, 120.0),
    "terminal_temperature": (-30.0, 120.0),
    "ambient_temperature": (-30.0, 70.0),
}
MOST_SPREAD_V = 1.5  # between cells of one battery


def telling(value: Value) -> bool:
    """Whether a value says something of the map: zeros and flags fit everywhere."""
    return value.quantity in RANGES


def bounds(value: Value) -> tuple[float, float]:
    """Return between what a value must be: its profile's word, within what batteries can be."""
    low, high = RANGES.get(value.quantity, (-np.inf, np.inf))
    if value.valid is None:
        return low, high
    return max(low, value.valid[0]), min(high, value.valid[1])


def share(value: Value, si: NDArray[np.float64]) -> float:
    """Return the share of `si` (n,) that can be values of the point of `value`; NaN cannot."""
    if not si.size:
        return 0.0
    low, high = bounds(value)
    fits = (si >= low) & (si <= high)
    if value.quantity == "cell_voltage" and fits.any() and np.ptp(si[fits]) > MOST_SPREAD_V:
        return 0.5 * float(fits.mean())
    return float(fits.mean())
