"""From a file and its map to frames: SI values at times, one `RecordedPart` per group (a test, a room)."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.detect.channels import Flags, Floats
from agent.detect.kernels.measured import POSSIBLE
from agent.detect.places import TEMPERATURES
from agent.detect.settings import Settings
from agent.quality import Quality
from agent.replay.long_format import (
    LOOKED_AT,
    Labels,
    braided,
    pivot,
    refuse_same_times,
    without_repeats,
)
from agent.replay.mapping import Columns, MapError, RecordingMap, match_columns
from agent.replay.parts import Frames, JudgedChannel, PlainLayout
from agent.replay.sayings import Sayings
from agent.replay.table import Column, column_names, no_number, read_columns
from agent.replay.times import in_order, is_absolute, period_of, times_of, wrong_unit
from agent.replay.warnings import Reports, numbered
from collector.moment import said

#: No register step of these is larger, SI: a column of two readings is no register.
COARSEST = {
    **dict.fromkeys((*TEMPERATURES, "ambient_temperature"), 1.0), "cell_voltage": 0.1, "module_voltage": 1.0
}  # fmt: skip
FINEST = 1e-4  # a difference between values below this share of their spread is not a register step
WARNINGS = "alarm_bits"  # the quantity of what the unit itself reports
_CODE = np.inf  # in the place of a value until its part is made
_NOTHING_SAID = Sayings((), {}, {})


@dataclass(frozen=True, slots=True)
class RecordedPart:
    """The rows of one group: `t_s` (n,), `values` (n, channels) SI and NaN, `said` (n,) its own times.

    sayings: what the unit itself reports in its columns of warnings. coded (n, channels): where it holds a
    code of the map's `missing`, None: nowhere; what is NaN and no code was not recorded.
    """

    group: str
    channels: tuple[JudgedChannel, ...]
    t_s: Floats
    values: Floats
    said: Column
    period_s: float
    settings: Settings
    sayings: Sayings = _NOTHING_SAID
    coded: Flags | None = None

    @property
    def layout(self) -> PlainLayout:
        """The layout of the columns, for the detectors: no limits and no promises."""
        layout = PlainLayout(self.channels)
        layout.say(self.sayings)
        return layout

    @property
    def first_days(self) -> None:
        """None: a recording's times are not believed as an agent's are."""

    def frames(self) -> Iterator[Frames]:
        """Give all frames. A raw code is the rank of a value among those of its column: it stands still
        where the value does. What the unit reports is the number itself.
        """
        raw = np.empty(self.values.shape, np.int64)
        for i, column in enumerate(self.values.T):
            number = self.channels[i].quantity == WARNINGS
            raw[:, i] = np.nan_to_num(column) if number else np.unique(column, return_inverse=True)[1]
        quality = np.where(np.isnan(self.values), Quality.NO_REPLY, Quality.GOOD).astype(np.uint8)
        if self.coded is not None:
            quality[self.coded] = Quality.MISSING
        yield Frames(self.t_s, self.said, raw, quality, self.values)

    def around(self, first_s: float, last_s: float) -> tuple[Floats, Floats]:
        """Return times and values in [first_s, last_s]."""
        shown = (self.t_s >= first_s) & (self.t_s <= last_s)
        return self.t_s[shown], self.values[shown]


def load_parts(path: Path, given: RecordingMap, notes: list[str] | None = None) -> list[RecordedPart]:
    """Read a recording by its map. Raises MapError where they do not fit.

    notes: takes what is odd in its rows, and what was done about it.
    """
    names = column_names(path)
    chosen = {key: match_columns(columns.columns, names, key) for key, _, columns in given.quantities()}
    if given.warnings is not None:
        chosen["warnings"] = match_columns(given.warnings.columns, names, "warnings")
    wanted = {name for columns in chosen.values() for name in columns}
    for key, named in (("time", given.time.column), ("sensor", given.sensor)):
        if named is not None:
            wanted.update(match_columns((named,), names, key))
    wanted.update(match_columns(given.group, names, "group") if given.group else ())
    table = read_columns(path, [name for name in names if name in wanted])
    rows = len(next(iter(table.values())))
    if rows < 2:
        holds = "holds one row" if rows else "holds no rows under its header"
        raise MapError(f"{path.name}: {holds}: a recording needs a row per reading, best a day of them")
    for key, _, _ in given.quantities():
        for name in chosen[key]:
            _must_be_numbers(name, table[name])
    perhaps = ""
    others = [name for name in names if name not in wanted]
    if others and given.sensor is None and not given.group:
        measured = {name: table[name] for key, _, _ in given.quantities() for name in chosen[key]}
        perhaps = braided(read_columns(path, others, LOOKED_AT), measured)
    t_s, said = times_of(given, table, names, rows)
    if not np.isfinite(t_s).any():
        raise MapError(f"time: no row of column {given.time.column!r} has a time; is it the right column?")
    reports = {}
    for name in chosen.get("warnings", ()):
        assert given.warnings is not None
        table[name], reports[name] = numbered(name, table[name], given.warnings)
    found: Counter[str] = Counter(untimed=int(np.count_nonzero(np.isnan(t_s))))
    parts = [
        _part(given, chosen, reports, table, group, rows_of_it, t_s, said, found)
        for group, rows_of_it in _groups(given, table, names, rows)
    ]
    parts = [part for part in parts if len(part.t_s)]
    if notes is not None:
        notes += [words.format(found[kind]) for kind, words in ODDITIES.items() if found[kind]]
        notes += [words for words in (perhaps, wrong_unit(given, said, parts[0].period_s)) if words]
    return parts


#: What is odd in rows, and what was done about it.
ODDITIES = {
    "untimed": "{:,} rows have no time and were left out",
    "sorted": "{:,} rows lay before the row above them: sorted by time",
    "repeated": "{:,} rows repeat a sensor at one time: the last of each counts",
}


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
            coded = None if part.coded is None else part.coded[keep]
            yield replace(
                part, t_s=part.t_s[keep], values=part.values[keep], said=part.said[keep], coded=coded
            )


def _bound(part: RecordedPart, text: str) -> Any:
    if part.said.dtype.kind == "M":
        return np.datetime64(said(text, datetime.now().astimezone()).replace(tzinfo=None))
    return float(text)


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
    reports: dict[str, Reports],
    table: dict[str, Column],
    group: str,
    rows: NDArray[np.int64],
    t_s: Floats,
    said: Column,
    found: Counter[str],
) -> RecordedPart:
    rows = rows[~np.isnan(t_s[rows])]
    order, back = in_order(t_s[rows], given.sensor is not None or is_absolute(t_s[rows], said))
    rows = rows[order]
    found["sorted"] += back if given.sensor is None else 0
    words: NDArray[np.str_] = np.array([], str)
    if given.sensor is not None:
        words = np.array([_word(v) for v in table[given.sensor][rows]])
        kept = without_repeats(t_s[rows], words, found)
        rows, words = rows[kept], words[kept]
    columns: list[tuple[str, str, Columns | Reports, Floats]] = []
    for key, quantity, mapped in given.quantities():
        for name in chosen[key]:
            columns.append((name, quantity, mapped, _si(table[name][rows], mapped)))
    columns += [(name, WARNINGS, of, table[name][rows]) for name, of in reports.items()]
    labels: Labels
    if given.sensor is None:
        refuse_same_times(group, t_s[rows])
        values = np.column_stack([values for *_, values in columns])
        labels = [(name, quantity, mapped) for name, quantity, mapped, _ in columns]
        times, at = t_s[rows], said[rows]
    else:
        labels, values, first = pivot(columns, words)
        times, at = t_s[rows][first], said[rows][first]
    channels = tuple(
        JudgedChannel(name, quantity, mapped.step or _step(values[:, i], quantity))
        for i, (name, quantity, mapped) in enumerate(labels)
    )
    reported = {i: mapped for i, (*_, mapped) in enumerate(labels) if isinstance(mapped, Reports)}
    sayings = Sayings(
        [name for name, *_ in labels],
        {i: of.bits for i, of in reported.items()},
        {i: of.numbers for i, of in reported.items()},
    )
    coded = values == _CODE
    values[coded] = np.nan
    return RecordedPart(
        group, channels, times, values, at, period_of(times), given.settings(), sayings, coded
    )


def _must_be_numbers(name: str, column: Column) -> None:
    if column.dtype.kind not in "fiu":
        row, text, n = no_number(column)
        raise MapError(
            f"column {name!r} holds {text!r} in row {row} under the names, not numbers ({n:,} of"
            f" {len(column):,} rows are like that): another column, a row of units (delete it), a word for no"
            " value (leave it empty), or a separator of thousands (leave it out)?"
        )


def _si(column: Column, mapped: Columns) -> Floats:
    raw = column.astype(np.float64)
    scale, offset = mapped.factors()
    values: Floats = raw * scale + offset
    values[~np.isfinite(values)] = np.nan
    values[np.isin(raw, mapped.missing)] = _CODE
    return values


def _step(values: Floats, quantity: str) -> float:
    """Return the size of one register step as the values that can be show it; 0 where they show none.

    Few values are far apart: no register is coarser than COARSEST.
    """
    return min(_shown(values, quantity), COARSEST.get(quantity, np.inf))


def _shown(values: Floats, quantity: str) -> float:
    lowest, highest = POSSIBLE.get(quantity, (-np.inf, np.inf))  # one code among few values is no step of any
    possible = np.isfinite(values) & (values > lowest) & (values < highest)
    seen = np.unique(np.round(values[possible], 7))
    if len(seen) < 3:
        return float(seen[1] - seen[0]) if len(seen) == 2 else 0.0
    gaps = np.diff(seen)
    gaps = gaps[gaps > FINEST * (seen[-1] - seen[0]) / len(seen)]
    return float(np.quantile(gaps, 0.05)) if len(gaps) else 0.0
