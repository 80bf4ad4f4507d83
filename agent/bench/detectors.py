"""Detectors: what judging costs per value, against C, against plain Python, and how soon it can begin.

The rack has 300 channels: 240 cell voltages and 60 temperatures, at their usual noise and register steps.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from agent.detect.channels import Codes, Floats, Ints
from agent.detect.kernels.siblings import sibling_median
from agent.detect.watch import UnitDetectors

CELLS, SENSORS = 240, 60
FRAMES = 10_000
PLAIN_FRAMES = 20

#: The leave-one-out median again, in C: insertion into last frame's order, then two ranks per channel.
C_SOURCE = """
#include <math.h>
#include <stdint.h>
void sibling_median(const double *value, const int64_t *start, int64_t groups, int64_t *order, double *out) {
    for (int64_t g = 0; g < groups; g++) {
        int64_t first = start[g], last = start[g + 1], good = first;
        for (int64_t a = first; a < last; a++) {
            int64_t c = order[a];
            double x = value[c];
            if (isnan(x)) continue;
            order[a] = order[good];
            int64_t b = good;
            while (b > first && value[order[b - 1]] > x) { order[b] = order[b - 1]; b--; }
            order[b] = c;
            good++;
        }
        int64_t m = good - first;
        for (int64_t a = first; a < last; a++) {
            int64_t rank = a - first, others = rank < m ? m - 1 : m;
            if (others < 1) { out[order[a]] = NAN; continue; }
            int64_t low = (others - 1) / 2, high = others / 2;
            if (low >= rank) low++;
            if (high >= rank) high++;
            out[order[a]] = 0.5 * (value[order[first + low]] + value[order[first + high]]);
        }
    }
}
"""


def measure() -> list[tuple[str, float | None, str]]:
    """Return the figures of `cellwarden bench detectors`."""
    frames = _frames(FRAMES)
    watch = _watch()
    _feed(watch, frames[:100], 0)  # compiles, or loads what was compiled before
    best = min(_timed(watch, frames, 100 + turn * FRAMES) for turn in range(5))
    channels = CELLS + SENSORS
    return [
        ("ns_per_channel_sample", 1e9 * best / FRAMES / channels, "ns"),
        ("ratio_to_c", _ratio_to_c(frames), "ratio"),
        ("ratio_to_python", _python(_PLAIN, NUMBA_DISABLE_JIT="1") / (best / FRAMES), "ratio"),
        ("allocations_10000_frames", _python(_COUNT, NUMBA_NRT_STATS="1"), "allocations"),
        ("warm_start_s", min(_start() for _ in range(3)), "s"),
    ]


def _watch() -> UnitDetectors:
    places = [f"string1/module{1 + i // 16}/cell{1 + i % 16}" for i in range(CELLS)]
    places += [f"string1/module{1 + i // 4}/cell{1 + 4 * (i % 4)}" for i in range(SENSORS)]
    quantities = ["cell_voltage"] * CELLS + ["cell_temperature"] * SENSORS
    return UnitDetectors(places, quantities, np.repeat([0.001, 0.1], [CELLS, SENSORS]), 1.0)


def _frames(n: int) -> Floats:
    rng = np.random.default_rng(7)
    volts = np.round(3.3 + 0.0007 * rng.standard_normal((n, CELLS)), 3)
    temps = np.round(25.0 + 0.05 * rng.standard_normal((n, SENSORS)), 1)
    return np.concatenate([volts, temps], axis=1)


def _feed(watch: UnitDetectors, frames: Floats, start_s: int) -> None:
    quality: Codes = np.zeros(frames.shape[1], np.uint8)
    for i in range(len(frames)):
        watch.judge(float(start_s + i), frames[i], quality)


def _timed(watch: UnitDetectors, frames: Floats, start_s: int) -> float:
    began_s = time.perf_counter()
    _feed(watch, frames, start_s)
    return time.perf_counter() - began_s


_COUNT = """
import gc, tracemalloc
from numba.core.runtime import rtsys
from agent.bench.detectors import FRAMES, _feed, _frames, _held, _watch
watch, frames = _watch(), _frames(FRAMES)
_feed(watch, frames[:100], 0)
gc.collect()
tracemalloc.start()
before, held = rtsys.get_allocation_stats().alloc, _held()
_feed(watch, frames, 100)
gc.collect()
held = _held() - held
print(rtsys.get_allocation_stats().alloc - before + max(0, held))
"""


def _held() -> int:
    """Return how many allocations of the detectors' Python code are alive."""
    here = tracemalloc.Filter(True, "*/agent/detect/*")
    statistics = tracemalloc.take_snapshot().filter_traces([here]).statistics("filename")
    # the time of the last frame is one float that replaces another
    return sum(max(0, s.count - 1) for s in statistics)


def _ratio_to_c(frames: Floats) -> float | None:
    """Return our time over that of C -O3 for the sibling median; None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    member: Ints = np.arange(SENSORS, dtype=np.int64)
    start: Ints = np.arange(0, SENSORS + 1, SENSORS // 5, dtype=np.int64)
    out = np.zeros(SENSORS)
    temps = np.ascontiguousarray(frames[:2000, CELLS:])
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "median.c"), Path(folder, "median.so")
        source.write_text(C_SOURCE)
        subprocess.run(
            [compiler, "-O3", "-march=native", "-shared", "-fPIC", "-o", library, source], check=True
        )
        function: Any = ctypes.CDLL(str(library)).sibling_median
        address = ctypes.c_void_p
        groups = ctypes.c_int64(len(start) - 1)

        def in_c(value: Floats, order: Ints) -> None:
            function(
                address(value.ctypes.data), address(start.ctypes.data), groups,
                address(order.ctypes.data), address(out.ctypes.data),
            )  # fmt: skip

        rest = np.zeros(SENSORS)

        def ours(value: Floats, _order: Ints) -> None:
            sibling_median(value, member, start, rest, out)

        return _best(ours, temps, member) / _best(in_c, temps, member)


def _best(call: Callable[[Floats, Ints], None], temps: Floats, member: Ints) -> float:
    call(temps[0], member.copy())
    best = np.inf
    for _ in range(7):
        order = member.copy()
        began_s = time.perf_counter()
        for row in temps:
            call(row, order)
        best = min(best, time.perf_counter() - began_s)
    return float(best)


_PLAIN = """
import time
from agent.bench.detectors import PLAIN_FRAMES, _feed, _frames, _watch
watch, frames = _watch(), _frames(2 * PLAIN_FRAMES)
_feed(watch, frames[:PLAIN_FRAMES], 0)
began_s = time.perf_counter()
_feed(watch, frames[PLAIN_FRAMES:], PLAIN_FRAMES)
print((time.perf_counter() - began_s) / PLAIN_FRAMES)
"""

_FIRST = """
import numpy as np
from agent.detect.watch import UnitDetectors
watch = UnitDetectors(["a", "b"], ["cell_voltage", "cell_temperature"], np.array([0.001, 0.1]), 1.0)
watch.judge(0.0, np.array([3.3, 25.0]), np.zeros(2, np.uint8))
"""


def _python(code: str, **environment: str) -> float:
    """Return the number that a fresh Python prints: numba takes these settings only at its import."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


def _start() -> float:
    """Return the seconds from the start of a process to its first judged frame, with a warm cache."""
    began_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", _FIRST], check=True)
    return time.perf_counter() - began_s
