"""Stored values as a table: a row for each, in words that people and spreadsheets read."""

from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from agent.quality import NOT_READ, Quality
from agent.wire import CLOCK_REPAIRED, CLOCK_SIMULATED, CLOCK_SYNCHRONISED
from collector.export.blocks import Block, ExportSource, Wanted, blocks
from collector.export.table import Part, Row, Table, Words

#: What is exported of a value, and of which kind it is.
COLUMNS = {
    "agent": "chosen",
    "unit": "chosen",
    "utc": "time",
    "clock": "text",
    "boottime_ns": "int",
    "place": "chosen",
    "name": "chosen",
    "value": "real",
    "si_unit": "chosen",
    "raw": "int",
    "quality": "text",
}
HEADER = tuple(COLUMNS)
_NOT_READ = np.isin(np.arange(256), sorted(NOT_READ))  # by quality
QUALITIES = [quality.name.lower() for quality in Quality]


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


def values(source: ExportSource, wanted: Wanted) -> Table:
    """Stored values as a table."""

    def parts() -> Generator[Part, None, None]:
        with closing(blocks(source, wanted)) as found:  # before its source is
            yield from map(_part, found)

    return Table("value", COLUMNS, lambda: rows(source, wanted), parts, _nothing)


def _part(block: Block) -> Part:
    n, m = block.raw.shape
    frames, points, alone = np.repeat(np.arange(n), m), np.tile(np.arange(m), n), np.zeros(n * m, np.int64)
    return {
        "agent": Words([block.agent], alone),
        "unit": Words([block.unit], alone),
        "utc": block.utc_ns[frames],
        "clock": Words([clock_name(int(one)) for one in block.clock], frames),
        "boottime_ns": block.boottime_ns[frames],
        "place": Words(block.places, points),
        "name": Words(block.names, points),
        "value": block.si.ravel(),
        "si_unit": Words(block.units, points),
        "raw": block.raw.ravel(),
        "quality": Words(QUALITIES, block.quality.ravel()),
    }


def _nothing(part: Part) -> dict[str, NDArray[np.bool_]]:
    value, quality = part["value"], part["quality"]
    assert isinstance(value, np.ndarray)
    assert isinstance(quality, Words)
    return {"value": ~np.isfinite(value), "raw": _NOT_READ[quality.numbers]}


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
