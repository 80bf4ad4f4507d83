"""Slopes at six scales, told plainly: the samples themselves are kept, and each is weighed by its age."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.agent.detect.naive.noise import Noise, rounding_left
from tests.agent.detect.naive.wander import Wander

SCALES_S = (6.0, 24.0, 96.0, 384.0, 1536.0, 6144.0)
SIGMAS = (6.4, 6.2, 5.95, 5.7, 5.45, 5.2)


@dataclass
class Sample:
    """One sample of both signals: its age, and the ages of the frames that it repeats."""

    age_s: float
    x: float
    g: float
    repeated_s: list[float]


class Window:
    """The samples of one sensor, weighed with exp(-age / tau)."""

    def __init__(self, tau_s: float, samples: Sequence[Sample] = ()) -> None:
        self.tau_s, self.samples = tau_s, list(samples)

    def weight(self, age_s: float) -> float:
        return math.exp(-age_s / self.tau_s)

    def pass_time(self, dt_s: float) -> None:
        for sample in self.samples:
            sample.age_s += dt_s
            sample.repeated_s = [age_s + dt_s for age_s in sample.repeated_s]
        if sum(self.weight(sample.age_s) for sample in self.samples) < 1e-30:
            self.samples = []

    def moments(self) -> list[float]:
        """Return the sums that the kernel keeps: of weights, of their squares, of both signals."""
        sums = [0.0] * 10
        for one in self.samples:
            t, w = -one.age_s, self.weight(one.age_s)
            of_weights = [w, w * t, w * t * t, w * w, w * w * t, w * w * t * t]
            of_signals = [w * one.x, w * t * one.x, w * one.g, w * t * one.g]
            sums = [a + b for a, b in zip(sums, of_weights + of_signals, strict=True)]
            for age_s in one.repeated_s:  # the same error, there and here
                both, there = w * self.weight(age_s), -age_s
                sums[3] += 2.0 * both
                sums[4] += both * (t + there)
                sums[5] += 2.0 * both * t * there
        return sums

    def line(self, signal: str) -> tuple[float, float, float] | None:
        """Return slope, value now, and the slope's standard deviation where each sample has one of 1 K."""
        s0, s1, _, v0, _, _, *_ = self.moments() if self.samples else [0.0] * 10
        if not self.samples or s0 * s0 < 3.0 * v0:
            return None
        middle = s1 / s0
        lever = [(self.weight(one.age_s) * (-one.age_s - middle), one) for one in self.samples]
        squares = sum(away * (-one.age_s - middle) for away, one in lever)
        if squares <= 1e-9 * s0:
            return None
        slope = sum(away * getattr(one, signal) for away, one in lever) / squares
        variance = 0.0
        for away, one in lever:
            there = sum(self.weight(age_s) * (-age_s - middle) for age_s in one.repeated_s)
            variance += away * away + 2.0 * away * there
        now = sum(self.weight(one.age_s) * getattr(one, signal) for one in self.samples) / s0 - slope * middle
        return slope, now, math.sqrt(max(variance, 0.0)) / squares


class Signal:
    """What is known of one signal of a sensor."""

    def __init__(self, step: float) -> None:
        self.step, self.age_s = step, 0.0
        self.noise = Noise(math.nan, step, 3.0, math.sqrt(math.pi) / 2.0 * step, 0.0)
        self.wander = [Wander(0.0, 0.0, 0.0, sigmas * 0.01 / 60.0) for sigmas in SIGMAS]
        self.jump = [0.0] * len(SCALES_S)
        self.fit = [(math.nan, math.nan)] * len(SCALES_S)  # slope, and what is certain of it

    def start(self) -> None:
        self.noise.previous = math.nan
        self.age_s = 0.0
        self.jump = [0.0] * len(SCALES_S)

    def take(self, dt_s: float, y: float) -> None:
        self.noise.take(dt_s, y, self.step)
        self.age_s += dt_s
        for k, tau_s in enumerate(SCALES_S):
            self.jump[k] = max(self.noise.leap, self.jump[k] * math.exp(-dt_s / (4.0 * tau_s)))

    def judge(self, k: int, window: Window, signal: str, share: float) -> None:
        line = window.line(signal)
        if line is None:
            self.fit[k] = (math.nan, math.nan)
            return
        slope, _, of_one_kelvin = line
        white = self.noise.sd * of_one_kelvin
        if share > 0.0 and self.age_s > 2.0 * SCALES_S[k]:
            self.wander[k].take(SCALES_S[k], SIGMAS[k], slope, white, share)
        certain = slope - max(SIGMAS[k] * white, self.wander[k].possible)
        if certain > 0.0:
            s0, _, _, v0, *_ = window.moments()
            crooked_k = 1.04 * rounding_left(self.step, self.noise.sd) + 0.75 * self.jump[k]
            certain -= crooked_k * of_one_kelvin * s0 / math.sqrt(v0)
        self.fit[k] = (slope, certain)


class Sensor:
    """A sensor's temperature, and its gain on its siblings."""

    def __init__(self, step: float) -> None:
        self.temperature, self.gain = Signal(step), Signal(math.sqrt(2.0) * step)
        self.windows = [Window(tau_s) for tau_s in SCALES_S]

    def take(self, dt_s: float, x: float, g: float, stepped: bool) -> None:
        known, paired = not math.isnan(x), not math.isnan(g)
        if known and stepped:
            self._as_if_always("x", x, self.temperature)
        if paired and (stepped or math.isnan(self.gain.noise.previous)):
            self._as_if_always("g", g, self.gain)
        if known and not paired:
            self.gain.noise.previous = math.nan
        self.temperature.take(dt_s, x)
        self.gain.take(dt_s, g)

    def _as_if_always(self, name: str, y: float, signal: Signal) -> None:
        signal.start()
        for window in self.windows:
            for sample in window.samples:
                setattr(sample, name, y)

    def rise(self, signal: str) -> float:
        """Return how far a signal is above the half hour (1536 s) before the last half minute (24 s)."""
        before, weights = 0.0, 0.0
        for name, sign in ((4, 1.0), (1, -1.0)):
            for one in self.windows[name].samples:
                weight = sign * self.windows[name].weight(one.age_s)
                before, weights = before + weight * getattr(one, signal), weights + weight
        fits = (self.temperature if signal == "x" else self.gain).fit
        known = [k for k in range(4) if not math.isnan(self.temperature.fit[k][0])]
        if weights <= 1.0 or not known:
            return math.nan
        s0, s1, *sums = self.windows[known[0]].moments()
        mean = sums[4 if signal == "x" else 6] / s0
        return mean - fits[known[0]][0] * s1 / s0 - before / weights


@dataclass
class Clock:
    """Of one scale: when its slopes teach (each quarter of it) and when they are judged (each fiftieth)."""

    tau_s: float
    waited_s: float = 0.0
    judged_s: float = 0.0
    share: float = 0.0

    def take(self, dt_s: float) -> None:
        self.waited_s += dt_s
        self.judged_s += dt_s
        self.share = 0.0
        if self.waited_s >= 0.25 * self.tau_s:
            if dt_s < self.tau_s:
                self.share = self.waited_s / self.tau_s
            self.waited_s = 0.0
        if self.due:
            self.judged_s = 0.0

    @property
    def due(self) -> bool:
        return self.judged_s == 0.0 or self.judged_s >= 0.02 * self.tau_s or self.share > 0.0


@dataclass
class Slopes:
    """All sensors of a unit, the clocks of the scales, and the ages of frames that the last one repeats."""

    sensors: list[Sensor]
    clocks: list[Clock] = field(default_factory=lambda: [Clock(tau_s) for tau_s in SCALES_S])
    repeated_s: list[float] = field(default_factory=list)
    dt_s: float = 0.0

    def follow_repeats(self, dt_s: float, moved: bool) -> None:
        self.repeated_s = [] if moved else [age_s + dt_s for age_s in [*self.repeated_s, 0.0]]

    def take(self, dt_s: float, x: Sequence[float], g: Sequence[float], stepped: Sequence[bool]) -> None:
        self.dt_s = dt_s
        for clock in self.clocks:
            clock.take(dt_s)
        for sensor, *of_sensor in zip(self.sensors, x, g, stepped, strict=True):
            self._take_sensor(sensor, dt_s, *of_sensor)

    def _take_sensor(self, sensor: Sensor, dt_s: float, x: float, g: float, stepped: bool) -> None:
        sensor.take(dt_s, x, g, stepped)
        known, paired = not math.isnan(x), not math.isnan(g)
        for k, (window, clock) in enumerate(zip(sensor.windows, self.clocks, strict=True)):
            window.pass_time(dt_s)
            if known:
                window.samples.append(Sample(0.0, x, g if paired else 0.0, list(self.repeated_s)))
            if clock.due or not paired:
                for signal, name, seen in ((sensor.temperature, "x", known), (sensor.gain, "g", paired)):
                    if known and seen:
                        signal.judge(k, window, name, clock.share)
                    else:
                        signal.fit[k] = (math.nan, math.nan)
