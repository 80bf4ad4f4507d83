"""A point's history as a drawing: broken and hatched wherever nothing is known, never joined. Pure."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, tzinfo

import numpy as np
from markupsafe import Markup, escape

from agent.detect.channels import Floats, Ints
from agent.view import words
from agent.view.language import tell, tr
from agent.view.page.templates import GLYPH
from agent.web.ahead import Ahead
from agent.web.trace import Trace

WIDTH, HEIGHT = 800, 240
LEFT, RIGHT, TOP, BOTTOM = 60, 8, 18, 22
STEPS_S = (10, 30, 60, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 604800)
TICKS = 6
FAR = 100.0  # widths: what lies so far behind the right edge is drawn no farther

At = Callable[[float], float]


def plot(drawn: Trace, zone: tzinfo | None) -> Markup:
    """Draw a trace: the siblings' range and median, the values, limits, and where alarms were raised."""
    margin = max(0.05 * (drawn.high - drawn.low), 1e-3 * max(abs(drawn.low), abs(drawn.high)), 1e-6)
    low, high, begin_s, end_s = drawn.low - margin, drawn.high + margin, drawn.begin_s, drawn.end_s
    tall, wide = HEIGHT - TOP - BOTTOM, WIDTH - LEFT - RIGHT

    def x(t: float) -> float:
        return round(LEFT + wide * min((t - begin_s) / (end_s - begin_s), FAR), 1)

    def y(v: float) -> float:
        return round(TOP + tall * (high - v) / (high - low), 1)

    parts = [
        f'<rect class="gap" x="{x(a)}" y="{TOP}" width="{max(x(b) - x(a), 1):.1f}" height="{tall}" '
        'fill="url(#hatch)"/>'
        for a, b in drawn.gaps
    ]
    for rows in drawn.runs:
        parts += _lines(drawn, rows, x, y)
    if drawn.ahead:
        parts += _projected(drawn.ahead, x, y)
    for tier, limit in drawn.limits:
        parts.append(f'<path class="lim" d="M{LEFT} {y(limit)}h{wide}"/>')
        said = escape(tell("{tier} limit {limit:g}", tier=tr(tier), limit=limit))
        parts.append(f'<text x="{LEFT + 4}" y="{y(limit) - 3}">{said}</text>')
    for mark in drawn.marks:
        at = x(mark.t_s)
        parts.append(f'<path class="at" d="M{at} {TOP}v{tall}"/>')
        parts.append(
            f'<text class="tip" x="{at}" y="{TOP - 4}" text-anchor="middle">{GLYPH[mark.priority]}</text>'
        )
    for v in (drawn.high, drawn.low) if drawn.runs else ():
        parts.append(f'<text x="{LEFT - 4}" y="{y(v) + 4}" text-anchor="end">{v:.4g}</text>')
    for t, text in ticks(begin_s, end_s, zone):
        parts.append(f'<text x="{x(t)}" y="{HEIGHT - 6}" text-anchor="middle">{text}</text>')
    return Markup(
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(caption(drawn))}">'
        f'<rect class="box" x="{LEFT}" y="{TOP}" width="{wide}" height="{tall}"/>{"".join(parts)}</svg>'
    )


def caption(drawn: Trace) -> str:
    """Return a drawing in words and numbers."""
    value = drawn.series.value
    known, unit = value[np.isfinite(value)], words.unit(drawn.series.unit)
    if not known.size:
        return tr("Nothing was known.")
    said = [
        tell(
            "{n} values from {low:.4g} to {high:.4g} {unit}.",
            n=known.size,
            low=known.min(),
            high=known.max(),
            unit=unit,
        )
    ]
    if drawn.series.siblings and np.isfinite(drawn.series.middle).any():
        n = drawn.series.siblings
        said.append(tell("Dashed: the median of {n} siblings, grey: their range.", n=n))
    said += [tr("Hatched: nothing was known.")] if drawn.gaps else []
    said += [tell("Alarms raised: {n}.", n=len(drawn.marks))] if drawn.marks else []
    near = {limit for _, limit in drawn.limits}
    said += [drawn.ahead.said] if drawn.ahead else []
    far = [limits for limits in drawn.series.limits if not near & {*limits[1:]}]
    said += [
        tell(
            "Not drawn, for it is far: {tier} limit {low:g} to {high:g} {unit}.",
            tier=tr(tier),
            low=low,
            high=high,
            unit=unit,
        )
        for tier, low, high in far
    ]
    return " ".join(said)


def _lines(drawn: Trace, rows: Ints, x: At, y: At) -> Iterator[str]:
    """Yield what is drawn of one run: the siblings' range, their median, and the values."""

    def points(line: Floats, at: Ints) -> str:
        pairs = zip(drawn.series.t_s[at].tolist(), line[at].tolist(), strict=True)
        return " ".join(f"{x(t)},{y(v)}" for t, v in pairs)

    series = drawn.series
    some = rows[np.isfinite(series.low[rows])]
    if some.size:
        around = f"{points(series.high, some)} {points(series.low, some[::-1])}"
        yield f'<polygon class="range" points="{around}"/>'
        yield f'<polyline class="ex" points="{points(series.middle, some)}"/>'
    told = points(series.value, rows if rows.size > 1 else rows.repeat(2))  # a lone point is a dot
    yield f'<polyline class="ln" points="{told}"/>'


def _projected(ahead: Ahead, x: At, y: At) -> Iterator[str]:
    """Yield the interval of a forecast as a band, and the likely line."""
    now, to = f"{x(ahead.t_s)} {y(ahead.value)}", y(ahead.to)
    yield f'<path class="band" d="M{now}L{x(ahead.soonest_s)} {to}H{x(ahead.latest_s)}z"/>'
    yield f'<path class="fc" d="M{now}L{x(ahead.likely_s)} {to}"/>'


def ticks(begin_s: float, end_s: float, zone: tzinfo | None) -> Sequence[tuple[float, str]]:
    """Return round local times within a stretch, as (UTC s, text)."""
    step = next((s for s in STEPS_S if (end_s - begin_s) / s <= TICKS), STEPS_S[-1])
    at = datetime.fromtimestamp(begin_s, zone)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    form = "%d %b" if step >= 86400 else "%H:%M" if step >= 60 else "%H:%M:%S"
    count = int((at - midnight).total_seconds() // step) + 1
    found = []
    while (tick := midnight + timedelta(seconds=count * step)).timestamp() < end_s:
        found.append((tick.timestamp(), words.dated(tick, form)))
        count += 1
    return found
