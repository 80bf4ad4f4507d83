"""From a file and its map to frames: SI values at times, one `RecordedPart` per group (a test, a room)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.detect.channels import Floats
from agent.detect.settings import Settings
from agent.quality import Quality
from agent.replay.mapping import TIME_UNITS, Columns, MapError, RecordingMap, match_columns
from agent.replay.parts import Frames, JudgedChannel, PlainLayout
from agent.replay.table import Column, column_names, read_columns

#: A numeric time column without a unit: seconds, unless only a finer unit makes a date of it.
EPOCHS = ((1e17, "ns"), (1e14, "us"), (1e11, "ms"))
FINEST = 1e-4  # a difference between values below this share of their spread is not a register step
NAMED_SHARE = 0.5  # more rows than this at one time: the format is long


@dataclass(frozen=True, slots=True)
class RecordedPart:
    """The rows of one group: `t_s` (n,), `values` (n, channels) SI and NaN, `said` (n,) its own times."""

    group: str
    channels: tuple[JudgedChannel, ...]
    t_s: Floats
    values: Floats
    said: Column
    period_s: float
    chemistry: str

    @property
    def layout(self) -> PlainLayout:
        """The layout of the columns, for the detectors: no limits, no promises, no alarms of a unit's own."""
        return PlainLayout(self.channels)

    @property
    def settings(self) -> Settings:
        """How it is judged."""
        return Settings(chemistry=self.chemistry)

    def frames(self) -> Iterator[Frames]:
        """Give all frames. A raw code is the rank of a value among those of its column: it stands still
        where the value does.
        """
        raw = np.empty(self.values.shape, np.int64)
        for i, column in enumerate(self.values.T):
            raw[:, i] = np.unique(column, return_inverse=True)[1]
        quality = np.where(np.isnan(self.values), Quality.MISSING, Quality.GOOD).astype(np.uint8)
        yield Frames(self.t_s, self.said, raw, quality, self.values)

    def around(self, first_s: float, last_s: float) -> tuple[Floats, Floats]:
        """Return times and values in [first_s, last_s]."""
        shown = (self.t_s >= first_s) & (self.t_s <= last_s)
        return self.t_s[shown], self.values[shown]


def load_parts(path: Path, given: RecordingMap) -> list[RecordedPart]:
    """Read a recording by its map. Raises MapError where they do not fit."""
    names = column_names(path)
    chosen = {key: match_columns(columns.columns, names, key) for key, _, columns in given.quantities()}
    wanted = {name for columns in chosen.values() for name in columns}
    for key, named in (("time", given.time.column), ("sensor", given.sensor)):
        if named is not None:
            wanted.update(match_columns((named,), names, key))
    wanted.update(match_columns(given.group, names, "group") if given.group else ())
    table = read_columns(path, [name for name in names if name in wanted])
    rows = len(next(iter(table.values())))
    if rows == 0:
        raise MapError(f"{path.name}: holds no rows")
    t_s, said = _times(given, table, names, rows)
    parts = [
        _part(given, chosen, table, group, rows_of_it, t_s, said)
        for group, rows_of_it in _groups(given, table, names, rows)
    ]
    return [part for part in parts if len(part.t_s)]


def between(parts: list[RecordedPart], first: str | None, last: str | None) -> Iterator[RecordedPart]:
    """Give the parts with the rows from `first` up to `last`, in the recording's own time."""
    for part in parts:
        keep = np.ones(len(part.t_s), bool)
        for bound, is_first in ((first, True), (last, False)):
            if bound is None:
                continue
            limit = _bound(part, bound)
            keep &= part.said >= limit if is_first else part.said <= limit
        if keep.any():
            yield replace(part, t_s=part.t_s[keep], values=part.values[keep], said=part.said[keep])


def _bound(part: RecordedPart, text: str) -> Any:
    if part.said.dtype.kind == "M":
        return np.datetime64(datetime.fromisoformat(text).replace(tzinfo=None))
    return float(text)


def _times(
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
    size = float(np.nanmedian(np.abs(column)))
    unit: str = given.time.unit or next((u for least, u in EPOCHS if size > least), "s")
    return column * TIME_UNITS[unit], column


FORMATS = (
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%d-%b-%Y %H:%M:%S", "%H:%M:%S",
)  # fmt: skip


def _parsed(name: str, column: Column) -> Column:
    """Read timestamps written as text: ISO 8601, else the first of FORMATS that fits all rows."""
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
        f"time: column {name!r} holds {text!r}, which is neither a number nor a timestamp like"
        " 2025-09-26 20:15:00; is it the right column?"
    )


def _groups(
    given: RecordingMap, table: dict[str, Column], names: list[str], rows: int
) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Give each group's name and rows, in order of first appearance."""
    if not given.group:
        yield "", np.arange(rows)
        return
    labels = np.array([""] * rows, dtype=object)
    for name in match_columns(given.group, names, "group"):
        labels = np.array([_joined(a, _word(b)) for a, b in zip(labels, table[name], strict=True)], object)
    unique, first, which = np.unique(labels.astype(str), return_index=True, return_inverse=True)
    order = np.argsort(which, kind="stable")
    bounds = np.searchsorted(which[order], np.arange(len(unique) + 1))
    for g in np.argsort(first, kind="stable"):
        yield str(unique[g]), order[bounds[g] : bounds[g + 1]]


def _joined(a: str, b: str) -> str:
    return f"{a}/{b}" if a else b


def _word(value: Any) -> str:
    """Write a label as people do: 422, not 422.0."""
    if isinstance(value, (float, np.floating)):
        return "" if math.isnan(value) else f"{value:g}"
    return str(value)


def _part(
    given: RecordingMap,
    chosen: dict[str, list[str]],
    table: dict[str, Column],
    group: str,
    rows: NDArray[np.int64],
    t_s: Floats,
    said: Column,
) -> RecordedPart:
    known = ~np.isnan(t_s[rows])
    rows = rows[known]
    if given.sensor is not None or _is_absolute(t_s[rows], said):
        rows = rows[np.argsort(t_s[rows], kind="stable")]
    columns: list[tuple[str, str, Columns, Floats]] = []
    for key, quantity, mapped in given.quantities():
        for name in chosen[key]:
            columns.append((name, quantity, mapped, _si(name, table[name][rows], mapped)))
    if given.sensor is None:
        _refuse_long(group, t_s[rows])
        values = np.column_stack([values for *_, values in columns])
        labels = [(name, quantity, mapped) for name, quantity, mapped, _ in columns]
        times, at = t_s[rows], said[rows]
    else:
        words = np.array([_word(v) for v in table[given.sensor][rows]])
        labels, values, first = _pivot(columns, words)
        times, at = t_s[rows][first], said[rows][first]
    channels = tuple(
        JudgedChannel(name, quantity, mapped.step or _step(values[:, i]))
        for i, (name, quantity, mapped) in enumerate(labels)
    )
    return RecordedPart(group, channels, times, values, at, _period(times), given.chemistry or "")


def _si(name: str, column: Column, mapped: Columns) -> Floats:
    if column.dtype.kind not in "fiu":
        raise MapError(f"column {name!r} holds {str(column[0])!r}, not numbers; is it the right column?")
    raw = column.astype(np.float64)
    scale, offset = mapped.factors()
    values: Floats = np.where(np.isin(raw, mapped.missing), np.nan, raw * scale + offset)
    values[~np.isfinite(values)] = np.nan
    return values


def _is_absolute(t_s: Floats, said: Column) -> bool:
    """Is it a date, which cannot begin again, rather than the seconds of a test."""
    return said.dtype.kind == "M" or bool(len(t_s) and np.median(t_s) > 1e8)


def _refuse_long(group: str, t_s: Floats) -> None:
    same = float(np.mean(np.diff(t_s) == 0)) if len(t_s) > 10 else 0.0
    if same > NAMED_SHARE:
        where = f" in group {group!r}" if group else ""
        raise MapError(
            f"{100 * same:.0f} % of the rows{where} have the time of the row before: one row per sensor?"
            ' Then name the column that tells them apart: sensor = "COLUMN" (siblings), or group = "COLUMN"'
            " (separate tests or rooms)."
        )


def _pivot(
    columns: list[tuple[str, str, Columns, Floats]], words: NDArray[np.str_]
) -> tuple[list[tuple[str, str, Columns]], Floats, NDArray[np.int64]]:
    """Long to wide: a frame ends when one of its sensors speaks again."""
    sensors, which = np.unique(words, return_inverse=True)
    frame = np.zeros(len(words), np.int64)
    spoken: set[int] = set()
    current = 0
    for i, s in enumerate(which.tolist()):
        if s in spoken:
            current += 1
            spoken = set()
        spoken.add(s)
        frame[i] = current
    wide = np.full((current + 1 if len(words) else 0, len(columns) * len(sensors)), np.nan)
    labels = []
    for k, (name, quantity, mapped, values) in enumerate(columns):
        wide[frame, k * len(sensors) + which] = values
        labels += [(str(s) if len(columns) == 1 else f"{s}/{name}", quantity, mapped) for s in sensors]
    first = np.searchsorted(frame, np.arange(len(wide)), side="left")
    return labels, wide, first


def _step(values: Floats) -> float:
    """Return the size of one register step as the values show it; 0 where they show none."""
    seen = np.unique(np.round(values[np.isfinite(values)], 7))
    if len(seen) < 3:
        return float(seen[1] - seen[0]) if len(seen) == 2 else 0.0
    gaps = np.diff(seen)
    gaps = gaps[gaps > FINEST * (seen[-1] - seen[0]) / len(seen)]
    return float(np.quantile(gaps, 0.05)) if len(gaps) else 0.0


def _period(t_s: Floats) -> float:
    gaps = np.diff(t_s)
    gaps = gaps[gaps > 0]
    return float(np.median(gaps)) if len(gaps) else 1.0
