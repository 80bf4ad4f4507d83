"""Raw values to SI by a schema's description, as docs/wire-format.md says. Pure."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.quality import Quality
from agent.wire.schema import READINGS

UNSIGNED_64, FLOAT_32, FLOAT_64 = 1, 2, 3


def to_si(
    description: dict[str, Any], raw: NDArray[np.int64], quality: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """(n, m) float64 in each value's unit, NaN where the quality is not good.

    Raises KeyError or ValueError where the description does not fit the values.
    """
    m = raw.shape[1]
    reading, raw_offset, scale, offset = (
        _column(description, key, m) for key in ("reading", "raw_offset", "scale", "offset")
    )
    if not np.isin(reading, READINGS).all():
        raise ValueError("a reading that nobody knows")
    numbers = raw.astype(np.float64)
    numbers += np.where((reading == UNSIGNED_64) & (raw < 0), 2.0**64, 0.0)
    with np.errstate(all="ignore"):  # bits of values that are not floats may look like any float
        numbers = np.where(reading == FLOAT_32, raw.astype(np.int32).view(np.float32), numbers)
        numbers = np.where(reading == FLOAT_64, raw.view(np.float64), numbers)
        si = (numbers + raw_offset) * scale + offset
    return np.where(quality == Quality.GOOD, si, np.nan)


def _column(description: dict[str, Any], key: str, m: int) -> NDArray[np.float64]:
    """One finite number for each of `m` values, and nothing that numpy would take for one."""
    column = np.array(description[key])
    if column.shape != (m,) or column.dtype.kind not in "iuf" or not np.isfinite(column).all():
        raise ValueError(f"{key}: not one number for each of {m} values")
    return column.astype(np.float64)
