"""A cell that leaves its siblings, told plainly: an object per cell, lists of cells per group."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

SCALES_S = (4.0, 120.0, 7200.0, 86400.0)
SIGMAS = (15.0, 12.0, 3.5, 3.5)
FLOOR_V = (0.0, 0.001, 0.003, 0.003)
DAY_S = 86400.0
SUDDEN, DRIFT = (0, 1), (2, 3)


@dataclass
class Cell:
    """A cell: baselines and ages per regime, then by scale; volts and seconds."""

    step: float
    baseline: list[float] = field(default_factory=lambda: [0.0] * 4)
    age: list[float] = field(default_factory=lambda: [0.0] * 4)
    mean: list[float] = field(default_factory=lambda: [0.0] * 4)
    square: list[float] = field(default_factory=lambda: [0.0] * 4)
    windows: list[float] = field(default_factory=lambda: [0.0] * 4)
    noise2: list[float] = field(default_factory=lambda: [math.nan] * 4)
    left: list[float] = field(default_factory=lambda: [0.0] * 4)
    offset: list[float] = field(default_factory=lambda: [0.0] * 3)
    low_s: list[float] = field(default_factory=lambda: [0.0] * 3)
    deviation: float = math.nan
    expected: float = math.nan
    sudden_mv: float = math.nan
    drifting_mv: float = math.nan

    @property
    def known(self) -> bool:
        return not math.isnan(self.deviation)

    def follow(self, dt_s: float, regime: int, soc: float) -> None:
        """Bring means and baseline up to its deviation."""
        if self.age[regime] == 0.0:
            self._begin(regime)
        known = not math.isnan(self.noise2[0])
        bound = max(0.02, 10.0 * math.sqrt(self.noise2[0])) if known else 0.02
        excursion = self.deviation - self.baseline[regime]
        low = soc < 30.0 and self.age[regime] >= 3600.0
        knot = max(soc, 0.0) / 10.0
        if low:
            excursion -= self.offset_at(knot)
            self.learn_offset(knot, dt_s, excursion, first_hour=True)
        if self.age[regime] < 60.0 and abs(excursion) > bound:
            self.baseline[regime], self.age[regime], self.mean = self.deviation, 0.0, [0.0] * 4
            excursion = 0.0
        for k, tau_s in enumerate(SCALES_S):
            away = max(-bound, min(bound, excursion - self.mean[k]))
            self.mean[k] += away * (1.0 - math.exp(-dt_s / tau_s))
        usual = max(2.0 * self.step, 2.0 * math.sqrt(self.square[0]))
        lesson = max(-usual, min(usual, excursion))
        if any(self.left[k] > 0.0 for k in SUDDEN):
            lesson /= 20.0
        if low:
            self.learn_offset(knot, dt_s, lesson, first_hour=False)
            self.expected = self.baseline[regime] + self.offset_at(knot)
            return
        self.age[regime] += dt_s
        memory_s = min(max(self.age[regime], 15.0), 60.0 * DAY_S)
        self.baseline[regime] += lesson * min(dt_s / memory_s, 1.0)
        self.expected = self.baseline[regime]

    def offset_at(self, knot: float) -> float:
        """Return where a cell of little charge is, on the line between its knots; at the fourth it is 0."""
        return float(np.interp(knot, range(4), [*self.offset, 0.0]))

    def learn_offset(self, knot: float, dt_s: float, lesson: float, first_hour: bool) -> None:
        """Let each knot within reach learn, by how near it is."""
        for k in range(3):
            near = max(1.0 - abs(knot - k), 0.0)
            if near > 0.0 and first_hour == (self.low_s[k] < 3600.0):
                self.low_s[k] += near * dt_s
                memory_s = min(self.low_s[k], 60.0 * DAY_S)
                self.offset[k] += lesson * min(1.0, near * dt_s / memory_s)

    def _begin(self, regime: int) -> None:
        """Begin a regime where the cell is in the one that is known best; else where it is now."""
        best = self.age.index(max(self.age))
        if self.age[best] == 0.0:
            self.baseline[regime] = self.deviation
        else:
            self.baseline[regime] = self.baseline[best]
            self.age[regime] = min(60.0, self.age[best])

    def judge(self, k: int, spread: float, shared: float, waited_s: float) -> None:
        """Judge one mean; `shared`: what its neighbours left together by."""
        tau_s, mean, windows = SCALES_S[k], self.mean[k], self.windows[k]
        floor = FLOOR_V[k] * (1.0 - windows / 12.0) if windows < 12.0 else 0.0
        wander2 = self.square[k] * (windows + 6.0) / (windows + 2.0)
        self.noise2[k] = wander2 + spread**2 + self.step**2 / 12.0 + floor**2
        sigma = math.sqrt(self.noise2[k])
        alone = mean - shared
        left = min(abs(mean), abs(alone)) if mean * alone > 0.0 and abs(mean) > SIGMAS[k] * sigma else 0.0
        beyond = left > SIGMAS[k] * sigma
        self.left[k] = left if beyond and (k in SUDDEN or windows >= 1.0) else 0.0
        share = min(1.0, waited_s / tau_s)
        if k in SUDDEN or abs(mean) < 2.0 * sigma:
            two_sigma = 2.0 * max(math.sqrt(self.square[k]), 0.5 * self.step)
            lesson = min(abs(mean), two_sigma) ** 2 - self.square[k]
            weight = share / (12.0 + windows)
            self.square[k] += lesson * (weight / 20.0 if beyond else weight)
        self.windows[k] = min(windows + share, max(30.0, 30.0 * DAY_S / tau_s))


@dataclass
class Unit:
    """All cells, the groups of siblings in their order, and for each scale and group a quantile, V."""

    cells: list[Cell]
    groups: list[list[int]]
    quantile: list[list[float]]
    waited_s: list[float]
    counted_s: float = 0.0

    def take(
        self,
        dt_s: float,
        volts: Sequence[float],
        median: Sequence[float],
        regimes: Sequence[int],
        socs: Sequence[float],
    ) -> None:
        """Take a frame; volts: as read, NaN where that is not usable."""
        self.counted_s = dt_s = min(dt_s, 60.0)
        for cell, volt, siblings, regime, soc in zip(self.cells, volts, median, regimes, socs, strict=True):
            cell.deviation = volt - siblings
            if cell.known:
                cell.follow(dt_s, regime, soc)
        for k, tau_s in enumerate(SCALES_S):
            self.waited_s[k] += dt_s
            if self.waited_s[k] >= tau_s * 0.02:
                for g in range(len(self.groups)):
                    self._judge(k, g)
                self.waited_s[k] = 0.0
        for cell in self.cells:
            cell.sudden_mv = 1000.0 * max(cell.left[k] for k in SUDDEN) if cell.known else math.nan
            cell.drifting_mv = 1000.0 * max(cell.left[k] for k in DRIFT) if cell.known else math.nan

    def _judge(self, k: int, g: int) -> None:
        cells = [self.cells[c] for c in self.groups[g]]
        known = sum(cell.known for cell in cells)
        if known < 3:
            return
        excursions = [abs(cell.mean[k]) for cell in cells]
        self.quantile[k][g] = moved(self.quantile[k][g], excursions, int(0.85 * (known - 1)))
        shared = [self._shared(cells, a, k) for a in range(len(cells))]
        for cell, of_neighbours in zip(cells, shared, strict=True):
            if cell.known:
                cell.judge(k, self.quantile[k][g] / 1.44, of_neighbours, self.waited_s[k])

    @staticmethod
    def _shared(cells: Sequence[Cell], a: int, k: int) -> float:
        """Return the least that the cells beside one, two on each side, left by, all to the same side."""
        beside = [cells[b] for b in range(a - 2, a + 3) if b != a and 0 <= b < len(cells)]
        means = [cell.mean[k] for cell in beside if cell.known]
        if len(means) < 2 or len(cells) <= 5:
            return 0.0
        return max(min(means), 0.0) + min(max(means), 0.0)


def moved(quantile: float, excursions: Sequence[float], wanted: int) -> float:
    """Move a quantile by tenths, one way, until it has `wanted` excursions below it and not one more."""
    shrinks = None
    for _ in range(60):
        below = sum(excursion < quantile for excursion in excursions)
        too_large = below > wanted
        if shrinks is None:
            shrinks = too_large
        if shrinks != too_large or (shrinks and quantile <= 2e-5):
            break
        quantile *= 0.9 if shrinks else 1.0 / 0.9
    return quantile
