"""Resistances from load steps, told plainly: sums per cell, medians by sorting."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Circuit:
    """Its current before, the sum of squared steps, how many, and how many since cells were judged."""

    before: float
    squares: float
    steps: float
    waited: float


@dataclass
class Cell:
    """Its voltage before, the sums of its steps, ohm; the verdict: times its siblings' ohm, and those."""

    volt: float
    cross: float
    residual: float
    ohm: float
    score: float
    siblings_ohm: float

    def learn(self, step_a: float, volt: float, squares: float) -> None:
        """Learn from a step of the current; one without a voltage says what is expected of it."""
        step_v = volt - self.volt
        if math.isnan(step_v):
            step_v = 0.0 if math.isnan(self.ohm) else self.ohm * step_a
        self.cross = self.cross * 299.0 / 300.0 + step_a * step_v
        self.ohm = self.cross / squares
        unexplained_v = step_v - step_a * self.ohm
        self.residual = self.residual * 299.0 / 300.0 + (unexplained_v * step_a) ** 2


def median_of_others(values: Sequence[float], members: Sequence[int], c: int) -> float:
    """Return the median of what is known of the other members, NaN where nothing is."""
    others = [values[other] for other in members if other != c and not math.isnan(values[other])]
    return statistics.median(others) if others else math.nan


@dataclass
class Load:
    """A circuit's current, the noise of it, and the largest so far, A."""

    now: float
    noise: float
    largest: float


@dataclass
class Unit:
    """All cells, the groups of siblings (lists of their numbers), and whose current passes each cell."""

    circuits: list[Circuit]
    cells: list[Cell]
    groups: list[list[int]]
    circuit_of: list[int]

    def take(self, dt_s: float, volts: Sequence[float], loads: Sequence[Load]) -> None:
        judged = False
        for j, (circuit, load) in enumerate(zip(self.circuits, loads, strict=True)):
            step_a, circuit.before = load.now - circuit.before, load.now
            if dt_s > 30.0 or not (abs(step_a) > 0.1 * load.largest and abs(step_a) > 6.0 * load.noise):
                continue
            circuit.squares = circuit.squares * 299.0 / 300.0 + step_a**2
            circuit.steps += 1.0
            circuit.waited += 1.0
            for c, cell in enumerate(self.cells):
                if self.circuit_of[c] == j:
                    cell.learn(step_a, volts[c], circuit.squares)
            if circuit.steps >= 30.0 and circuit.waited >= 10.0:
                circuit.waited, judged = 0.0, True
        for cell, volt in zip(self.cells, volts, strict=True):
            cell.volt = volt
        if judged:
            self._judge()

    def _judge(self) -> None:
        known = [
            cell.ohm if self.circuits[j].steps >= 30.0 and cell.ohm > 0.0 else math.nan
            for cell, j in zip(self.cells, self.circuit_of, strict=True)
        ]
        siblings = {c: group for group in self.groups for c in group}
        typical = [median_of_others(known, siblings[c], c) for c in range(len(known))]
        away = [abs(ohm - usual) for ohm, usual in zip(known, typical, strict=True)]
        for c, cell in enumerate(self.cells):
            squares = self.circuits[self.circuit_of[c]].squares
            error = math.sqrt(cell.residual) / squares if squares else math.nan
            spread = 1.4826 * median_of_others(away, siblings[c], c)
            beyond = cell.ohm - typical[c] > 6.0 * math.hypot(error, spread)
            cell.siblings_ohm = typical[c]
            cell.score = cell.ohm / typical[c] if beyond else 0.0
