"""What of a history is drawn: the lowest and highest values of some hundred intervals, and its gaps. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import numpy as np

from agent.detect.channels import Floats, Ints
from agent.view import words
from agent.view.language import tell, tr
from agent.web.ahead import Ahead
from agent.web.history import Mark, Series

GAP_STEPS = 3.0  # a pause this many times as long as the usual one is a gap
BINS = 250
NEAR = 1.0  # a limit is drawn that is no farther from the values than this many times what they span
DIGITS = {"V": 4, "degC": 2}  # behind the point, of what is drawn; 3 of all others

#: What a script calls its lines: the first is of the range, from ... to.
LABELS = ("Time", "Siblings from", "to", "Median", "Value")

Gap = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Trace:
    """A history as it is drawn: `rows` of its series, in `runs` that are joined; `gaps` in UTC, s. `low` and
    `high` bound what is drawn, the limits among it that are near: `limits`, each with its tier. `ahead`: what
    is drawn behind the values.
    """

    series: Series
    begin_s: float
    end_s: float
    runs: list[Ints]
    gaps: list[Gap]
    limits: list[tuple[str, float]]
    marks: Sequence[Mark]
    low: float
    high: float
    ahead: Ahead | None = None


def trace(
    series: Series, marks: Sequence[Mark], begin_s: float, end_s: float, ahead: Ahead | None = None
) -> Trace:
    """Return what is drawn of a series between two times, and of its forecast behind them."""
    runs, gaps = stretches(series.t_s, series.value, begin_s, end_s)
    rows = [_outline(series.t_s, series.value, run, begin_s, end_s) for run in runs]
    shown = np.concatenate([series.value, series.low, series.high])
    known = shown[np.isfinite(shown)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    reach = NEAR * (high - low)
    both = [(tier, limit) for tier, *pair in series.limits for limit in pair]
    limits = [(tier, limit) for tier, limit in both if low - reach <= limit <= high + reach]
    low, high = (pick(low, high, *(limit for _, limit in limits)) for pick in (min, max))
    if ahead:
        high, end_s = max(high, ahead.to), ahead.end_s(begin_s)
    return Trace(series, begin_s, end_s, rows, gaps, limits, marks, low, high, ahead)


def stretches(t_s: Floats, value: Floats, begin_s: float, end_s: float) -> tuple[list[slice], list[Gap]]:
    """Return where something was known, as slices, and the gaps between and around, as (from, to) in s."""
    known = np.flatnonzero(np.isfinite(value))
    if known.size == 0:
        return [], [(begin_s, end_s)]
    pause = np.diff(t_s)
    limit = GAP_STEPS * float(np.median(pause)) if pause.size else 0.0
    apart = np.flatnonzero((np.diff(known) > 1) | (np.diff(t_s[known]) > limit))
    firsts, lasts = known[[0, *(apart + 1)]], known[[*apart, -1]]
    runs = [slice(int(a), int(b) + 1) for a, b in zip(firsts, lasts, strict=True)]
    ends = [begin_s, *(float(t) for run in runs for t in (t_s[run.start], t_s[run.stop - 1])), end_s]
    gaps = [(a, b) for a, b in zip(ends[::2], ends[1::2], strict=True) if b - a > max(limit, 1.0)]
    return runs, gaps


def _outline(t_s: Floats, value: Floats, run: slice, begin_s: float, end_s: float) -> Ints:
    """Return the rows of a run that are drawn: its ends, and of each interval the lowest and the highest."""
    at = np.arange(run.start, run.stop)
    interval = ((t_s[run] - begin_s) / (end_s - begin_s) * BINS).astype(np.int64)
    rows = {run.start, run.stop - 1}
    for part in np.split(at, np.flatnonzero(np.diff(interval)) + 1):
        rows |= {int(part[np.argmin(value[part])]), int(part[np.argmax(value[part])])}
    return np.array(sorted(rows), np.int64)


def as_plain(drawn: Trace, zone: tzinfo | None) -> dict[str, Any]:
    """Return a trace for the script of the page: times in s after `begin`, null between two runs.

    `offset`: of local time from UTC, s.
    """
    series, digits = drawn.series, DIGITS.get(drawn.series.unit, 3)
    offset = datetime.fromtimestamp(drawn.begin_s, zone).utcoffset()
    t: list[float] = []
    lines: dict[str, list[float | None]] = {"value": [], "low": [], "middle": [], "high": []}
    for n, rows in enumerate(drawn.runs):
        if n:
            t.append(round((t[-1] + float(series.t_s[rows[0]]) - drawn.begin_s) / 2, 1))
        t += np.round(series.t_s[rows] - drawn.begin_s, 1).tolist()
        for key, line in lines.items():
            values = np.round(getattr(series, key)[rows], digits).tolist()
            line += ([None] if n else []) + [None if v != v else v for v in values]
    ahead = drawn.ahead
    times = (ahead.t_s, ahead.soonest_s, ahead.likely_s, ahead.latest_s) if ahead else ()
    return {
        "begin": drawn.begin_s,
        "end": drawn.end_s,
        "offset": offset.total_seconds() if offset else 0.0,
        "unit": words.unit(series.unit),
        "labels": [tr(label) for label in LABELS],
        "t": t,
        **lines,
        "gaps": [[round(a - drawn.begin_s, 1), round(b - drawn.begin_s, 1)] for a, b in drawn.gaps],
        "ahead": [*(round(t - drawn.begin_s, 1) for t in times), ahead.value, ahead.to] if ahead else None,
        "limits": [
            [tell("{tier} limit {limit:g}", tier=tr(tier), limit=limit), limit]
            for tier, limit in drawn.limits
        ],
        "marks": [[round(m.t_s - drawn.begin_s, 1), m.priority, m.text] for m in drawn.marks],
    }
