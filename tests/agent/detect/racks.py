"""Small units to watch, and the frames they say."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from agent.detect.alarms.states import AlarmEvent
from agent.detect.watch import UnitDetectors
from drivers.layout import Layout

Floats = NDArray[np.float64]


def places(cells: int, sensors: int = 0) -> tuple[list[str], list[str], Floats]:
    """Return places, quantities and register steps of one string: cells (1 mV), then sensors (0.1 K)."""
    where = [f"string1/module1/cell{i + 1}" for i in range(cells)]
    where += [f"string1/module1/sensor{i + 1}" for i in range(sensors)]
    quantities = ["cell_voltage"] * cells + ["cell_temperature"] * sensors
    return where, quantities, np.array([0.001] * cells + [0.1] * sensors)


def watch_of(cells: int, sensors: int = 0, period_s: float = 1.0) -> UnitDetectors:
    """Return the watch over such a unit."""
    return UnitDetectors(*places(cells, sensors), period_s)


def healthy(
    n: int, cells: int, sensors: int = 0, seed: int = 1, volts_sd: float = 0.0005, temp_sd: float = 0.05
) -> Floats:
    """Return `n` frames of a quiet unit, rounded to its registers."""
    rng = np.random.default_rng(seed)
    volts = 3.3 + 0.004 * rng.standard_normal(cells) + volts_sd * rng.standard_normal((n, cells))
    temps = 25.0 + 0.3 * rng.standard_normal(sensors) + temp_sd * rng.standard_normal((n, sensors))
    return np.concatenate([np.round(volts, 3), np.round(temps, 1)], axis=1)


def feed(
    watch: UnitDetectors, frames: Iterable[Floats], t_s: float = 0.0, dt_s: float = 1.0
) -> list[AlarmEvent]:
    """Judge frames `dt_s` apart, the first at `t_s`; NaN is a value that was not read. Return all events."""
    events: list[AlarmEvent] = []
    for i, frame in enumerate(frames):
        quality = np.where(np.isnan(frame), 4, 0).astype(np.uint8)
        events += watch.judge(t_s + i * dt_s, np.asarray(frame, float), quality)
    return events


def si_of(layout: Layout, raw: NDArray[np.int64], quality: NDArray[np.uint8]) -> Floats:
    """Return the values of a frame in SI units, NaN where they are not good."""
    si = np.empty(layout.n)
    layout.to_si(raw, quality, si)
    return si


def raised(events: Iterable[AlarmEvent], *detectors: str) -> list[tuple[str, str, str]]:
    """Return (detector, severity, place) of what was raised, of these detectors or of all."""
    return [
        (e.detector, e.severity, e.location)
        for e in events
        if e.state == "NEW" and (not detectors or e.detector in detectors)
    ]


def filled(n: int, cells: int, many: int, step: float, seed: int, from_frame: int = 0) -> Floats:
    """Return frames of cells of which the first `many` say the mean of the others."""
    rng = np.random.default_rng(seed)
    volts = 3.4 + rng.normal(0.0, 0.003, cells) + rng.normal(0.0, 0.001, (n, cells))
    volts = np.round(volts / step)
    volts[from_frame:, :many] = np.round(volts[from_frame:, many:].mean(axis=1))[:, None]
    frames: Floats = (volts * step).round(6)
    return frames
