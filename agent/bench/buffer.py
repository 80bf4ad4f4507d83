"""What the buffer writes to flash: batches sealed as an agent seals them, acknowledged as a collector does.

Bytes are `write_bytes` of /proc/self/io, counted by the kernel in pages that went dirty, WAL and checkpoints
and all; on a tmpfs there is nothing to count. Delivered batches are kept below 1 MB here, so that each is
deleted again.
"""

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agent.alarms.record import about_itself, record_of
from agent.bench.wire import BOOT, SCHEMA, Figure, Int64s, simulated
from agent.clock import Stamp
from agent.detect.explanations.said import Said
from agent.detect.table import CRITICAL
from agent.frame import Frame
from agent.runtime.learned_states import SAVED_AT_LEAST_EVERY_S
from agent.store.account import BufferSettings
from agent.store.ledger import Event
from agent.store.open_batch import OpenBatch
from agent.store.store import Store
from agent.store.upstream import MAIN, Upstream

DAY_S = 86_400
WARM_COMMITS = 150  # until the WAL has been copied back once
THREE = (MAIN, Upstream("second"), Upstream("third", required=False))
STATE_BYTES = 35_000  # of what the detectors of 300 channels have learned; see `agent.runtime.learned_states`


def measure() -> list[Figure]:
    """Every figure of `cellwarden bench buffer`."""
    ten, took_s = _mb_per_day(units=1, batch_s=10, commits=1000)
    sixty, _ = _mb_per_day(units=1, batch_s=60, commits=500)
    many, _ = _mb_per_day(units=64, batch_s=10, commits=100)
    three, _ = _mb_per_day(units=64, batch_s=10, commits=100, upstreams=THREE)
    return [
        ("mb_per_day_10s", ten, "MB/day"),
        ("mb_per_day_60s", sixty, "MB/day"),
        ("mb_per_unit_day_64_units", None if many is None else many / 64, "MB/day"),
        ("mb_per_unit_day_three_upstreams", None if three is None else three / 64, "MB/day"),
        ("append_p99_ms", 1e3 * statistics.quantiles(took_s, n=100)[98], "ms"),
        ("append_median_ms", 1e3 * statistics.median(took_s), "ms"),
    ]


def _mb_per_day(
    units: int, batch_s: int, commits: int, upstreams: Sequence[Upstream] = (MAIN,)
) -> tuple[float | None, list[float]]:
    """Megabytes of flash per day, and the seconds that each commit took."""
    rng = np.random.default_rng(20250926)
    with tempfile.TemporaryDirectory(prefix="cellwarden-bench-", dir=disk()) as folder:
        settings = BufferSettings(history_bytes=1_000_000)
        store = Store(Path(folder) / "buffer.db", "site-12-box-3", BOOT, upstreams, alarm, settings)
        took_s, before, at_s, at_rest = [], 0, 0, 0.5
        warm = WARM_COMMITS // units + 5
        for commit in range(warm + commits):
            if commit == warm:
                before = _written()
            batches = [
                batch_of_unit(rng, f"rack{unit}/bmu", simulated(rng, batch_s), at_s) for unit in range(units)
            ]
            at_s += batch_s
            kept, at_rest = divmod(at_rest + units * batch_s / SAVED_AT_LEAST_EVERY_S, 1.0)
            states = {
                f"rack{(commit * 7 + k) % units}/bmu:state": rng.bytes(STATE_BYTES) for k in range(int(kept))
            }
            start_s = time.perf_counter()
            store.seal(batches, snapshots=states)
            took_s.append(time.perf_counter() - start_s)
            for name, *_ in upstreams:
                sequences = [batch.sequence for batch in store.pending(name, 256, 10**7)[1]]
                store.apply_acknowledgement(name, store.epoch, sequences, {})
        written = _written() - before
        store.close()
    days = commits * batch_s / DAY_S
    return (written / 1e6 / days if written else None), took_s[warm:]


def batch_of_unit(rng: np.random.Generator, unit: str, rows: Int64s, at_s: int) -> OpenBatch:
    """One unit's open batch of simulated rows, a frame a second."""
    quality = np.zeros(rows.shape[1], np.uint8)
    jitter = rng.normal(0, 500_000, len(rows)).astype(np.int64).tolist()
    stamps = [
        Stamp((at_s + i) * 10**9 + jitter[i], (at_s + i) * 10**9 + jitter[i], True) for i in range(len(rows))
    ]
    frames = [
        Frame(unit, "rack", SCHEMA, stamp, raw, quality) for stamp, raw in zip(stamps, rows, strict=True)
    ]
    batch = OpenBatch(frames[0])
    batch.frames[1:] = frames[1:]
    return batch


def alarm(detector: str, told: Said, *, severity: str = CRITICAL) -> list[Event]:
    """What the buffer would have to say of itself."""
    stamp = Stamp(0, 0, False)
    return [Event("", record_of("", about_itself(detector, told, stamp, severity), stamp))]


def disk() -> str:
    """A folder on a disk: /tmp is often none."""
    return "/var/tmp" if Path("/var/tmp").is_dir() else tempfile.gettempdir()


def _written() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])
