"""The figures of each unit over the last hour. In memory only: for people who look."""

import math
from array import array
from collections.abc import Mapping

TREND_S, TREND_STEP_S = 3600.0, 30.0


class Trends:
    """The figures of each unit over the last hour, one each half minute; None where nothing was known.

    Kept as plain numbers: as objects, an hour of 64 units took 2 MB.
    """

    def __init__(self) -> None:
        self._length = int(TREND_S / TREND_STEP_S)
        self._taken = 0  # moments, no more than that
        self._figures: dict[tuple[str, str], array[float]] = {}
        self._due: dict[str, tuple[array[float], array[float]]] = {}  # s that were due, and were answered

    def begin(self) -> None:
        """Begin a moment; `take` follows for each unit."""
        self._taken = min(self._taken + 1, self._length)

    def take(self, unit: str, figures: Mapping[str, float], due_s: float, answered_s: float) -> None:
        """Take a unit's figures by their keys, NaN where nothing is known, and for how long it was due to be
        read, and was, since it is polled.
        """
        for key, value in figures.items():
            self._append(self._line((unit, key)), value)
        lines = self._due.setdefault(unit, (array("d"), array("d")))
        if lines[0] and due_s < lines[0][-1]:  # the unit was taken away and is polled anew
            lines = self._due[unit] = (array("d"), array("d"))
        for line, so_far_s in zip(lines, (due_s, answered_s), strict=True):
            self._append(line, so_far_s)

    def of(self, unit: str, figure: str) -> list[float | None]:
        """Return a figure's line, oldest first."""
        return [None if math.isnan(x) else x for x in self._figures.get((unit, figure), ())]

    def answered(self, unit: str, due_s: float, answered_s: float) -> float | None:
        """Return what percentage of the time in which a unit was due in the last hour it answered, asked or
        not; None: nothing was due.
        """
        before_due_s, before_answered_s = 0.0, 0.0
        lines = self._due.get(unit)
        if lines and len(lines[0]) == self._length:  # else it is polled for less than an hour
            before_due_s, before_answered_s = lines[0][0], lines[1][0]
        span_s = due_s - before_due_s
        return None if span_s <= 0.0 else round(100.0 * (answered_s - before_answered_s) / span_s, 1)

    def _append(self, line: "array[float]", x: float) -> None:
        line.append(x)
        del line[: -self._length]

    def _line(self, key: tuple[str, str]) -> "array[float]":
        if key not in self._figures:
            gone = [math.nan] * (self._taken - 1)  # a unit that came later has no past
            self._figures[key] = array("d", gone)
        return self._figures[key]
