"""Stored values as rows that any tool reads, from a collector's database or from an agent's buffer."""

import csv
import sqlite3
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from agent.quality import NOT_READ, Quality
from agent.wire import CLOCK_REPAIRED, CLOCK_SIMULATED, CLOCK_SYNCHRONISED, Batch
from agent.wire.schema import unusable, width
from agent.wire.si import to_si
from agent.wire.text import cell

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
KINDS = {"boottime_ns": "INTEGER", "value": "REAL", "raw": "INTEGER"}  # in SQLite; the rest is TEXT
ROWS_AT_ONCE = 10_000
OF_AGENTS = ("agent", "unit", "place", "name", "si_unit")  # columns of text that an agent chose
Row = tuple[object, ...]


class ExportError(Exception):
    """The output cannot be written."""


class ExportSource(Protocol):
    """What values are read from. `tell`: takes a line for each thing that cannot be read, and why."""

    tell: Callable[[str], None]

    def batches(
        self, agent: str | None, unit: str | None, from_ns: int | None, to_ns: int | None
    ) -> Iterator[tuple[str, Batch]]:
        """Batches with frames that may lie in [from_ns, to_ns), as (agent, batch), in time order."""

    def description(self, digest: bytes | None) -> dict[str, Any] | None:
        """The content of a schema."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which values: of one agent, of one unit, of frames in [from_ns, to_ns); None: whatever there is."""

    agent: str | None = None
    unit: str | None = None
    from_ns: int | None = None
    to_ns: int | None = None


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


def export(source: ExportSource, form: str, output: Path | None, wanted: Wanted) -> int:
    """Write one row per value as `form` csv or sqlite; return how many. Raises ExportError.

    Where nothing was read, value and raw stay empty. BrokenPipeError: nobody reads the output.
    """
    if form == "sqlite" and output is None:
        raise ExportError("a database needs a file: give --output FILE")
    try:
        if output is not None:
            output.touch(exist_ok=False)  # nothing is ever overwritten
        write = _write_sqlite if form == "sqlite" else _write_csv
        with closing(rows(source, wanted)) as found:  # before its source is
            return write(found, output)
    except (OSError, sqlite3.Error) as error:
        if output is None and isinstance(
            error, OSError
        ):  # nobody reads standard output any more, or its disk is full: `collector.pipe`
            raise
        raise ExportError(f"{output or 'export'}: {getattr(error, 'strerror', None) or error}") from error


def _write_csv(found: Iterator[Row], output: Path | None) -> int:
    count, of_agents = 0, {HEADER.index(name) for name in OF_AGENTS}
    with nullcontext(sys.stdout) if output is None else output.open("w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(HEADER)
        for count, row in enumerate(found, 1):  # noqa: B007 - the last one counts
            writer.writerow(cell(str(x)) if i in of_agents else x for i, x in enumerate(row))
        out.flush()
    return count


def _write_sqlite(found: Iterator[Row], output: Path | None) -> int:
    """One table `value` with the columns of the CSV; "" is NULL."""
    count = 0
    with closing(sqlite3.connect(str(output), isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("BEGIN")
        columns = [f"{name} {KINDS.get(name, 'TEXT')}" for name in HEADER]
        db.execute(f"CREATE TABLE value ({', '.join(columns)})")
        marks = ", ".join("nullif(?, '')" for _ in HEADER)
        while some := list(islice(found, ROWS_AT_ONCE)):
            db.executemany(f"INSERT INTO value VALUES ({marks})", some)
            count += len(some)
        db.execute("CREATE INDEX value_point ON value (unit, name, place, utc)")
        db.execute("COMMIT")
    return count


def rows(source: ExportSource, wanted: Wanted) -> Generator[Row, None, None]:
    """One row per value, under `HEADER`."""
    for agent, batch in source.batches(wanted.agent, wanted.unit, wanted.from_ns, wanted.to_ns):
        yield from _rows(source, agent, batch, wanted)


def _rows(source: ExportSource, agent: str, batch: Batch, wanted: Wanted) -> Iterator[Row]:
    n, m = batch.raw.shape
    description = source.description(batch.schema) or {}
    places, names, units = (_texts(description.get(key), m) for key in ("place", "name", "unit"))
    try:
        si = to_si(description, batch.raw, batch.quality)
    except (KeyError, ValueError, TypeError):  # no schema yet, or not one that fits: the raw numbers remain
        si = np.full((n, m), np.nan)
        if description and not unusable(description):
            source.tell(
                f"{agent} epoch {batch.epoch.hex()} batch {batch.sequence} stays raw numbers: {m} values in a"
                f" frame, its schema describes {width(description)}"
            )
    for i in range(n):
        utc_ns = int(batch.utc_ns[i])
        if (wanted.from_ns is not None and utc_ns < wanted.from_ns) or (
            wanted.to_ns is not None and utc_ns >= wanted.to_ns
        ):
            continue
        stamp = (
            agent,
            batch.unit,
            utc_text(utc_ns),
            clock_name(int(batch.clock[i])),
            int(batch.boottime_ns[i]),
        )
        for j in range(m):
            code = int(batch.quality[i, j])
            value = f"{si[i, j]:.9g}" if np.isfinite(si[i, j]) else ""
            raw = "" if code in NOT_READ else int(batch.raw[i, j])
            yield (*stamp, places[j], names[j], value, units[j], raw, QUALITIES[code])


def _texts(column: object, m: int) -> list[str]:
    fits = isinstance(column, list) and len(column) == m
    return [str(text) for text in column] if fits and isinstance(column, list) else [""] * m
