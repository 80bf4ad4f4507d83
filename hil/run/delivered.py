"""What came to the collector: frames and alarms read back from its database by the wire format's own code."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from agent.quality import Quality
from agent.wire import Batch, decode_batch, decode_schema
from drivers.values import Reading
from hil.plant.source import Floats


def _rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()


def account(buffer: Path, collector: Path) -> dict[str, int]:
    """The account of both ends, after the agent has ended."""
    ((sealed, frames, acknowledged, dropped),) = _rows(
        buffer, "SELECT last_sequence, frames, acknowledged, dropped FROM account, upstream"
    )
    ((held, duplicates),) = _rows(
        collector, "SELECT coalesce(sum(frames), 0), coalesce(sum(duplicates), 0) FROM stream"
    )
    return {
        "sealed": sealed,
        "frames": frames,
        "acknowledged": acknowledged,
        "dropped": dropped,
        "pending": sealed - acknowledged - dropped,
        "collector_frames": held,
        "duplicates": duplicates,
    }


def batches(collector: Path) -> Iterator[tuple[Batch, dict[str, Any]]]:
    """Every batch with frames, with the description that says how to read it, in the order of sealing."""
    descriptions = {
        h: decode_schema(body)[1] for h, body in _rows(collector, "SELECT hash, body FROM schema")
    }
    for (blob,) in _rows(collector, "SELECT blob FROM batch WHERE frames > 0 ORDER BY epoch, sequence"):
        batch = decode_batch(blob)
        yield batch, descriptions[batch.schema]


def alarms(collector: Path) -> list[dict[str, Any]]:
    """The alarm records, in the order in which they were sealed."""
    found = _rows(
        collector, "SELECT unit, record FROM event WHERE kind = 'alarm' ORDER BY epoch, sequence, position"
    )
    return [{**json.loads(record), "unit": unit} for unit, record in found]


def to_si(description: dict[str, Any], batch: Batch) -> Floats:
    """SI values (frames, n); NaN where nothing good was read. See docs/wire-format.md."""
    number = batch.raw.astype(np.float64)
    for i, reading in enumerate(description["reading"]):
        if reading == Reading.FLOAT_32:
            number[:, i] = batch.raw[:, i].astype(np.int32).view(np.float32)
        elif reading == Reading.FLOAT_64:
            number[:, i] = np.ascontiguousarray(batch.raw[:, i]).view(np.float64)
        elif reading == Reading.UNSIGNED_64:
            number[:, i] += np.where(batch.raw[:, i] < 0, 2.0**64, 0.0)
    raw_offset, scale, offset = (np.array(description[k], float) for k in ("raw_offset", "scale", "offset"))
    si: Floats = (number + raw_offset) * scale + offset
    return np.where(batch.quality == Quality.GOOD, si, np.nan)
