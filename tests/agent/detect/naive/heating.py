"""From slopes to verdicts, told plainly: one sensor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tests.agent.detect.naive.slope import SIGMAS, Sensor, Signal

Fit = Sequence[tuple[float, float]]  # of each scale, the slope and what is certain of it, K/s


@dataclass
class Verdict:
    """K/min and degC, and which scale says so of the first two."""

    against: float
    alone: float
    at_rest: float
    hot: float
    against_scale: float
    alone_scale: float

    def judge(
        self,
        temperature: Fit,
        gain: Fit,
        risen_k: float,
        gained_k: float,
        stepped_k: Sequence[float],
        step: float,
        quiet: bool,
    ) -> None:
        """Judge slopes, and how far a sensor has risen by itself and among its siblings, NaN: not known; and
        how much of the latter was one step, in the window of each scale (`stepped`).
        """
        self.alone, self.alone_scale = _steepest([certain for _, certain in temperature], self.alone_scale)
        own = [_own(*of_scale) for of_scale in zip(temperature, gain, strict=True)]
        self.against, self.against_scale = _steepest(own, self.against_scale)
        self._limit_alone(risen_k, quiet)
        if self.against > 0.09:
            if not gained_k - stepped_k[int(self.against_scale)] >= max(0.4, 1.5 * step):
                self.against = 0.09  # advice
            elif not gained_k >= max(1.0, 3.0 * step):
                self.against = min(self.against, 0.45)  # a warning

    def _limit_alone(self, risen_k: float, quiet: bool) -> None:
        self.at_rest = self.alone
        if not self.alone > 0.0:
            return
        if not risen_k >= 2.0:
            self.alone = 0.0
        self.at_rest = self.alone if quiet else 0.0
        if not risen_k >= 4.0:
            self.at_rest = min(self.at_rest, 1.45)


def _steepest(certain: Sequence[float], before: float) -> tuple[float, float]:
    """Return the largest of what is certain, K/min, and its scale; NaN, and the scale before, for nothing."""
    known = [(k, slope) for k, slope in enumerate(certain) if not math.isnan(slope)]
    if not known:
        return math.nan, before
    k, slope = max(known, key=lambda of_scale: of_scale[1])
    return 60.0 * slope, float(k)


def _own(temperature: tuple[float, float], gain: tuple[float, float]) -> float:
    """Return what is certain of a gain, K/s, less half of what its siblings heat, or cool, by."""
    slope, certain = temperature[0], gain[1]
    if not certain > 0.0:
        return certain
    siblings = slope - gain[0]
    if siblings > 0.0:
        return min(certain - siblings / 2.0, slope)
    return min(certain, slope + siblings / 2.0)


def stepped(temperature: Signal, gain: Signal) -> list[float]:
    """Return the least height of a sensor's largest step, by scale, K; 0 where its gain is without it."""
    if temperature.noise.leap > 0.0:
        return [0.0] * len(temperature.jump)  # it leaps again
    own, against = (signal.noise.usual(signal.step) for signal in (temperature, gain))
    heights = [jump if jump > own else 2.0 * jump for jump in temperature.jump]
    return [height if height <= 2.0 * against else 0.0 for height in heights]


@dataclass
class Rest:
    """For how long the battery has rested; each cell's voltage over half an hour."""

    quiet_s: float
    slow_v: list[float]

    def take(self, dt_s: float, currents: Sequence[tuple[float, float]], volts: Sequence[float]) -> None:
        """Take each circuit's current, NaN: not known, with its seconds of rest; and the cells' voltages."""
        rests = [rested_s >= 300.0 for amps, rested_s in currents if not math.isnan(amps)]
        moved = []
        for c, volt in enumerate(volts):
            if math.isnan(volt):
                continue
            slow = volt if math.isnan(self.slow_v[c]) else self.slow_v[c]
            self.slow_v[c] = volt + (slow - volt) * math.exp(-dt_s / 1800.0)
            moved.append(abs(volt - self.slow_v[c]))
        if moved:
            rests.append(sum(moved) / len(moved) <= 0.03)
        self.quiet_s = self.quiet_s + min(dt_s, 60.0) if rests and all(rests) else 0.0


def heating_of(sensor: Sensor, verdict: Verdict, column: str) -> dict[str, float]:
    """Return how a sensor heats by a column of its verdict, K/min, K and s."""
    against = column == "against"
    at, signal = (
        (verdict.against_scale, sensor.gain) if against else (verdict.alone_scale, sensor.temperature)
    )
    k = 0 if math.isnan(at) else int(at)
    slope, risen_k = signal.fit[k][0], sensor.rise("g" if against else "x")
    return {
        "certain": getattr(verdict, column),
        "own": 60.0 * sensor.temperature.fit[k][0],
        "against": 60.0 * sensor.gain.fit[k][0],
        "noise": 60.0 * max(white(sensor, signal, k), signal.wander[k].possible / SIGMAS[k]),
        "rise_k": risen_k,
        "for_s": risen_k / slope if slope > 0.0 and risen_k > 0.0 else 0.0,
    }


def white(sensor: Sensor, signal: Signal, k: int) -> float:
    """Return the standard deviation of a slope, K/s, in the signal's own white noise."""
    line = sensor.windows[k].line("x")
    assert line is not None
    return signal.noise.sd * line[2]


def slackens(sensor: Sensor, verdict: Verdict, column: str) -> bool:
    """Return whether a shorter scale than the verdict's sees less than half of its slope, by 2 sigma."""
    at = verdict.against_scale if column == "against" else verdict.alone_scale
    k, fit = 0 if math.isnan(at) else int(at), sensor.temperature.fit
    shorter = [j for j in range(k) if not math.isnan(fit[j][0])]
    return any(fit[j][0] + 2.0 * white(sensor, sensor.temperature, j) < fit[k][0] / 2.0 for j in shorter)
