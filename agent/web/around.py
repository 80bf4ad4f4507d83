"""The hour around an alarm, out of the buffer: values measured, and values expected from the siblings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agent.detect.channels import Floats, Ints
from agent.detect.places import MIN_IN_STRING, string_of
from agent.quality import Quality
from agent.store.reading import Buffer
from agent.wire import Batch
from agent.wire.si import to_si
from drivers.quantities import QUANTITIES

BEFORE_S = AFTER_S = 1800.0
MOST_BATCHES = 180  # decoded for one plot, which has no room for more
BINS = 80
MISSED = 3  # readings; by the word of the page, a value is stale then
MOST_GAPS = 40
OPEN_S = 15.0  # frames younger than that are in memory only
TO_SI = ("reading", "scale", "raw_offset", "offset")


@dataclass(frozen=True, slots=True)
class Around:
    """Arrays (n,): times in UTC, s; values in `unit`. Only `own` is known in every row.

    Rows of one `stretch` are joined; between two of them no value is known. `alone`: `own` is one point, and
    `expected`, `low` and `high` are of its siblings, the `members`; otherwise the alarm is about a group:
    `own` is the median of its `members`, `low` and `high` their range, and nothing is `expected`.
    """

    begin_s: float
    end_s: float
    t_s: Floats
    own: Floats
    stretch: Ints
    expected: Floats
    low: Floats
    high: Floats
    unit: str
    alone: bool
    members: int


def read(
    path: Path, unit: str, place: str, quantity: str, raised_s: float, now_s: float, usual: float = 0.0
) -> Around | None:
    """Return what the buffer holds around an alarm raised at `raised_s` (UTC); None: nothing, or nothing
    that was measured: a status word has no siblings, and a bit of it no course.

    usual: how far, in SI, the point usually is from the median of its siblings. Raises
    agent.store.reading.BufferUnreadable.
    """
    if quantity in QUANTITIES and QUANTITIES[quantity].many:
        return None
    begin_s, end_s = raised_s - BEFORE_S, min(raised_s + AFTER_S, now_s)
    buffer = Buffer(path)
    try:
        batches, there = buffer.thinned(unit, int(begin_s * 1e9), int(end_s * 1e9), MOST_BATCHES)
        parts = [
            part
            for batch in batches
            if (said := buffer.description(batch.schema)) and (part := _part(batch, said, place, quantity))
        ]
    finally:
        buffer.close()
    if not parts:
        return None
    t_s, own, others = _joined(parts)
    inside = (t_s >= begin_s) & (t_s < end_s)
    t_s, own, others = t_s[inside], own[inside], others[inside]
    if not np.isfinite(own).any():
        return None
    begin_s = float(t_s[0])  # the buffer holds nothing from before
    open_s = OPEN_S + 2.0 * float(np.median(np.diff(t_s))) if t_s.size > 1 else OPEN_S
    end_s = float(t_s[-1]) if end_s - t_s[-1] < open_s else end_s
    alone = parts[0][3]
    rows, stretch = thin(t_s, own, begin_s, end_s, len(batches) if there > len(batches) else 0)
    middle, low, high = spread(others[rows])
    return Around(
        begin_s=begin_s,
        end_s=end_s,
        t_s=t_s[rows],
        own=own[rows],
        stretch=stretch,
        expected=middle + usual if alone else np.full(rows.size, np.nan),
        low=low,
        high=high,
        unit=parts[0][4],
        alone=alone,
        members=others.shape[1],
    )


Part = tuple[Floats, Floats, Floats, bool, str]


def _part(batch: Batch, said: dict[str, Any], place: str, quantity: str) -> Part | None:
    """Return times, own (n,), others (n, m), whether `place` is a point, and the unit."""
    columns, alone = members(said["place"], said["quantity"], place, quantity)
    if not columns:
        return None
    quality, si = batch.quality[:, columns], si_of(batch, said, columns)
    t_s, unit = batch.utc_ns / 1e9, said["unit"][columns[0]]
    if not alone:
        return t_s, spread(si)[0], si, False, unit
    # a point that rests between its turns is not lost in between
    kept = slice(None) if said["poll"][columns[0]] != "state" else quality[:, 0] != Quality.STALE
    return t_s[kept], si[kept, 0], si[kept, 1:], True, unit


def si_of(batch: Batch, said: dict[str, Any], columns: Sequence[int]) -> Floats:
    """Return some columns of a batch in SI, (n, m); NaN where quality is not good. said: its description."""
    narrow = {key: [said[key][i] for i in columns] for key in TO_SI}
    return to_si(narrow, batch.raw[:, columns], batch.quality[:, columns])


def members(
    places: Sequence[str], quantities: Sequence[str], place: str, quantity: str
) -> tuple[list[int], bool]:
    """Return a point and then its siblings, as the detectors tell them; or, where `place` holds several
    points, all of them. And whether it is a point.
    """
    same = [i for i, q in enumerate(quantities) if q == quantity]
    at = [i for i in same if places[i] == place]
    if not at:
        return [i for i in same if not place or places[i].startswith(f"{place}/")], False
    string = [i for i in same if string_of(places[i]) == string_of(place)]
    group = string if len(string) >= MIN_IN_STRING else same
    return [at[0], *(i for i in group if i != at[0])], True


def _joined(parts: Sequence[Part]) -> tuple[Floats, Floats, Floats]:
    """Put parts together, in the order of time; another layout (a new schema) is left out."""
    width = parts[-1][2].shape[1]
    same = [part for part in parts if part[2].shape[1] == width]
    t_s, own, others = (np.concatenate([part[k] for part in same]) for k in (0, 1, 2))
    order = np.argsort(t_s, kind="stable")
    return t_s[order], own[order], others[order]


def spread(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Median, lowest and highest of each row of (n, m); NaN for a row without any."""
    found = np.full((3, values.shape[0]), np.nan)
    some = np.isfinite(values).any(axis=1)
    if some.any():
        known = values[some]
        found[:, some] = np.nanmedian(known, axis=1), np.nanmin(known, axis=1), np.nanmax(known, axis=1)
    return found[0], found[1], found[2]


def thin(t_s: Floats, own: Floats, begin_s: float, end_s: float, batches: int) -> tuple[Ints, Ints]:
    """Return the rows to draw, and the stretch of each: rows of one stretch are joined, what is between two
    stretches was not known. Of each of BINS intervals the lowest and the highest value are taken; `batches`
    of those that are there brought the rows (0: all of them).
    """
    good = np.flatnonzero(np.isfinite(own))
    pause_s = float(np.median(np.diff(t_s))) if t_s.size > 1 else 1.0
    span_s = max(end_s - begin_s, 1.0)
    longest_s = max(MISSED * pause_s, 2.0 * span_s / batches if batches else 0.0) + pause_s
    between_s = np.diff(t_s[good])
    apart = (np.diff(good) > MISSED) | (between_s > longest_s)
    if apart.sum() > MOST_GAPS:
        apart &= between_s >= np.sort(between_s[apart])[-MOST_GAPS]
    stretch = np.concatenate([[0], np.cumsum(apart)])
    interval = ((t_s[good] - begin_s) / span_s * BINS).astype(np.int64)
    edges = np.flatnonzero(np.diff(stretch * (BINS + 1) + interval)) + 1
    rows = {0, good.size - 1, *np.flatnonzero(apart), *(np.flatnonzero(apart) + 1)}
    for part in np.split(np.arange(good.size), edges):
        values = own[good[part]]
        rows |= {part[np.argmin(values)], part[np.argmax(values)]}
    picked = np.array(sorted(rows), np.int64)
    return good[picked], stretch[picked]
