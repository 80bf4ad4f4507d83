"""Long format: one row per sensor. How rows become frames, and how a file is known that is taken for wide."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from agent.detect.channels import Floats, Ints
from agent.replay.mapping import Columns, MapError
from agent.replay.table import Column
from agent.replay.warnings import Reports

NAMED_SHARE = 0.5  # more rows than this at one time: the format is long
LOOKED_AT = 2000  # rows, for a column that tells sensors apart
MOST_SENSORS = 200
TURNS = 0.9  # of the rows: a column whose values come in turn names sensors, and no state or counter
SEVENTH = 1 / 7  # of the difference from row to row: what a sensor's own rows differ by, if rows are braided

Labels = list[tuple[str, str, Columns | Reports]]


def refuse_same_times(group: str, t_s: Floats) -> None:
    """Raise MapError where most rows have the time of the row before: they are of several sensors."""
    same = float(np.mean(np.diff(t_s) == 0)) if len(t_s) > 10 else 0.0
    if same > NAMED_SHARE:
        where = f" in group {group!r}" if group else ""
        raise MapError(
            f"{100 * same:.0f} % of the rows{where} have the time of the row before: one row per sensor?"
            ' Then name the column that tells them apart: sensor = "COLUMN" (siblings), or group = "COLUMN"'
            f" (separate tests or rooms).{_cut(t_s)}"
        )


def _cut(t_s: Floats) -> str:
    """Return what to do where times may be cut to whole minutes or seconds, or ""."""
    size, words = (60.0, "minutes") if not np.any(t_s % 60.0) else (1.0, "seconds")
    rows = int(np.median(np.unique(t_s, return_counts=True)[1]))
    if np.any(t_s % size) or rows < 2:
        return ""
    return (
        f" Or are the times cut to whole {words}, {rows} rows in each? Then count the rows in place of"
        f" time = ...: period_s = {size / rows:g}"
    )


def braided(others: Mapping[str, Column], measured: Mapping[str, Column]) -> str:
    """Return what is likely of rows of several sensors that take turns, each at a time of its own, or "".

    others: columns that the map does not name. measured: those that hold a quantity. Raises MapError where it
    is sure: by the words of a column that come in turn, or by values that hardly differ where a column says
    the same, and do from row to row. A column of numbers in turn may be the seconds of a minute.
    """
    for name, column in others.items():
        labels, which = np.unique(column[:LOOKED_AT].astype(str), return_inverse=True)
        n = len(labels)
        if not 2 <= n <= min(MOST_SENSORS, len(which) // 4):
            continue
        in_turn = np.mean(which[n:] == which[:-n]) >= TURNS and np.mean(np.diff(which) != 0) >= TURNS
        sure = column.dtype.kind == "U" and in_turn
        sure = sure or any(_jumps_apart(v[:LOOKED_AT], which) for v in measured.values())
        said = (
            f"rows of {n} sensors take turns: column {name!r} holds {', '.join(map(str, labels[:4]))}"
            f"{', ...' if n > 4 else ''}, and the map does not name it. Siblings: sensor = "
            f'"{name}". Separate tests or rooms: group = "{name}"'
        )
        if sure:
            raise MapError(said)
        if in_turn:
            return f"perhaps {said}"
    return ""


def _jumps_apart(values: Column, which: Ints) -> bool:
    """Return whether values differ from row to row by far more than those of one label do, most of which are
    not in one piece.
    """
    if values.dtype.kind != "f" or np.mean(np.diff(which) != 0) < NAMED_SHARE:
        return False
    across = np.nanmedian(np.abs(np.diff(values))) if np.isfinite(values).sum() > 1 else 0.0
    own = np.concatenate([np.abs(np.diff(values[which == label])) for label in range(which.max() + 1)])
    own = own[np.isfinite(own)]
    return bool(len(own) and across > 0 and np.median(own) < SEVENTH * across)


def without_repeats(t_s: Floats, words: NDArray[np.str_], found: Counter[str]) -> Ints:
    """Return which rows to keep, in their order: of several of one time and sensor the last one counts."""
    _, sensor = np.unique(words, return_inverse=True)
    order = np.lexsort((np.arange(len(t_s)), sensor, t_s))
    last = np.ones(len(order), bool)
    last[:-1] = (np.diff(t_s[order]) != 0) | (np.diff(sensor[order]) != 0)
    found["repeated"] += int(np.count_nonzero(~last))
    kept: Ints = np.sort(order[last])
    return kept


def pivot(
    columns: list[tuple[str, str, Columns | Reports, Floats]], words: NDArray[np.str_]
) -> tuple[Labels, Floats, Ints]:
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
    labels: Labels = []
    for k, (name, quantity, mapped, values) in enumerate(columns):
        wide[frame, k * len(sensors) + which] = values
        labels += [(str(s) if len(columns) == 1 else f"{s}/{name}", quantity, mapped) for s in sensors]
    first: Ints = np.searchsorted(frame, np.arange(len(wide)), side="left")
    return labels, wide, first
