"""What one collector takes in on one core: requests as agents send them, judged, committed, acknowledged.

Every batch is inflated, checked and decoded to its last value; every request is one synchronous transaction.
HTTP is left out, the bytes of requests and acknowledgements are not.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from agent.bench.wire import Figure, Int64s, batch_of, simulated
from agent.wire import Limits, Request, decode_request, encode_ack, encode_batch, encode_request
from collector.admission import admit
from collector.intake import Intake
from collector.sqlite.sink import SqliteSink

REQUESTS, BATCHES = 12, 64
FRAMES = 10  # a batch of 10 s at 1 s


def measure() -> list[Figure]:
    """Every figure of `cellwarden bench collector`."""
    rng = np.random.default_rng(20250926)
    with tempfile.TemporaryDirectory(prefix="cellwarden-bench-") as folder:
        ten = _measure(Path(folder) / "ten.db", rng, simulated(rng, FRAMES))
        sixty = _measure(Path(folder) / "sixty.db", rng, simulated(rng, 60))
    values_per_s, batches_per_s, duplicate_bytes, bytes_per_value = ten
    return [
        ("sqlite_values_per_s", values_per_s, "values/s"),
        ("sqlite_values_per_s_60", sixty[0], "values/s"),
        ("batches_per_s", batches_per_s, "batches/s"),
        ("duplicate_bytes_written", duplicate_bytes, "B"),
        ("database_bytes_per_value", bytes_per_value, "B"),
    ]


def _measure(database: Path, rng: np.random.Generator, rows: Int64s) -> tuple[float, float, float, float]:
    """Values and batches per second, bytes written when all comes again, database bytes per value."""
    bodies = [_request(rng, rows, first) for first in range(1, REQUESTS * BATCHES, BATCHES)]
    intake = Intake(SqliteSink(database), time.time_ns)
    try:
        start_s = time.perf_counter()
        for body in bodies:
            _take(intake, body)
        took_s = time.perf_counter() - start_s
        before = _written_bytes()
        for body in bodies:
            _take(intake, body)
        duplicates = _written_bytes() - before
    finally:
        intake.close()
    values = rows.size * REQUESTS * BATCHES
    return values / took_s, REQUESTS * BATCHES / took_s, float(duplicates), database.stat().st_size / values


def _request(rng: np.random.Generator, rows: Int64s, first: int) -> bytes:
    batches = []
    for sequence in range(first, first + BATCHES):
        batch = batch_of(rng, rows + rng.integers(-1, 2, rows.shape), sequence)
        batches.append((sequence, encode_batch(batch)))
    return encode_request(Request(batch.agent, batch.epoch, batches))


def _take(intake: Intake, body: bytes) -> None:
    encode_ack(intake.store(admit(decode_request(body), Limits())).acknowledgement)


def _written_bytes() -> int:
    """Bytes that this process gave to write calls so far; unlike write_bytes, a tmpfs counts too."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["wchar"])
