"""Sites of TCP units with 300 values at 1 s each, polled, decoded, judged and stored by the real agent.

The agent is the command `cellwarden run`; the units are processes of PER_PROCESS each, so that they are not
what is measured. The figures are the kernel's and the buffer's own: CPU and memory from /proc, times from the
stamps of the frames that were stored.
"""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

from agent.bench import units
from agent.bench.rack_300 import profile_text
from agent.control import client
from agent.wire.batch import decode_batch
from hil.run import configuration
from hil.run.processes import Children, cpu_s, wait_for_status

UNITS, LARGE, PERIOD_S = 64, 512, 1.0
PER_PROCESS = 128  # units, which take some 5 % of a core
SETTLE_S, MEASURE_S = 25.0, 40.0
FAULTY = (units.ABSENT,) * 4 + (units.MUTE,) * 4 + (units.GARBAGE,) * 4 + (units.SLOW,) * 4

KERNELS = """
from agent.detect.watch import warm_up
warm_up()
import re
print(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


def measure() -> list[tuple[str, float | None, str]]:
    """Return the figures of the healthy sites, and of the one with 16 bad units, kernels compiled before."""
    subprocess.run(
        [sys.executable, "-c", "from agent.box import kernel_cache; kernel_cache.prepare()"], check=True
    )
    healthy = _run((units.WELL,) * UNITS)
    faulty = _run((*FAULTY, *(units.WELL,) * (UNITS - len(FAULTY))))
    large = _run((units.WELL,) * LARGE)
    over_mb = healthy["rss_mb"] - _kernels_mb()
    return [
        ("site_64_cpu_percent", healthy["cpu_percent"], "% of one core"),
        ("site_64_deadline_misses", healthy["late"] + healthy["misses"], "cycles"),
        ("site_64_jitter_p99_ms", healthy["jitter_p99_ms"], "ms"),
        ("site_64_rss_mb", healthy["rss_mb"], "MB"),
        ("site_64_rss_over_kernels_mb", over_mb, "MB"),
        ("site_64_faulty_misses", faulty["late"] + faulty["misses"], "cycles"),
        ("site_64_faulty_cpu_percent", faulty["cpu_percent"], "% of one core"),
        ("site_64_slow_interval_s", faulty["slow_interval_s"], "s"),
        (f"site_{LARGE}_cpu_percent", large["cpu_percent"], "% of one core"),
        (f"site_{LARGE}_late_cycles", large["late"], "cycles"),
        (f"site_{LARGE}_deadline_misses", large["misses"], "cycles"),
        (f"site_{LARGE}_jitter_p99_ms", large["jitter_p99_ms"], "ms"),
        (f"site_{LARGE}_rss_mb", large["rss_mb"], "MB"),
    ]


def _run(behaviours: tuple[str, ...]) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="cellwarden-bench-") as name, Children(Path(name)) as children:
        folder = Path(name)
        serving = [
            children.start("units", "agent.bench.units", *(f"0:{b}" for b in behaviours[k : k + PER_PROCESS]))
            for k in range(0, len(behaviours), PER_PROCESS)
        ]
        ports = [port for child in serving for port in json.loads(child.first_line())]
        (folder / "bench-300.toml").write_text(profile_text(step_k=0.01))
        tables = "".join(
            configuration.tcp_unit(f"rack-{k}", port, "bench-300.toml", period_s=PERIOD_S)
            for k, port in enumerate(ports)
        )
        (folder / "agent.toml").write_text(configuration.agent(folder) + tables)
        agent = children.start("agent", "agent.cli", "run", "--config", str(folder / "agent.toml"))
        wait_for_status(agent, lambda status: any(unit["frames"] for unit in status["units"]))
        time.sleep(SETTLE_S)
        pid = agent.process.pid
        before, cpu, began_s = _status(folder), cpu_s(pid), time.monotonic()
        time.sleep(MEASURE_S)
        cpu, took_s, after = cpu_s(pid) - cpu, time.monotonic() - began_s, _status(folder)
        rss_mb = _rss_mb(pid)
        agent.process.send_signal(signal.SIGTERM)
        agent.process.wait(10)
        well = [k for k, behaviour in enumerate(behaviours) if behaviour == units.WELL]
        slow = [k for k, behaviour in enumerate(behaviours) if behaviour == units.SLOW]
        intervals = _intervals(folder / "buffer.db", before["boottime_s"])
        jitter = sorted(abs(i - PERIOD_S) for k in well for i in intervals[f"rack-{k}"])
        return {
            "cpu_percent": 100 * cpu / took_s,
            "rss_mb": rss_mb,
            # cycles that were late, of the units that answer at once; safety intervals, of those that answer
            "late": float(sum(_risen(before, after, f"rack-{k}", "late_cycles") for k in well)),
            "misses": float(sum(_risen(before, after, f"rack-{k}", "deadline_misses") for k in well + slow)),
            "jitter_p99_ms": 1e3 * jitter[int(0.99 * len(jitter))],
            "slow_interval_s": max((i for k in slow for i in intervals[f"rack-{k}"]), default=0.0),
        }


def _status(folder: Path) -> dict[str, Any]:
    return client.get(folder / "control.sock", "/v1/status")


def _risen(before: dict[str, Any], after: dict[str, Any], unit: str, what: str) -> int:
    values = [next(u[what] for u in status["units"] if u["name"] == unit) for status in (before, after)]
    return int(values[1] - values[0])


def _intervals(database: Path, from_s: float) -> dict[str, list[float]]:
    """Return the times between the frames of each unit, from the buffer itself."""
    stamps: dict[str, list[int]] = {}
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        for (blob,) in db.execute("SELECT blob FROM batch WHERE frames > 0 ORDER BY sequence"):
            batch = decode_batch(blob)
            good = (batch.quality == 0).any(axis=1)
            stamps.setdefault(batch.unit, []).extend(batch.boottime_ns[good].tolist())
    return {
        unit: [(b - a) / 1e9 for a, b in pairwise(sorted(times)) if a / 1e9 > from_s]
        for unit, times in stamps.items()
    }


def _rss_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def _kernels_mb() -> float:
    """Return the memory of a process that imports numba and loads the detectors' cached kernels."""
    done = subprocess.run([sys.executable, "-c", KERNELS], check=True, capture_output=True, text=True)
    return int(done.stdout) * 1024 / 1e6
