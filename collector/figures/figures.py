"""What a minute or an hour of one unit has come to, a number per value of its schema.

Of values with quality GOOD alone, as they were read: a gap is no data, and nothing is interpolated.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MINUTE_S, HOUR_S = 60, 3600
SPANS_S = (MINUTE_S, HOUR_S)
#: How a time is to be believed, the best first: of several frames the worst holds.
CLOCKS = ("synchronised", "repaired", "unsynchronised", "simulated")
Floats = NDArray[np.float32]
Seconds = NDArray[np.uint16]


class Span(NamedTuple):
    """A minute or an hour (`span_s`) of a unit, from second `utc_s` on."""

    span_s: int
    agent: str
    unit: str
    utc_s: int


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """In the schema's order, (m,) each; NaN where no value was good. In SI units, as 32-bit floats: seven
    digits. `mean` of an hour is that of its minutes, weighted by their good seconds. `good_s`: distinct
    seconds of UTC in which the value was read, and good.
    """

    min: Floats
    max: Floats
    mean: Floats
    last: Floats
    good_s: Seconds

    FLOATS = ("min", "max", "mean", "last")


class Extremes(NamedTuple):
    """The highest temperature of the battery, degC, of which value of a frame, and in which minute; and the
    largest difference between cell voltages of one frame, V, and in which minute. None: nothing says.
    """

    hottest: float | None = None
    hottest_at: int | None = None
    hottest_s: int | None = None
    spread: float | None = None
    spread_s: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """Of the frames of one span that have one schema.

    frames: distinct ones. data_s: distinct seconds in which any value was good. safety_s: those in which, of
    the temperatures and of the voltages of its cells or modules, at least half each were good; None: it has
    neither. data_minutes, safety_minutes: in how many minutes there was such a second. clock: index into
    CLOCKS. arrays: None where the schema is not here, or cannot be used; extremes: then unknown.
    """

    span: Span
    schema: bytes
    frames: int
    data_s: int
    safety_s: int | None
    data_minutes: int
    safety_minutes: int | None
    clock: int
    extremes: Extremes
    arrays: Arrays | None

    def same(self, other: "Figures") -> bool:
        """Whether both say the same to the last bit."""
        mine, others = self.arrays, other.arrays
        if self.numbers() != other.numbers() or (mine is None) != (others is None):
            return False
        if mine is None or others is None:
            return True
        names = (*Arrays.FLOATS, "good_s")
        return all(
            np.array_equal(getattr(mine, n), getattr(others, n), equal_nan=n != "good_s") for n in names
        )

    def numbers(self) -> tuple[object, ...]:
        """All but the arrays."""
        return (
            *(self.span, self.schema, self.frames, self.data_s, self.safety_s),
            *(self.data_minutes, self.safety_minutes, self.clock, *self.extremes),
        )
