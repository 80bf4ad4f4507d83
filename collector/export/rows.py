"""Stored values as rows, one for each, in words that people and spreadsheets read."""

from collections.abc import Generator, Iterator
from datetime import UTC, datetime

import numpy as np

from agent.quality import NOT_READ, Quality
from agent.wire import CLOCK_REPAIRED, CLOCK_SIMULATED, CLOCK_SYNCHRONISED
from collector.export.blocks import Block, ExportSource, Wanted, blocks

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
Row = tuple[object, ...]


def clock_name(clock: int) -> str:
    """Whether a time is to be believed, in one word."""
    if clock & CLOCK_SIMULATED:
        return "simulated"
    if clock & CLOCK_REPAIRED:
        return "repaired"
    return "synchronised" if clock & CLOCK_SYNCHRONISED else "unsynchronised"


def utc_text(utc_ns: int) -> str:
    """ISO 8601 with milliseconds; the bare number where no calendar has such a time."""
    try:
        moment = datetime.fromtimestamp(utc_ns // 10**9, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{utc_ns} ns"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{utc_ns // 10**6 % 1000:03d}Z"


def rows(source: ExportSource, wanted: Wanted) -> Generator[Row, None, None]:
    """One row per value, under `HEADER`; where nothing was read, value and raw are ""."""
    for block in blocks(source, wanted):
        yield from _rows(block)


def _rows(block: Block) -> Iterator[Row]:
    n, m = block.raw.shape
    for i in range(n):
        stamp = (
            block.agent,
            block.unit,
            utc_text(int(block.utc_ns[i])),
            clock_name(int(block.clock[i])),
            int(block.boottime_ns[i]),
        )
        for j in range(m):
            code = int(block.quality[i, j])
            value = f"{block.si[i, j]:.9g}" if np.isfinite(block.si[i, j]) else ""
            raw = "" if code in NOT_READ else int(block.raw[i, j])
            yield (*stamp, block.places[j], block.names[j], value, block.units[j], raw, QUALITIES[code])
