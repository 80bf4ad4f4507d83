"""The hour around an alarm as a drawing inside it, and the same in words. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import numpy as np
from markupsafe import Markup, escape

from agent.detect.channels import Floats, Ints
from agent.view import words
from agent.view.language import tell, tr
from agent.web.ahead import Ahead, first_of
from agent.web.around import Around

WIDTH, HEIGHT = 640, 240  # whole numbers are fine enough, and short
TOP, BOTTOM = 26, 216
FAR = 100_000  # beyond the edges: still a number that every browser draws
FLAT = 2.0  # of its height: what a line leaves out
DIGITS = {"V": 3, "degC": 1}

Row = Mapping[str, Any]


def figure(row: Row, around: Around, zone: tzinfo | None) -> Markup:
    """Return the figure of an alarm; `row` as in a view (see `agent.view.alarms`)."""
    limit = row["limit_value"] if row["value_unit"] == around.unit else None
    ahead = first_of([row], around.unit, around.begin_s, around.end_s)
    said = escape(caption(row, around, zone, ahead))
    query = {"u": row["unit"], "place": row["location"], "q": row["quantity"], "at": row["raised_utc_s"]}
    more = tr("Zoom, CSV")
    link = f' <a href="history?{escape(urlencode(query))}">{more}</a>' if around.alone else ""
    drawn = _drawing(around, row["raised_utc_s"], limit, ahead, zone)
    return Markup(
        f'<figure class="around" id="p-{escape(row["id"])}">'
        f"{drawn}<figcaption>{said}{link}</figcaption></figure>"
    )


def kept(row_id: str) -> Markup:
    """Return the placeholder of a figure that a viewer has already."""
    return Markup('<figure class="around" id="p-{}" data-kept></figure>').format(row_id)


def caption(row: Row, around: Around, zone: tzinfo | None, ahead: Ahead | None = None) -> str:
    """Return the content of the drawing in words and numbers."""
    raised_s = row["raised_utc_s"]
    unit, digits = words.unit(around.unit), _digits(around.unit)
    at = int(np.argmin(np.abs(around.t_s - raised_s)))
    values = [f"{around.own[i]:.{digits}f}" for i in (0, at, -1)]
    first, last = (_clock(float(around.t_s[i]), zone) for i in (0, -1))
    name = words.place(row["location"])
    if not around.alone:
        name = tell("Middle of {n} of {name}", n=around.members, name=name)
    said = [
        tell(
            "{name}, {unit}: {v0} at {first}, {v1} when raised, {v2} at {last}.",
            name=name[0].upper() + name[1:],
            unit=unit,
            v0=values[0],
            v1=values[1],
            v2=values[2],
            first=first,
            last=last,
        )
    ]
    if np.isfinite(around.expected[at]):
        said.append(
            tell(
                "Dashed: expected from {n} siblings, {value} when raised.",
                n=around.members,
                value=format(around.expected[at], f".{digits}f"),
            )
        )
    if np.isfinite(around.low).any():
        said.append(tr("Grey: their range."))
    if any(True for _ in _gaps(around)):
        said.append(tr("Hatched: not known."))
    if ahead:
        said.append(ahead.said)
    return " ".join(said)


@dataclass(frozen=True, slots=True)
class _Scale:
    """From times, UTC in s, and values to places in the drawing."""

    begin_s: float
    end_s: float
    low: float
    high: float

    @classmethod
    def of(cls, around: Around, limit: float | None, ahead: Ahead | None) -> "_Scale":
        lines = [around.own, around.expected, around.low, around.high]
        shown = np.concatenate([*lines, [limit or np.nan, ahead.to if ahead else np.nan]])
        low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
        least = 10.0 ** (1 - _digits(around.unit))  # or noise would fill it
        spare = max((least - (high - low)) / 2.0, 0.04 * (high - low))
        end_s = ahead.end_s(around.begin_s) if ahead else around.end_s
        return cls(around.begin_s, max(end_s, around.begin_s + 1.0), low - spare, high + spare)

    def xs(self, t_s: Floats) -> Ints:
        return np.clip(self.free_xs(t_s), 0, WIDTH)

    def free_xs(self, t_s: Floats) -> Ints:
        """As `xs`, also beyond the edges."""
        at = WIDTH * (t_s - self.begin_s) / (self.end_s - self.begin_s)
        return np.rint(np.clip(at, -FAR, FAR)).astype(np.int64)

    def ys(self, value: Floats) -> Ints:
        return np.rint(TOP + (BOTTOM - TOP) * (self.high - value) / (self.high - self.low)).astype(np.int64)


def _drawing(
    around: Around, raised_s: float, limit: float | None, ahead: Ahead | None, zone: tzinfo | None
) -> str:
    scale = _Scale.of(around, limit, ahead)
    said = tr("the time around the alarm")
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">'
        f'<rect class="box" y="{TOP}" width="{WIDTH}" height="{BOTTOM - TOP}"/>'
    ]
    for left, right in (scale.xs(np.array(gap)) for gap in _gaps(around)):
        parts.append(
            f'<rect class="gap" x="{left}" y="{TOP}" width="{max(right - left, 2)}" '
            f'height="{BOTTOM - TOP}" fill="url(#hatch)"/>'
        )
    for rows in _stretches(around):
        parts += _lines(around, rows, scale)
    if limit is not None:
        parts.append(f'<path class="lim" d="M0 {scale.ys(np.array([limit]))[0]}H{WIDTH}"/>')
    if ahead:
        parts += _projected(ahead, scale)
    return "".join(parts) + _labels(around.unit, raised_s, scale, ahead, zone) + "</svg>"


def _projected(ahead: Ahead, scale: _Scale) -> Iterator[str]:
    """Yield the forecast: the value it leads to, the interval as a band, the likely line. The drawing ends at
    the right edge, whatever lies behind it.
    """
    times = np.array([ahead.t_s, ahead.soonest_s, ahead.latest_s, ahead.likely_s])
    begin, soonest, latest, likely = scale.free_xs(times).tolist()
    now, to = scale.ys(np.array([ahead.value, ahead.to])).tolist()
    yield f'<path class="lim" d="M0 {to}H{WIDTH}"/>'
    yield f'<path class="band" d="M{begin} {now}L{soonest} {to}H{latest}z"/>'
    yield f'<path class="fc" d="M{begin} {now}L{likely} {to}"/>'


def _lines(around: Around, rows: Ints, scale: _Scale) -> Iterator[str]:
    """Yield the range, what was expected and what was measured, of one stretch."""
    known = rows[np.isfinite(around.low[rows])]
    if known.size:
        x = scale.xs(around.t_s[known])
        above = _points(x, scale.ys(around.high[known]))
        below = _points(x[::-1], scale.ys(around.low[known])[::-1])
        yield f'<polygon class="range" points="{above} {below}"/>'
    for name, line in (("ex", around.expected), ("ln", around.own)):
        known = rows[np.isfinite(line[rows])]
        if known.size:
            points = _points(scale.xs(around.t_s[known]), scale.ys(line[known]))
            yield f'<polyline class="{name}" points="{points}"/>'


def _labels(unit: str, raised_s: float, scale: _Scale, ahead: Ahead | None, zone: tzinfo | None) -> str:
    """Return the onset, which is in nobody's way: on the side with more room, the top value on the other."""
    at = int(scale.xs(np.array([raised_s]))[0])
    tip = min(max(at, 8), WIDTH - 8)
    right = at > WIDTH / 2
    top, bottom = (f"{y:.{_digits(unit)}f} {words.unit(unit)}" for y in (scale.high, scale.low))
    if ahead:
        top = f"{ahead.to:.0f} {words.unit(unit)}"
    middle = int(scale.xs(np.array([ahead.t_s]))[0]) // 2 if ahead else WIDTH // 2
    texts = (
        (
            at - 10 if right else at + 10,
            18,
            "end" if right else "start",
            tell("raised {at}", at=_clock(raised_s, zone)),
        ),
        (2 if right else WIDTH - 2, 18, "start" if right else "end", top),
        (2, HEIGHT - 4, "start", _clock(scale.begin_s, zone)),
        (middle, HEIGHT - 4, "middle", bottom),
        (WIDTH - 2, HEIGHT - 4, "end", _clock(scale.end_s, zone)),
    )
    return (
        f'<path class="at" d="M{at} {TOP - 14}V{BOTTOM}"/><path class="tip" d="M{tip - 8} 4h16l-8 14z"/>'
        + "".join(f'<text x="{x}" y="{y}" text-anchor="{side}">{text}</text>' for x, y, side, text in texts)
    )


def _points(x: Ints, y: Ints) -> str:
    """Return the points of a line; a lone one is a dash."""
    kept = corners(x, y)
    found = [f"{a},{b}" for a, b in zip(x[kept].tolist(), y[kept].tolist(), strict=True)]
    return " ".join(found if len(found) > 1 else [*found, f"{x[0] + 2},{y[0]}"])


def corners(x: Ints, y: Ints) -> list[int]:
    """Return the corners of a line (Ramer, Douglas, Peucker): each point between two of them is within FLAT
    of the line that joins them. x: rising or falling.
    """
    kept, todo = {0, x.size - 1}, [(0, x.size - 1)]
    while todo:
        first, last = todo.pop()
        if last - first < 2:
            continue
        slope = (y[last] - y[first]) / ((x[last] - x[first]) or 1)
        off = np.abs(y[first:last] - y[first] - slope * (x[first:last] - x[first]))
        farthest = first + int(np.argmax(off))
        if off[farthest - first] > FLAT:
            kept.add(farthest)
            todo += [(first, farthest), (farthest, last)]
    return sorted(kept)


def _stretches(around: Around) -> Iterator[Ints]:
    yield from np.split(np.arange(around.t_s.size), np.flatnonzero(np.diff(around.stretch)) + 1)


def _gaps(around: Around) -> Iterator[tuple[float, float]]:
    """Yield the times, UTC in s, between which nothing was known."""
    ends = [around.begin_s]
    for rows in _stretches(around):
        ends += [float(around.t_s[rows[0]]), float(around.t_s[rows[-1]])]
    ends.append(around.end_s)
    least = (around.end_s - around.begin_s) / WIDTH
    yield from ((a, b) for a, b in list(pairwise(ends))[::2] if b - a > least)


def _clock(t_s: float, zone: tzinfo | None) -> str:
    return datetime.fromtimestamp(t_s, zone).strftime("%H:%M:%S")


def _digits(unit: str) -> int:
    return DIGITS.get(unit, 2)
