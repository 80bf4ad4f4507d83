"""Detection: the scoreboard. Ramps, rooms, shorts and sensor faults from the bench; recordings where present.

The figures and how each is made: docs/detection.md. About three minutes.
"""

from collections.abc import Callable

from agent.bench.detection import (
    capacity,
    cells,
    doubt,
    faults,
    glitches,
    limits,
    periods,
    ramps,
    recordings,
    rooms,
    shorts,
)
from agent.detect.watch import warm_up

Figures = list[tuple[str, float | None, str]]

PARTS: tuple[Callable[[], Figures], ...] = (
    recordings.measure,
    periods.measure,
    doubt.measure,
    glitches.measure,
    rooms.measure,
    ramps.measure,
    shorts.measure,
    faults.measure,
    cells.measure,
    capacity.measure,
    limits.measure,
)


def measure() -> Figures:
    """Return the figures of `cellwarden bench detection`."""
    warm_up()
    return [figure for part in PARTS for figure in part()]
