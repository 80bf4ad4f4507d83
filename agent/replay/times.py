"""When each row of a recording was: seconds, and the times as the recording says them."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.detect.channels import Floats
from agent.replay.mapping import TIME_UNITS, MapError, RecordingMap, match_columns
from agent.replay.table import Column, no_number

#: A numeric time column without a unit: seconds, unless only a finer unit makes a date of it.
EPOCHS = ((1e17, "ns"), (1e14, "us"), (1e11, "ms"))
#: Periods of rows that no recording has, s: a time column in another unit looks like one that does.
SHORTEST_S, LONGEST_S = 0.02, 3600.0
SPREADSHEET = (
    20_000.0,
    80_000.0,
)  # days since 1899-12-30, as spreadsheets write a date between 1954 and 2119


def times_of(
    given: RecordingMap, table: dict[str, Column], names: list[str], rows: int
) -> tuple[Floats, Column]:
    """Return seconds, and the times as the recording says them."""
    if given.time.column is None:
        t_s: Floats = np.arange(rows, dtype=np.float64) * float(given.time.period_s or 1.0)
        return t_s, t_s
    (name,) = match_columns((given.time.column,), names, "time")
    column = table[name]
    if column.dtype.kind == "U":
        column = _parsed(name, column)
    if column.dtype.kind == "M":
        t_s = column.astype("datetime64[ns]").astype(np.int64) / 1e9
        return np.where(np.isnat(column), np.nan, t_s), column
    size = float(np.nanmedian(np.abs(column))) if np.isfinite(column).any() else 0.0
    unit: str = given.time.unit or next((u for least, u in EPOCHS if size > least), "s")
    return column * TIME_UNITS[unit], column


FORMATS = (
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%d-%b-%Y %H:%M:%S", "%H:%M:%S",
)  # fmt: skip


def _parsed(name: str, column: Column) -> Column:
    """Read timestamps written as text: ISO 8601, else the first of FORMATS that fits all rows."""
    row, text, n = no_number(column)
    if 2 * n < len(column):
        raise MapError(
            f"time: column {name!r} holds {text!r} in row {row} under the names, and numbers else ({n:,} of"
            f" {len(column):,} rows are like that): delete what is no reading, such as units or sums"
        )
    form = None
    stamps = np.full(len(column), np.datetime64("NaT"), "datetime64[ns]")
    for i, text in enumerate(column):
        if not text:
            continue
        try:
            moment = datetime.strptime(text, form) if form else datetime.fromisoformat(text)
        except ValueError:
            moment, form = _by_format(name, text)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        stamps[i] = np.datetime64(moment)
    return stamps


def _by_format(name: str, text: str) -> tuple[datetime, str]:
    for form in FORMATS:
        try:
            return datetime.strptime(text, form), form
        except ValueError:
            continue
    raise MapError(
        f"time: column {name!r} holds {str(text)!r}, which is neither a number nor a timestamp like"
        " 2025-09-26 20:15:00; is it the right column, or a row of units?"
    )


def is_absolute(t_s: Floats, said: Column) -> bool:
    """Is it a date, which cannot begin again, rather than the seconds of a test."""
    return said.dtype.kind == "M" or bool(len(t_s) and np.median(t_s) > 1e8)


def in_order(t_s: Floats, sorted_anyway: bool) -> tuple[NDArray[np.int64], int]:
    """Return the order in which to judge rows, and how many lay before the row above them.

    A date cannot begin again, and rows that mostly go back were written newest first; the seconds of a test
    may begin again.
    """
    back = int(np.count_nonzero(np.diff(t_s) < 0))
    if sorted_anyway or 2 * back > len(t_s):
        return np.argsort(t_s, kind="stable"), back
    return np.arange(len(t_s)), 0


def period_of(t_s: Floats) -> float:
    """Return how far rows are apart in time, s."""
    gaps = np.diff(t_s)
    gaps = gaps[gaps > 0]
    return float(np.median(gaps)) if len(gaps) else 1.0


def wrong_unit(given: RecordingMap, said: Column, period_s: float) -> str:
    """Return what is wrong with a time column of numbers whose unit nobody says; "": nothing."""
    guessed = given.time.column is not None and given.time.unit is None and said.dtype.kind == "f"
    if not guessed or SHORTEST_S <= period_s <= LONGEST_S:
        return ""
    likely = ("ms", "us", "ns") if period_s > LONGEST_S else ("h", "d")
    unit = next((u for u in likely if 1.0 <= period_s * TIME_UNITS[u] <= 600.0), "")
    unit = unit or next((u for u in likely if 0.05 <= period_s * TIME_UNITS[u] <= 600.0), likely[0])
    if period_s < SHORTEST_S and SPREADSHEET[0] <= float(np.nanmedian(said)) <= SPREADSHEET[1]:
        unit = "d"
    return (
        f"rows would come every {period_s:,.4g} s: is {given.time.column!r} in another unit than seconds?"
        f' time = {{ column = "{given.time.column}", unit = "{unit}" }} makes it'
        f" {period_s * TIME_UNITS[unit]:,.4g} s"
    )


def in_its_words(said: Any) -> Any:
    """Return a recording's own time: a number as it has it, or ISO 8601."""
    if isinstance(said, np.datetime64):
        moment = datetime.fromtimestamp(int(said.astype("datetime64[us]").astype(np.int64)) / 1e6, UTC)
        return moment.replace(tzinfo=None).isoformat(
            timespec="milliseconds" if moment.microsecond else "seconds"
        )
    return float(said)
