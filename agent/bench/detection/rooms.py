"""Rooms: days of recorded room temperatures, drawn at random and joined, as long as the bounds need.

The 0.01 false criticals per sensor-year rest on this simulation. It has the recorded rooms' noise, tails and
glitches, but no more kinds of rooms than were recorded (32, eight days).
"""

import math
from pathlib import Path

import numpy as np

from agent.bench.detection.common import YEAR_S, data_folder, feed, sensors, upper_bound
from agent.detect.channels import Codes, Floats
from agent.detect.table import ADVICE, CRITICAL, WARNING
from agent.detect.watch import UnitDetectors

PERIOD_S, DAY = 60.0, 1440
SENSORS, PER_STRING = 256, 32
SENSOR_YEARS = 300.0
STEP_K = 0.01

RAMPS_K_PER_MIN = (0.02, 0.05, 0.1, 0.2, 0.5)
RAMP_SENSORS = 64
LEARN_DAYS, WATCH_FRAMES = 3, 720  # what is not found within 12 h is a miss, and counts as 12 h
WINDOW = 10  # frames of the fixed slope

NAMES = (
    ("false_criticals_per_sensor_year", "1/year"),
    ("false_warnings_per_sensor_year", "1/year"),
    ("advice_per_sensor_year_rooms", "1/year"),
    ("simulated_sensor_years", "years"),
    ("learning_hours_max", "h"),
    ("blind_share_good_input", "share"),
    ("ramp_delay_ratio_room_noise", "ratio"),
    ("ramp_miss_rate_room_noise", "share"),
    ("gain_over_fixed_slope", "ratio"),
)


def measure() -> list[tuple[str, float | None, str]]:
    """Return the figures of rooms; None where the recordings are absent."""
    folder = data_folder()
    if folder is None:
        return [(name, None, unit) for name, unit in NAMES]
    recorded = load(folder)
    figures = {**_quiet(recorded), **_ramps(recorded)}
    return [(name, figures[name], unit) for name, unit in NAMES]


def load(folder: Path) -> Floats:
    """Return whole recorded days, (days, DAY), degC, gaps filled by the value before."""
    import pyarrow.parquet as pq

    table = pq.read_table(f"{folder}/rooms51_even.parquet", columns=["room", "timestamp", "temperature"])
    room = np.asarray(table["room"].to_pylist())
    minute = table["timestamp"].to_numpy().astype("datetime64[m]").astype(np.int64)
    value = table["temperature"].to_numpy().astype(float)
    days = []
    for name in np.unique(room):
        mine = room == name
        first = minute[mine].min()
        series = np.full(minute[mine].max() - first + 1, np.nan)
        series[minute[mine] - first] = value[mine]
        filled = np.maximum.accumulate(np.where(np.isnan(series), 0, np.arange(len(series))))
        series = series[filled]
        whole = len(series) // DAY * DAY
        days.append(series[:whole].reshape(-1, DAY))
    return np.concatenate(days)


class Rooms:
    """An endless supply of days for n sensors; each day begins where the last one ended."""

    def __init__(self, recorded: Floats, n: int, seed: int) -> None:
        self._recorded, self._rng = recorded, np.random.default_rng(seed)
        self._last = 22.0 + self._rng.standard_normal(n)
        self._usual = self._last.copy()

    def day(self) -> Floats:
        """Give the next day of each sensor, (DAY, n), degC."""
        drawn = self._recorded[self._rng.integers(len(self._recorded), size=len(self._last))]
        ends = drawn[:, -1] - drawn[:, 0]
        # joined, and led back to where the sensor usually is, in the course of the day
        back = (self._usual - (self._last + ends))[:, None] * np.linspace(0.0, 1.0, DAY)
        frames = drawn - drawn[:, :1] + self._last[:, None] + back
        self._last = frames[:, -1]
        return np.ascontiguousarray(frames.T)


def _quiet(recorded: Floats) -> dict[str, float]:
    rooms = Rooms(recorded, SENSORS, seed=1)
    watch = sensors(SENSORS, PER_STRING, STEP_K, PERIOD_S)
    quality: Codes = np.zeros(SENSORS, np.uint8)
    counts = {CRITICAL: 0, WARNING: 0, ADVICE: 0}
    days = int(np.ceil(SENSOR_YEARS * YEAR_S / 86400.0 / SENSORS))
    learned_h = 0.0
    for day in range(days):
        for i, frame in enumerate(rooms.day()):
            for event in watch.judge((day * DAY + i) * PERIOD_S, frame, quality):
                if event.state == "NEW" and event.detector != "sensor-fault":
                    counts[event.severity] += 1
            if day < 3 and watch.coverage().learning > 0:
                learned_h = (day * DAY + i + 1) * PERIOD_S / 3600.0
    years = days * 86400.0 * SENSORS / YEAR_S
    seconds = watch.seconds()
    return {
        "false_criticals_per_sensor_year": upper_bound(counts[CRITICAL], years),
        "false_warnings_per_sensor_year": upper_bound(counts[WARNING], years),
        "advice_per_sensor_year_rooms": counts[ADVICE] / years,
        "simulated_sensor_years": years,
        "learning_hours_max": learned_h,
        "blind_share_good_input": seconds.blind / (seconds.judged + seconds.learning + seconds.blind),
    }


def _ramps(recorded: Floats) -> dict[str, float]:
    """Return the delay of ramps, ours and that of a fixed limit on a 10-minute slope, equally often false."""
    n = RAMP_SENSORS
    rooms = Rooms(recorded, n, seed=2)
    watch = sensors(n, PER_STRING, STEP_K, PERIOD_S)
    false, slopes = _learn(watch, rooms)
    limit = _equally_false(slopes, false)
    learned = watch.learned()
    ours, theirs, ratios = [], [], []
    for ramp in RAMPS_K_PER_MIN:
        for _ in range(2):
            base = np.concatenate([rooms.day(), rooms.day()])
            hot = np.arange(3, n, 8)
            onset = DAY
            base[onset:, hot] += (ramp * np.arange(1, len(base) - onset + 1))[:, None]
            watch = sensors(n, PER_STRING, STEP_K, PERIOD_S)
            watch.take_up(learned, math.nan, sure=False)
            delay = np.full(n, float(WATCH_FRAMES))
            for i, standing in feed(watch, base[: onset + WATCH_FRAMES], 0.0, PERIOD_S):
                if i >= onset:
                    delay[standing] = np.minimum(delay[standing], i - onset + 1)
            fixed = _fixed_delay(base, onset, limit)
            ours.append(delay[hot])
            theirs.append(fixed[hot])
            sigma = _white(base[:onset, hot])
            ratios.append(delay[hot] / ((6 * sigma**2 * np.log(10 * YEAR_S / PERIOD_S) / ramp**2) ** (1 / 3)))
    mine, fixed_all = np.concatenate(ours), np.concatenate(theirs)
    return {
        "ramp_delay_ratio_room_noise": float(np.median(np.concatenate(ratios))),
        "ramp_miss_rate_room_noise": float(np.mean(mine >= WATCH_FRAMES)),
        "gain_over_fixed_slope": float(np.median(fixed_all / mine)),
    }


def _learn(watch: UnitDetectors, rooms: Rooms) -> tuple[float, Floats]:
    """Learn for some days; return our false alarms per frame and sensor after them, and the fixed slopes."""
    for day in range(LEARN_DAYS):
        for _ in feed(watch, rooms.day(), 86400.0 * day, PERIOD_S):
            pass
    false, slopes = 0, []
    for day in range(LEARN_DAYS, 5 * LEARN_DAYS):
        frames = rooms.day()
        slopes.append(_slope(frames))
        before = watch.tiers("thermal-slope") > 0
        for _, standing in feed(watch, frames, 86400.0 * day, PERIOD_S):
            false += int(np.count_nonzero(standing & ~before))
            before = standing
    return max(false, 1) / (4 * LEARN_DAYS * DAY * RAMP_SENSORS), np.concatenate(slopes)


def _slope(frames: Floats) -> Floats:
    """Return the slope over WINDOW frames of each sensor against its siblings, K/min."""
    gain = np.empty_like(frames)
    for first in range(0, frames.shape[1], PER_STRING):
        string = slice(first, first + PER_STRING)
        gain[:, string] = frames[:, string] - np.median(frames[:, string], axis=1, keepdims=True)
    slope: Floats = (gain[WINDOW:] - gain[:-WINDOW]) / WINDOW
    return slope


def _equally_false(slopes: Floats, rate: float) -> float:
    """Return the limit that is crossed upwards as often as `rate`, per frame and sensor."""
    low, high = 1e-4, 100.0
    for _ in range(40):
        limit = np.sqrt(low * high)
        ups = np.count_nonzero((slopes[1:] > limit) & (slopes[:-1] <= limit)) / slopes[1:].size
        low, high = (limit, high) if ups > rate else (low, limit)
    return float(high)


def _fixed_delay(frames: Floats, onset: int, limit: float) -> Floats:
    over = _slope(frames)[onset - WINDOW : onset - WINDOW + WATCH_FRAMES] > limit
    delay: Floats = np.where(over.any(axis=0), over.argmax(axis=0) + 1.0, float(WATCH_FRAMES))
    return delay


def _white(frames: Floats) -> Floats:
    """Return the white part of each sensor's noise, K, from its differences."""
    sd: Floats = 1.4826 * np.median(np.abs(np.diff(frames, axis=0)), axis=0) / np.sqrt(2.0)
    least: Floats = np.maximum(sd, STEP_K / np.sqrt(12.0))
    return least
