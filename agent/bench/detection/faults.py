"""Sensors that fail in every way they do: none of it is heat. And frames that are held. Simulated."""

import numpy as np

from agent.bench.detection.recordings import HEAT
from agent.detect.channels import Codes, Floats
from agent.detect.liveness import Liveness
from agent.detect.watch import UnitDetectors

N, PERIOD_S = 16, 5.0
FRAMES, ONSET = 2 * 17280, 17280  # a day to learn, a day with the fault
CALLED_THERMAL = (*HEAT, "cooling", "cooling-lost", "cooling-degraded")


def _fault(name: str, x: Floats, rng: np.random.Generator) -> None:
    """Spoil a sensor's day, in place."""
    t_day = np.arange(len(x)) * PERIOD_S / 86400.0
    if name.startswith("drift"):
        x += float(name.removeprefix("drift ")) * t_day
    elif name == "stuck":
        x[:] = x[0]
    elif name.startswith("code"):
        x[:] = float(name.removeprefix("code "))
    elif name.startswith("codes"):
        x[rng.random(len(x)) < 0.02] = 215.0
    elif name == "loose":
        x[rng.random(len(x)) < 0.01] += rng.uniform(-30.0, 60.0)
    elif name.startswith("step"):
        x += float(name.removeprefix("step "))
    elif name == "noisy":
        x += 1.0 * rng.standard_normal(len(x))
    elif name == "noisier by the hour":
        x += np.linspace(0.0, 2.0, len(x)) * rng.standard_normal(len(x))
    elif name == "bursts":
        x[(np.arange(len(x)) // 60) % 20 == 0] += 5.0


FAULTS = (
    *("drift 0.1", "drift 0.5", "drift 1", "drift -1", "stuck", "code -40", "code 0", "code 215", "code 471"),
    *(
        "loose",
        "step 2",
        "step 4",
        "step 15",
        "step 60",
        "step -20",
        "noisy",
        "noisier by the hour",
        "bursts",
    ),
)


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
    _fault(fault, spoilt, rng)
    frames[ONSET:, 5] = spoilt
    watch = UnitDetectors(
        [f"sensor{i}" for i in range(N)], ["cell_temperature"] * N, np.full(N, 0.1), PERIOD_S
    )
    quality: Codes = np.zeros(N, np.uint8)
    rounded = frames.round(1)
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
