"""Raw values to SI by a schema's description, as docs/wire-format.md says. Pure."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.quality import Quality

UNSIGNED_64, FLOAT_32, FLOAT_64 = 1, 2, 3


def to_si(
    description: dict[str, Any], raw: NDArray[np.int64], quality: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """(n, m) float64 in each value's unit, NaN where the quality is not good.

    Raises KeyError or ValueError where the description does not fit the values.
    """
    reading = np.array(description["reading"], np.int64)
    numbers = raw.astype(np.float64)
    numbers += np.where((reading == UNSIGNED_64) & (raw < 0), 2.0**64, 0.0)
    with np.errstate(all="ignore"):  # bits of values that are not floats may look like any float
        numbers = np.where(reading == FLOAT_32, raw.astype(np.int32).view(np.float32), numbers)
        numbers = np.where(reading == FLOAT_64, raw.view(np.float64), numbers)
        offset, scale = (
            np.array(description["raw_offset"], np.float64),
            np.array(description["scale"], np.float64),
        )
        si = (numbers + offset) * scale + np.array(description["offset"], np.float64)
    return np.where(quality == Quality.GOOD, si, np.nan)
