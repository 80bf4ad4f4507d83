"""The figures of each unit over the last hour. In memory only: for people who look."""

import math
from array import array
from collections.abc import Mapping
from typing import Any

TREND_S, TREND_STEP_S = 3600.0, 30.0


class Trends:
    """The figures of each unit over the last hour, one each half minute; None where nothing was known.

    Kept as plain numbers: as objects, an hour of 64 units took 2 MB.
    """

    def __init__(self) -> None:
        self._length = int(TREND_S / TREND_STEP_S)
        self._taken = 0  # moments, no more than that
        self._figures: dict[tuple[str, str], array[float]] = {}
        self._reads: dict[str, tuple[array[int], array[int]]] = {}  # asked, and of them errors

    def begin(self) -> None:
        """Begin a moment; `take` follows for each unit."""
        self._taken = min(self._taken + 1, self._length)

    def take(self, unit: str, figures: Mapping[str, float], reads: int, errors: int) -> None:
        """Take a unit's figures by their keys, NaN where nothing is known, and how it was read so far."""
        for key, value in figures.items():
            self._append(self._line((unit, key)), value)
        for line, count in zip(
            self._reads.setdefault(unit, (array("q"), array("q"))), (reads, errors), strict=True
        ):
            self._append(line, count)

    def of(self, unit: str, figure: str) -> list[float | None]:
        """Return a figure's line, oldest first."""
        return [None if math.isnan(x) else x for x in self._figures.get((unit, figure), ())]

    def answered(self, unit: str, reads: int, errors: int) -> float | None:
        """Return the share of a unit's reads that were answered in the last hour, 0 to 1; None: no reads."""
        before_reads, before_errors = next(zip(*self._reads.get(unit, ()), strict=True), (0, 0))
        asked = reads - before_reads
        return None if asked <= 0 else 1.0 - (errors - before_errors) / asked

    def _append(self, line: "array[Any]", x: float) -> None:
        line.append(x)
        del line[: -self._length]

    def _line(self, key: tuple[str, str]) -> "array[float]":
        if key not in self._figures:
            gone = [math.nan] * (self._taken - 1)  # a unit that came later has no past
            self._figures[key] = array("d", gone)
        return self._figures[key]
