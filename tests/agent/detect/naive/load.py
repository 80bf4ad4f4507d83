"""What the battery is asked for, and what that explains of temperatures, told plainly."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

REST, CHARGE, DISCHARGE, UNKNOWN = range(4)
#: Of I^2 after 5 and 50 minutes, of I after 10, of the room after 50.
LAG_S = (300.0, 3000.0, 600.0, 3000.0)
WEEK_S, MONTH_S = 7 * 86400.0, 30 * 86400.0


def _share(dt_s: float, tau_s: float) -> float:
    return 1.0 - math.exp(-dt_s / tau_s)


@dataclass
class State:
    """The columns of a circuit."""

    now: float
    slow: float
    noise: float
    largest: float
    rested_s: float
    age_s: float
    wild: float
    power: float


@dataclass
class Circuit:
    """One circuit: its state, its regime, its features, their means and covariance."""

    state: State
    measured: bool
    regime: int = UNKNOWN
    feature: list[float] = field(default_factory=lambda: [0.0] * 4)
    mean: list[float] = field(default_factory=lambda: [0.0] * 4)
    covariance: list[list[float]] = field(default_factory=lambda: [[0.0] * 4 for _ in range(4)])

    def take(self, dt_s: float, amps: float, watts: float, room_degc: float) -> None:
        own, counted_s = self.state, min(dt_s, 600.0)
        current = self._believed(amps) if self.measured else math.nan
        self._follow(counted_s, current)
        known = not math.isnan(watts) and not math.isnan(own.power)
        own.power = own.power + _share(counted_s, 10.0) * (watts - own.power) if known else watts
        first = own.age_s == 0.0
        own.age_s += counted_s
        drives = [current**2, current**2, current, room_degc] if self.measured else [0.0, 0.0, 0.0, room_degc]
        for k, drive in enumerate(drives):
            if not math.isnan(drive):
                share = 1.0 if first else _share(dt_s, LAG_S[k])
                self.feature[k] = (1.0 - share) * self.feature[k] + share * drive
        self._learn_features(counted_s / min(own.age_s, WEEK_S))

    def _believed(self, amps: float) -> float:
        """Return a current; NaN: over three times the largest so far, and not for three frames yet."""
        own = self.state
        if math.isnan(amps) or abs(amps) <= 1.0 + 3.0 * own.largest:
            own.wild = 0.0
            return amps
        on_charge = amps > 0.0
        stays = own.wild > 0.0 if on_charge else own.wild < 0.0
        frames = 1.0 + (abs(own.wild) if stays else 0.0)
        own.wild = frames if on_charge else -frames
        return amps if frames >= 3.0 else math.nan

    def _follow(self, dt_s: float, amps: float) -> None:
        own = self.state
        before, own.now = own.now, amps
        if math.isnan(amps):
            self.regime, own.rested_s = UNKNOWN, 0.0
            return
        if math.isnan(own.slow):
            own.slow = amps
        elif not math.isnan(before):
            step = min(abs(amps - before), 4.0 * own.noise + own.largest / 100.0 + 0.001)
            own.noise = 0.98 * own.noise + 0.02 * step
        own.slow += _share(dt_s, 10.0) * (amps - own.slow)
        own.largest = max(abs(own.slow), own.largest - own.largest * dt_s / MONTH_S)
        if abs(own.slow) <= max(0.05 * own.largest, 4.0 * own.noise, 0.2):
            self.regime, own.rested_s = REST, own.rested_s + dt_s
        else:
            self.regime, own.rested_s = (CHARGE if own.slow > 0.0 else DISCHARGE), 0.0

    def _learn_features(self, share: float) -> None:
        away = [now - usual for now, usual in zip(self.feature, self.mean, strict=True)]
        for a in range(4):
            for b in range(4):
                self.covariance[a][b] += share * (away[a] * away[b] - self.covariance[a][b])
            self.mean[a] += share * away[a]

    def inverse(self) -> list[list[float]]:
        """Return the inverse of the covariance, a tenth added to its diagonal, without features at rest."""
        moving = [k for k in range(4) if self.covariance[k][k] > 1e-12]
        ridged = [[self.covariance[a][b] * (1.1 if a == b else 1.0) for b in moving] for a in moving]
        found = [[0.0] * 4 for _ in range(4)]
        for column, b in enumerate(moving):
            unit = [float(row == column) for row in range(len(moving))]
            for a, value in zip(moving, _solved(ridged, unit), strict=True):
                found[a][b] = value
        return found


def _solved(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """Solve linear equations (Gauss; Cholesky's matrices need no pivot)."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    n = len(rows)
    for p in range(n):
        for i in range(p + 1, n):
            times = rows[i][p] / rows[p][p]
            rows[i] = [x - times * y for x, y in zip(rows[i], rows[p], strict=True)]
    found = [0.0] * n
    for p in reversed(range(n)):
        rest = sum(rows[p][q] * found[q] for q in range(p + 1, n))
        found[p] = (rows[p][n] - rest) / rows[p][p]
    return found


@dataclass
class Model:
    """What load and room explain of one sensor."""

    cross: list[float]
    mean: float
    age_s: float
    explained: float

    def take(
        self, dt_s: float, x: float, stepped: bool, circuit: Circuit, inverse: Sequence[Sequence[float]]
    ) -> None:
        if math.isnan(x):
            return
        if math.isnan(self.mean):
            self.mean = x
        elif stepped:
            self.mean = x - self.explained
        counted_s = min(dt_s, 600.0)
        self.age_s += counted_s
        away = [now - usual for now, usual in zip(circuit.feature, circuit.mean, strict=True)]
        weights = [sum(of * cross for of, cross in zip(row, self.cross, strict=True)) for row in inverse]
        trust = self.age_s / (self.age_s + 12 * 3600.0)
        self.explained = trust * sum(weight * far for weight, far in zip(weights, away, strict=True))
        share, left = counted_s / min(self.age_s, WEEK_S), x - self.mean
        self.cross = [
            (1.0 - share) * cross + share * left * far for cross, far in zip(self.cross, away, strict=True)
        ]
        self.mean += share * left
