"""The bench's own speed: cells of the rack model, and a healthy week through registers and detectors."""

import time

import numpy as np

from agent.bench.rack_300 import profile_text
from drivers.profile.load import parse_profile
from hil.bmu.registers import ProfileMap
from hil.plant.rack import Rack, RackParameters
from hil.plant.sensors import RackSource
from hil.plant.source import Arrangement
from hil.run.unit import Direct

RACK = Arrangement(strings=1, modules=15, cells=16, sensors=4)
STEPS, REPEATS = 64, 60
WEEK_S = 7 * 86400


def measure() -> list[tuple[str, float | None, str]]:
    """Return the figures of `cellwarden bench plant`."""
    return [
        ("cell_steps_per_s", _cell_steps_per_s(), "1/s"),
        ("healthy_week_240_cells_s", _week_s(), "s"),
    ]


def _cell_steps_per_s() -> float:
    """Cells times steps of 1 s, below 60 degC; the best of five rounds."""
    rack = Rack(RackParameters(RACK, seed=1))
    rack.run(STEPS, 1.0)  # compiles, or loads what was compiled before
    best = 0.0
    for _ in range(5):
        start_s = time.perf_counter()
        for _ in range(REPEATS):
            rack.run(STEPS, 1.0)
        best = max(best, REPEATS * STEPS * len(rack.cells) / (time.perf_counter() - start_s))
    assert np.all(rack.cells["temp_degc"] < 60.0)
    return best


def _week_s() -> float:
    """Seconds for a week at 1 s through plant, sensors, registers, decoding and detectors."""
    profile = parse_profile(profile_text(current=True))
    source = RackSource(Rack(RackParameters(RACK, seed=1)), step_s=1.0)
    registers = ProfileMap(profile, source, {}, "bench")
    unit = Direct(profile, registers, source, period_s=1.0)
    t_s = np.arange(1, STEPS + 1, dtype=float)
    unit.judge(t_s, source.run(STEPS))  # compiles
    start_s = time.perf_counter()
    for _ in range(WEEK_S // STEPS):
        t_s += STEPS
        unit.judge(t_s, source.run(STEPS))
    return time.perf_counter() - start_s
