"""Raw values to SI by a schema's description, as docs/wire-format.md says. Pure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.quality import Quality
from agent.wire.schema import READINGS

UNSIGNED_64, FLOAT_32, FLOAT_64 = 1, 2, 3


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """How `m` raw values are read: SI = (number + raw_offset) * scale + offset; each (m,) float64."""

    reading: NDArray[np.float64]
    raw_offset: NDArray[np.float64]
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]

    @classmethod
    def of(cls, description: dict[str, Any], m: int) -> "Scale":
        """Raises KeyError, ValueError or TypeError where the description does not fit the values."""
        columns = (_column(description, key, m) for key in ("reading", "raw_offset", "scale", "offset"))
        found = cls(*columns)
        if not np.isin(found.reading, READINGS).all():
            raise ValueError("a reading that nobody knows")
        return found

    def only(self, positions: NDArray[np.int64]) -> "Scale":
        """That of some of the values."""
        return Scale(*(getattr(self, name)[positions] for name in self.__slots__))

    def numbers(self, raw: NDArray[np.int64]) -> NDArray[np.float64]:
        """The numbers that raw values (..., m) are."""
        numbers = raw.astype(np.float64)
        if not np.isin(self.reading, (UNSIGNED_64, FLOAT_32, FLOAT_64)).any():
            return numbers
        numbers += np.where((self.reading == UNSIGNED_64) & (raw < 0), 2.0**64, 0.0)
        with np.errstate(all="ignore"):  # bits of values that are not floats may look like any float
            numbers = np.where(self.reading == FLOAT_32, raw.astype(np.int32).view(np.float32), numbers)
            return np.where(self.reading == FLOAT_64, raw.view(np.float64), numbers)

    def si(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Numbers (..., m) in each value's unit."""
        with np.errstate(all="ignore"):
            found: NDArray[np.float64] = (numbers + self.raw_offset) * self.scale + self.offset
        return found


def to_si(
    description: dict[str, Any], raw: NDArray[np.int64], quality: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """(n, m) float64 in each value's unit, NaN where the quality is not good.

    Raises KeyError, ValueError or TypeError where the description does not fit the values.
    """
    scale = Scale.of(description, raw.shape[1])
    return np.where(quality == Quality.GOOD, scale.si(scale.numbers(raw)), np.nan)


def _column(description: dict[str, Any], key: str, m: int) -> NDArray[np.float64]:
    """One finite number for each of `m` values, and nothing that numpy would take for one."""
    column = np.array(description[key])
    if column.shape != (m,) or column.dtype.kind not in "iuf" or not np.isfinite(column).all():
        raise ValueError(f"{key}: not one number for each of {m} values")
    return column.astype(np.float64)
