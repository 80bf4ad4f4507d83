"""Sensors that fail in every way they do: none of it is heat. And frames that are held. Simulated.

Sensors fail beside cells at rest: what is asked of a rise is least there.
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from agent.bench.detection.recordings import HEAT
from agent.detect.channels import Codes, Floats
from agent.detect.liveness import Liveness
from agent.detect.watch import UnitDetectors

N, PERIOD_S = 16, 5.0
CELLS, CELL_SD_V = 4, 0.0005
FRAMES, ONSET = 2 * 17280, 17280  # a day to learn, a day with the fault
CALLED_THERMAL = (*HEAT, "cooling", "cooling-lost", "cooling-degraded")


def _drift(k_per_day: float, x: Floats, rng: np.random.Generator) -> None:
    x += k_per_day * (np.arange(len(x)) * PERIOD_S / 86400.0)


def _stuck(x: Floats, rng: np.random.Generator) -> None:
    x[:] = x[0]


def _code(degc: float, x: Floats, rng: np.random.Generator) -> None:
    x[:] = degc


def _loose(x: Floats, rng: np.random.Generator) -> None:
    x[rng.random(len(x)) < 0.01] += rng.uniform(-30.0, 60.0)


def _step(k: float, x: Floats, rng: np.random.Generator) -> None:
    x += k


def _noisy(x: Floats, rng: np.random.Generator) -> None:
    x += rng.standard_normal(len(x))


def _noisier(x: Floats, rng: np.random.Generator) -> None:
    x += np.linspace(0.0, 2.0, len(x)) * rng.standard_normal(len(x))


def _bursts(x: Floats, rng: np.random.Generator) -> None:
    x[(np.arange(len(x)) // 60) % 20 == 0] += 5.0


def _breaks(x: Floats, rng: np.random.Generator) -> None:
    for part in np.array_split(x, 5):  # a cable, with a hot reading each time
        at = int(rng.integers(len(part) // 2))
        part[at], part[at + 1 : at + 1 + len(part) // 5] = rng.uniform(70.0, 140.0), np.nan


#: What each fault does to a sensor's day, in place; degC, a value every PERIOD_S. Its position is its seed.
FAULTS: Mapping[str, Callable[[Floats, np.random.Generator], None]] = {
    **{f"drift_{k_per_day:g}": partial(_drift, k_per_day) for k_per_day in (0.1, 0.5, 1.0, -1.0)},
    "stuck": _stuck,
    **{f"code_{degc:g}": partial(_code, degc) for degc in (-40.0, 0.0, 215.0, 471.0)},  # for "no sensor"
    "loose": _loose,  # a bad contact, in 1 % of the frames
    **{f"step_{k:g}": partial(_step, k) for k in (2.0, 4.0, 15.0, 60.0, -20.0)},
    "noisy": _noisy,  # 1 K
    "noisier": _noisier,  # by the hour, up to 2 K
    "bursts": _bursts,  # 5 K for 5 minutes of every 100
    "breaks": _breaks,
}


def measure() -> list[tuple[str, float | None, str]]:
    """Return the figures of sensor faults and held frames."""
    called = {fault: _called_thermal(fault, seed) for seed, fault in enumerate(FAULTS)}
    return [
        ("sensor_fault_called_thermal", float(sum(called.values())), "alarms"),
        ("sensor_faults_tried", float(len(called)), "faults"),
        ("held_frames_min", _held_min(), "min"),
    ]


def _room(rng: np.random.Generator) -> Floats:
    day = np.arange(FRAMES) * PERIOD_S / 86400.0
    common = 0.8 * np.sin(2 * np.pi * day)[:, None]
    room: Floats = 25.0 + rng.normal(0.0, 0.3, N) + common + rng.normal(0.0, 0.05, (FRAMES, N))
    return room


def _called_thermal(fault: str, seed: int) -> int:
    rng = np.random.default_rng(seed)
    frames = _room(rng)
    spoilt = frames[ONSET:, 5].copy()
    FAULTS[fault](spoilt, rng)
    frames[ONSET:, 5] = spoilt
    watch = UnitDetectors(
        [*(f"sensor{i}" for i in range(N)), *(f"cell{i}" for i in range(CELLS))],
        ["cell_temperature"] * N + ["cell_voltage"] * CELLS,
        np.array([0.1] * N + [0.001] * CELLS),
        PERIOD_S,
    )
    quality: Codes = np.zeros(N + CELLS, np.uint8)
    rest = 3.3 + CELL_SD_V * rng.standard_normal((FRAMES, CELLS))
    rounded = np.concatenate([frames.round(1), rest.round(3)], axis=1)
    return sum(
        event.state == "NEW" and event.detector in CALLED_THERMAL
        for i in range(FRAMES)
        for event in watch.judge(i * PERIOD_S, rounded[i], quality)
    )


def _held_min() -> float | None:
    """Return how long after the last fresh frame of a unit with some noise its repetition is an alarm."""
    rng = np.random.default_rng(3)
    raw = np.rint(10.0 * _room(rng)).astype(np.int64)
    live = Liveness([f"sensor{i}" for i in range(N)], ["cell_temperature"] * N, np.full(N, np.inf), PERIOD_S)
    for i in range(FRAMES):
        row = raw[min(i, ONSET)].copy()
        _, events = live.judge(i * PERIOD_S, row, np.zeros(N, np.uint8))
        for event in events:
            if event.state == "NEW" and i > ONSET:
                return (i - ONSET) * PERIOD_S / 60.0
    return None
