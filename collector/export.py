"""Stored values as rows that any tool reads."""

import csv
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TextIO

import numpy as np

from agent.quality import NOT_READ, Quality
from agent.wire import CLOCK_SIMULATED, CLOCK_SYNCHRONISED, Batch
from collector.archive import Archive
from collector.reading import to_si

HEADER = (
    "agent",
    "unit",
    "utc",
    "clock",
    "boottime_ns",
    "place",
    "name",
    "value",
    "si_unit",
    "raw",
    "quality",
)
QUALITIES = [quality.name.lower() for quality in Quality]


def clock_name(clock: int) -> str:
    """Whether a time is to be believed, in one word."""
    if clock & CLOCK_SIMULATED:
        return "simulated"
    return "synchronised" if clock & CLOCK_SYNCHRONISED else "unsynchronised"


def utc_text(utc_ns: int) -> str:
    """ISO 8601 with milliseconds; the bare number where no calendar has such a time."""
    try:
        moment = datetime.fromtimestamp(utc_ns // 10**9, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{utc_ns} ns"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{utc_ns // 10**6 % 1000:03d}Z"


def export_csv(
    archive: Archive,
    out: TextIO = sys.stdout,
    agent: str | None = None,
    unit: str | None = None,
    from_ns: int | None = None,
    to_ns: int | None = None,
) -> int:
    """Write one row per value of the frames in [from_ns, to_ns); return how many.

    Where nothing was read, value and raw stay empty.
    """
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    count = 0
    for name, batch in archive.batches(agent, unit, from_ns, to_ns):
        for row in _rows(archive, name, batch, from_ns, to_ns):
            writer.writerow(row)
            count += 1
    return count


def _rows(
    archive: Archive, agent: str, batch: Batch, from_ns: int | None, to_ns: int | None
) -> Iterator[list[object]]:
    n, m = batch.raw.shape
    description = archive.description(batch.schema) or {}
    places, names, units = (_texts(description.get(key), m) for key in ("place", "name", "unit"))
    try:
        si = to_si(description, batch.raw, batch.quality)
    except (KeyError, ValueError, TypeError):  # no schema yet, or not one that fits: the raw numbers remain
        si = np.full((n, m), np.nan)
    for i in range(n):
        utc_ns = int(batch.utc_ns[i])
        if (from_ns is not None and utc_ns < from_ns) or (to_ns is not None and utc_ns >= to_ns):
            continue
        stamp = [
            agent,
            batch.unit,
            utc_text(utc_ns),
            clock_name(int(batch.clock[i])),
            int(batch.boottime_ns[i]),
        ]
        for j in range(m):
            code = int(batch.quality[i, j])
            value = "" if np.isnan(si[i, j]) else f"{si[i, j]:.9g}"
            raw = "" if code in NOT_READ else int(batch.raw[i, j])
            yield [*stamp, places[j], names[j], value, units[j], raw, QUALITIES[code]]


def _texts(column: object, m: int) -> list[str]:
    fits = isinstance(column, list) and len(column) == m
    return [str(text) for text in column] if fits and isinstance(column, list) else [""] * m
