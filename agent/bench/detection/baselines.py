"""Ramps heard by ours and by plain detectors at equal false alarms on the same data. Simulated.

`pip install 'cellwarden[bench]'`, then `python -m agent.bench.detection.baselines`; a minute. What plain
ones see is each sensor's distance from the median of its siblings. The limit of each is the lowest at which
it is false no more often than ours on the same quiet days: in white noise never, in rooms as often as our
advice. Ours is the same in all rows; theirs are set for each kind of noise.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from river.drift import ADWIN, PageHinkley

from agent.bench.detection import ramps, rooms
from agent.bench.detection.common import data_folder, feed, reference_samples, sensors
from agent.detect.channels import Floats, Ints
from agent.detect.watch import Learned, warm_up

SENSORS, HOT_EVERY, STEP_K = 32, 4, 0.01
QUIET_DAYS, SETTLE_DAYS = 12, 1  # of rooms; white noise has two
HOURS, RISE_K = 12, 4.0  # a ramp is followed for so long, or so far

# Gives the frames at which alarms begin in a series (frames,), K, at a limit.
Alarms = Callable[[Floats, float], Ints]


def deviation(x: Floats, limit: float) -> Ints:
    """A fixed limit on the distance itself, K."""
    return np.flatnonzero((x[1:] > limit) & (x[:-1] <= limit)) + 1


def slope(frames: int) -> Alarms:
    """A fixed limit on the rise over so many frames, K."""

    def alarms(x: Floats, limit: float) -> Ints:
        return deviation(x[frames:] - x[:-frames], limit) + frames

    return alarms


def page_hinkley(x: Floats, limit: float) -> Ints:
    """River's Page-Hinkley, upwards, its other parameters as they come, on register steps."""
    return _river(PageHinkley(threshold=limit, mode="up"), x)


def adwin(x: Floats, limit: float) -> Ints:
    """River's ADWIN; its delta is exp(-limit)."""
    return _river(ADWIN(delta=math.exp(-limit)), x)


def _river(detector: Any, x: Floats) -> Ints:
    found = []
    for i, value in enumerate((x / STEP_K).tolist()):
        detector.update(value)
        if detector.drift_detected:
            found.append(i)
    return np.array(found, np.int64)


def plain(period_s: float) -> dict[str, tuple[Alarms, float, float]]:
    """Return the plain detectors, and between which limits to look."""
    return {
        "fixed deviation": (deviation, 1e-3, 20.0),
        "fixed slope": (slope(round(600.0 / period_s)), 1e-3, 20.0),
        "River Page-Hinkley": (page_hinkley, 1.0, 1e7),
        "River ADWIN": (adwin, 0.1, 600.0),
    }


def limit_of(alarms: Alarms, low: float, high: float, quiet: Floats, allowed: int) -> float:
    """Return about the lowest limit at which `quiet` (frames, sensors) has no more alarms than allowed."""
    while high / low > 1.05:
        limit = math.sqrt(low * high)
        false = 0
        for x in quiet.T:
            false += len(alarms(x, limit))
            if false > allowed:
                break
        low, high = (limit, high) if false > allowed else (low, limit)
    return high


def distance(frames: Floats) -> Floats:
    """Return how far each sensor is from the median of all, as registers tell it."""
    rounded = np.round(frames / STEP_K) * STEP_K
    away: Floats = rounded - np.median(rounded, axis=1, keepdims=True)
    return away


class Noise:
    """A kind of noise: its name, frames without end, and what it is learned from."""

    def __init__(
        self, name: str, period_s: float, sigma_k: float, quiet: Floats, draw: Callable[[int], Floats]
    ):
        self.name, self.period_s, self.sigma_k, self.draw = name, period_s, sigma_k, draw
        watch = sensors(SENSORS, SENSORS, STEP_K, period_s)
        learning = len(quiet) // 4
        self.false, before = 0, np.zeros(SENSORS, bool)
        for i, standing in feed(watch, quiet, 0.0, period_s):
            self.false += int(np.count_nonzero(standing & ~before)) if i >= learning else 0
            before = standing
        self.learned: Learned = watch.learned()
        seen = distance(quiet[learning:])
        self.plain = {
            name: (alarms, limit_of(alarms, low, high, seen, self.false))
            for name, (alarms, low, high) in plain(period_s).items()
        }

    def delays(self, ramp: float, settle: int) -> list[Floats]:
        """Return the delays of ours, then of the plain ones, in minutes, infinite where it is not heard."""
        after = round(min(RISE_K / ramp * 60.0, HOURS * 3600.0) / self.period_s)
        frames = self.draw(settle + after)
        hot = np.arange(3, SENSORS, HOT_EVERY)
        frames[settle:, hot] += (ramp / 60.0 * self.period_s * np.arange(1, after + 1))[:, None]
        watch = sensors(SENSORS, SENSORS, STEP_K, self.period_s)
        watch.take_up(self.learned, math.nan, sure=False)
        ours = np.full(SENSORS, np.inf)
        for i, standing in feed(watch, frames, 0.0, self.period_s):
            if i >= settle:
                ours[standing] = np.minimum(ours[standing], i - settle)
        seen, found = distance(frames), [ours[hot]]
        for alarms, limit in self.plain.values():
            at = [alarms(seen[:, c], limit) for c in hot]
            found.append(np.array([min(a[a >= settle].tolist(), default=math.inf) - settle for a in at]))
        return [(d + 1.0) * self.period_s / 60.0 for d in found]


def white(sigma_k: float, rng: np.random.Generator) -> Noise:
    """Return white noise, as in `ramps`."""

    def draw(n: int) -> Floats:
        return 25.0 + sigma_k * rng.standard_normal((n, SENSORS))

    return Noise(f"{sigma_k:g} K white", ramps.PERIOD_S, sigma_k, draw(4 * 8640), draw)


def of_rooms(supply: rooms.Rooms) -> Noise:
    """Return the recorded rooms' noise."""

    def draw(n: int) -> Floats:
        days = [supply.day() for _ in range(-(-n // rooms.DAY))]
        return np.concatenate(days)[:n]

    quiet = draw((QUIET_DAYS * 4 // 3) * rooms.DAY)
    sigma_k = float(np.median(1.4826 * np.median(np.abs(np.diff(quiet, axis=0)), axis=0) / math.sqrt(2.0)))
    return Noise("rooms", rooms.PERIOD_S, max(sigma_k, STEP_K / math.sqrt(12.0)), quiet, draw)


def table() -> None:
    """Print the median delays, in minutes."""
    warm_up()
    rng, folder = np.random.default_rng(17), data_folder()
    kinds = [white(sigma, rng) for sigma in ramps.SIGMAS_K]
    if folder is not None:
        kinds.append(of_rooms(rooms.Rooms(rooms.load(folder), SENSORS, seed=4)))
    print(f"minutes until a ramp is heard (median; -: not within {HOURS} h or {RISE_K:g} K)")
    print(f"{'noise':>12} {'K/min':>6} {'reference':>10} {'ours':>6}", *(f"{n:>19}" for n in plain(1.0)))
    for kind in kinds:
        settle = 1100 if kind.period_s < 60.0 else SETTLE_DAYS * rooms.DAY
        for ramp in ramps.RAMPS_K_PER_MIN:
            reference = reference_samples(kind.sigma_k, ramp, kind.period_s) * kind.period_s / 60.0
            minutes = [float(np.median(d)) for d in kind.delays(ramp, settle)]
            ours, *others = (f"{m:.1f}" if math.isfinite(m) else "-" for m in minutes)
            print(
                f"{kind.name:>12} {ramp:6g} {reference:10.1f} {ours:>6}", *(f"{m:>19}" for m in others),
                flush=True,
            )  # fmt: skip
        print(f"{kind.name:>12}: {kind.false} false alarms of ours on the quiet days, and no more of theirs")


if __name__ == "__main__":
    table()
