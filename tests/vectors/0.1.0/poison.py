"""Make poisoned.db anew: python poison.py FILE, with the collector package of 0.1.0 importable.

An archive with what 0.1.0 took although nobody can read it, or should believe it; one agent for each kind.
The honest one comes last, where an export that dies never gets.
"""

import sys
import time
from pathlib import Path

import numpy as np

from agent.wire import Batch, Limits, Request, encode_batch
from agent.wire.schema import encode_schema
from collector.admission import admit
from collector.sink_sqlite import Sink

HUGE, NAN = 2**64 - 1, float("nan")
S = 10**9
GOOD = {
    "name": ["cell_voltage", "current"],
    "place": ["string1/cell1", "string1"],
    "unit": ["V", "A"],
    "quantity": ["cell_voltage", "current"],
    "reading": [0, 0],
    "raw_offset": [0, 0],
    "scale": [0.001, 0.1],
    "offset": [0.0, 0.0],
}
OTHER = b"o" * 16
GAPS = ([[1, 2**63 - 1]], [[5, 2]], [[-5, -2]], [[0, 0]], "all", [[1, HUGE]], [])


def batch(agent: str, **changes: object) -> Batch:
    n, m = changes.pop("shape", (3, 2))
    times = np.arange(n, dtype=np.int64) * S + 5_000 * S
    fields = {
        "agent": agent,
        "epoch": agent.encode().ljust(16, b".")[:16],
        "sequence": 1,
        "unit": "rack1/bmu1",
        "schema": None,
        "boot_id": agent.encode().ljust(16, b"b")[:16],
        "boottime_ns": times,
        "utc_ns": times + 1_790_000_000 * S,
        "clock": np.zeros(n, np.uint8),
        "raw": np.full((n, m), 3300, np.int64),
        "quality": np.zeros((n, m), np.uint8),
    }
    return Batch(**{**fields, **changes})


def event_batch(agent: str, *events: dict[str, object], **changes: object) -> Batch:
    none, nothing = np.zeros(0, np.int64), np.zeros(0, np.uint8)
    empty = {"boottime_ns": none, "utc_ns": none, "clock": nothing, "unit": "", "shape": (0, 0)}
    return batch(agent, **{**empty, "events": events, **changes})


def main(path: Path) -> None:
    sink = Sink(path, time.time_ns)

    def give(made: Batch, *schemas: bytes) -> None:
        request = Request(made.agent, made.epoch, [(made.sequence, encode_batch(made))], list(schemas))
        stored = sink.store(admit(request, Limits()))
        assert not stored.acknowledgement.refused, stored.acknowledgement.refused

    for name, changes in {
        "reading-9": {"reading": [9, 0]},
        "reading-huge": {"reading": [HUGE, 0]},
        "reading-text": {"reading": ["0", "1"]},
        "reading-bool": {"reading": [True, False]},
        "reading-nested": {"reading": [[0], 0]},
        "scale-nan": {"scale": [NAN, 1.0]},
        "scale-text": {"scale": ["a", 1]},
        "scale-1e308": {"scale": [1e308, 1e308]},
        "offset-inf": {"offset": [float("inf"), 0.0]},
        "one-for-all": {"reading": [0], "scale": [0.5], "raw_offset": [0], "offset": [0]},
        "unequal": {"place": ["a"]},
        "names-ints": {"name": [1, 2]},
        "nil": {"scale": None},
        "formulas": {"name": ["=1+1", "@x"], "place": ["-2+3", "+4"], "unit": ["\t=1", "a\nb"]},
    }.items():
        digest, body = encode_schema({**GOOD, **changes})
        give(batch(name, schema=digest), body)
    digest, body = encode_schema({})
    give(batch("empty-schema", schema=digest), body)
    digest, body = encode_schema(GOOD)
    give(batch("three-values", schema=digest, shape=(3, 3)), body)
    give(batch("=cmd|'/c calc'!A0", schema=digest, unit="=rack/unit"))
    give(batch("liar\nhonest epoch 00: sealed 9 = stored 9: balanced\x1b[31m", schema=digest, unit="a\0\n/b"))
    give(batch("no-unit", schema=digest, unit=""))
    give(batch("backwards", schema=digest, boottime_ns=np.array([9, 5, 1], np.int64) * S))
    ends = np.array([-(2**63), 0, 2**63 - 1], np.int64)
    give(batch("times", schema=digest, boottime_ns=ends, utc_ns=ends))
    give(batch("clock-bits", schema=digest, clock=np.full(3, 0x7E, np.uint8)))
    give(batch("last", schema=digest, sequence=2**63 - 1))
    for index, offset in enumerate((HUGE, 2**63, -(2**63), 2**63 - 1, "z", None, NAN)):
        name = f"offset-{index}"
        boot_id = batch(name, schema=digest).boot_id
        record = {"kind": "clock_offset", "boot_id": boot_id, "boottime_ns": 5, "offset_ns": offset}
        give(batch(name, schema=digest, events=(record,)))
    give(event_batch("numbers", {"kind": "alarm", "value": NAN, "limit": float("inf"), "count": HUGE}))
    give(event_batch("wrong", {"kind": "alarm", "text": [], "state": {}, "boottime_ns": "x"}, {"kind": ""}))
    for index, ranges in enumerate(GAPS):
        events = [{"kind": "gap", "ranges": ranges, "reason": "x", **more} for more in ({}, {"epoch": OTHER})]
        give(event_batch(f"gap-{index}", *events, sequence=7))
    give(event_batch("gap-late", {"kind": "gap", "epoch": b"short", "reason": {"a": 1}}, sequence=9))
    digest, body = encode_schema(GOOD)
    give(batch("zz-honest", schema=digest), body)
    sink._db.execute("VACUUM")
    sink.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
