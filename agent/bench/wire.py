"""Size and speed of the wire format, on a measured pack and on a simulated quiet string.

The simulated string is 240 cells at 1 mV, each with a noise of -1, 0 or +1 mV around its own voltage, and 60
temperatures at 0.1 K; frames are 1 s apart, with the jitter of an event loop in their stamps.
"""

import gzip
import json
import struct
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import msgpack  # type: ignore[import-untyped]
import numpy as np
import zstandard
from numpy.typing import NDArray

import hil
from agent.wire import Batch, decode_batch, encode_batch

Int64s = NDArray[np.int64]
Figure = tuple[str, float | None, str]

RECORDING = Path(hil.__file__).parent / "recordings" / "ev_pack_car1.csv"
REAL_START, REAL_BATCHES = 600, 10  # frames into the recording, and how many batches of 60 follow
REGISTER_BYTES = 2  # the raw first row of the entropy bound, as the unit sends it
STEPS = {"current_a": 0.05, "soc": 0.1, "voltage": 0.25}  # of the recording; cells are mV, probes degC
EPOCH, SCHEMA, BOOT = (np.random.default_rng(seed).bytes(16) for seed in (1, 2, 3))
ROUNDS, CALLS = 15, 40


def measure() -> list[Figure]:
    """Every figure of `cellwarden bench wire`."""
    rng = np.random.default_rng(20250926)
    rows = simulated(rng, 60)
    batch = batch_of(rng, rows)
    blob = encode_batch(batch)
    recorded = real()
    real_batches = [batch_of(rng, recorded[start : start + 60]) for start in range(0, len(recorded) - 59, 60)]
    real_values = sum(b.values for b in real_batches)
    real_bytes = sum(len(encode_batch(b)) for b in real_batches)
    real_bound = sum(bound(b.raw) for b in real_batches)
    ten, rough = simulated(rng, 10), simulated(rng, 60, sigma_mv=1.0)
    return [
        ("ratio_to_entropy_60", len(blob) / bound(rows), "ratio"),
        ("ratio_to_entropy_60_real", real_bytes / real_bound if real_values else None, "ratio"),
        ("bytes_per_value_60_real", real_bytes / real_values if real_values else None, "B"),
        ("bytes_per_value_60_simulated", len(blob) / rows.size, "B"),
        ("bytes_per_value_10_simulated", len(encode_batch(batch_of(rng, ten))) / ten.size, "B"),
        ("bytes_per_value_60_normal_1mv", len(encode_batch(batch_of(rng, rough))) / rough.size, "B"),
        ("entropy_per_value_60_simulated", entropy_bytes(np.diff(rows, axis=0)) / rows.size, "B"),
        ("json_gzip_per_value_60", len(json_gzip(batch)) / rows.size, "B"),
        ("msgpack_rows_zstd_per_value_60", len(msgpack_rows(batch)) / rows.size, "B"),
        ("gorilla_xor_per_value_60", gorilla_bytes(rows / 1000) / rows.size, "B"),
        ("encode_values_per_s", rows.size / best_s(lambda: encode_batch(batch)), "values/s"),
        ("decode_values_per_s", rows.size / best_s(lambda: decode_batch(blob)), "values/s"),
    ]


def simulated(rng: np.random.Generator, n: int, sigma_mv: float | None = None) -> Int64s:
    """A quiet string, (n, 300): noise of -1, 0, +1 mV, or normal of `sigma_mv`."""
    cells = 3370 + rng.normal(0, 4, 240)
    noise = rng.integers(-1, 2, (n, 240)) if sigma_mv is None else rng.normal(0, sigma_mv, (n, 240))
    degrees = 250 + rng.normal(0, 5, 60) + rng.normal(0, 0.15, (n, 60))
    return np.concatenate([np.round(cells + noise), np.round(degrees)], axis=1).astype(np.int64)


def real() -> Int64s:
    """Frames of the measured pack as registers, (600, 123); no rows where the recording is not installed."""
    if not RECORDING.is_file():
        return np.zeros((0, 1), np.int64)
    with RECORDING.open() as file:
        names = file.readline().strip().split(",")
        table = np.loadtxt(file, delimiter=",", skiprows=REAL_START, max_rows=60 * REAL_BATCHES)
    steps = np.array([STEPS.get(name, 1.0) for name in names])
    rows: Int64s = np.round(table / steps).astype(np.int64)[:, 1:]
    return rows


def batch_of(rng: np.random.Generator, rows: Int64s, sequence: int = 123_456) -> Batch:
    """Rows as an agent seals them: noise for identities, one frame a second, stamps with jitter."""
    n = len(rows)
    boottime_ns = 86_400 * 10**9 + np.arange(n) * 10**9 + rng.normal(0, 500_000, n).astype(np.int64)
    return Batch(
        agent="site-12-box-3",
        epoch=EPOCH,
        sequence=sequence,
        unit="rack1/bmu1",
        schema=SCHEMA,
        boot_id=BOOT,
        boottime_ns=boottime_ns,
        utc_ns=boottime_ns + 1_790_000_000 * 10**9 + rng.normal(150, 40, n).astype(np.int64),
        clock=np.ones(n, np.uint8),
        raw=rows,
        quality=np.zeros(rows.shape, np.uint8),
    )


def entropy_bytes(symbols: Int64s) -> float:
    """Order-0 entropy: what no code that treats every symbol by itself can beat."""
    _, counts = np.unique(symbols, return_counts=True)
    share = counts / counts.sum()
    return float(-(share * np.log2(share)).sum() * symbols.size / 8)


def bound(rows: Int64s) -> float:
    """Bytes of the pooled differences at their entropy, and of one raw first row."""
    return entropy_bytes(np.diff(rows, axis=0)) + REGISTER_BYTES * int(rows.shape[1])


def json_gzip(batch: Batch) -> bytes:
    """What a gateway that posts JSON would send."""
    names = [f"value{i}" for i in range(batch.raw.shape[1])]
    frames = [
        {"unit": batch.unit, "utc_ns": t, "values": dict(zip(names, row, strict=True))}
        for t, row in zip(batch.utc_ns.tolist(), (batch.raw / 1000).tolist(), strict=True)
    ]
    return gzip.compress(json.dumps(frames).encode())


def msgpack_rows(batch: Batch) -> bytes:
    """The same values as msgpack rows of integers, zstd level 3."""
    rows = [[t, *row] for t, row in zip(batch.utc_ns.tolist(), batch.raw.tolist(), strict=True)]
    return zstandard.ZstdCompressor(level=3).compress(msgpack.packb(rows))


def gorilla_bytes(values: NDArray[np.float64]) -> float:
    """Bytes of Gorilla's XOR code (Pelkonen et al., VLDB 2015, 4.1.2), column by column, without times."""
    bits = 0
    for column in np.ascontiguousarray(values.T):
        words = struct.unpack(f"<{len(column)}Q", column.tobytes())
        bits += 64
        window = None
        for previous, word in pairwise(words):
            xor = previous ^ word
            if xor == 0:
                bits += 1
                continue
            leading = min(64 - xor.bit_length(), 31)
            trailing = (xor & -xor).bit_length() - 1
            if window and window[0] <= leading and window[1] <= trailing:
                bits += 2 + 64 - sum(window)
            else:
                window = (leading, trailing)
                bits += 2 + 5 + 6 + 64 - leading - trailing
    return bits / 8


def best_s(call: Callable[[], object]) -> float:
    """Seconds of one call, the best of several rounds: what the code needs on a free core."""
    best = float("inf")
    for _ in range(ROUNDS):
        start_s = time.perf_counter()
        for _ in range(CALLS):
            call()
        best = min(best, (time.perf_counter() - start_s) / CALLS)
    return best
