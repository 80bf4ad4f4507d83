"""A point's history as a drawing: broken and hatched wherever nothing is known, never joined. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

WIDTH, HEIGHT = 800, 240
LEFT, RIGHT, TOP, BOTTOM = 60, 8, 8, 22
GAP_STEPS = 3.0  # a pause this many times as long as the usual one is a gap
STEPS_S = (10, 30, 60, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 604800)
TICKS = 6

Floats = NDArray[np.float64]


def stretches(
    t_s: Floats, value: Floats, begin_s: float, end_s: float
) -> tuple[list[slice], list[tuple[float, float]]]:
    """Return where something was known, as slices, and the gaps between and around, as (from, to) in s."""
    known = np.flatnonzero(np.isfinite(value))
    if known.size == 0:
        return [], [(begin_s, end_s)]
    pause = np.diff(t_s)
    limit = GAP_STEPS * float(np.median(pause)) if pause.size else 0.0
    runs: list[slice] = []
    first = known[0]
    for before, after in zip(known, [*known[1:], -1], strict=True):
        if after != before + 1 or t_s[after] - t_s[before] > limit:
            runs.append(slice(int(first), int(before) + 1))
            first = after
    ends = [begin_s, *(float(t) for run in runs for t in (t_s[run.start], t_s[run.stop - 1])), end_s]
    gaps = [(a, b) for a, b in zip(ends[::2], ends[1::2], strict=True) if b - a > max(limit, 1.0)]
    return runs, gaps


def plot(t_s: Floats, value: Floats, begin_s: float, end_s: float, unit: str, zone: tzinfo | None) -> Markup:
    """Draw values (n,) at UTC times (n,) between two times; NaN where nothing was known."""
    runs, gaps = stretches(t_s, value, begin_s, end_s)
    known = value[np.isfinite(value)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    margin = max(0.05 * (high - low), 1e-3 * max(abs(low), abs(high)), 1e-6)
    low, high = low - margin, high + margin

    def x(t: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (t - begin_s) / (end_s - begin_s), 1)

    def y(v: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (high - v) / (high - low), 1)

    tall, wide = HEIGHT - TOP - BOTTOM, WIDTH - LEFT - RIGHT
    parts = [
        f'<rect class="gap" x="{x(a)}" y="{TOP}" width="{max(x(b) - x(a), 1):.1f}" height="{tall}" '
        'fill="url(#hatch)"/>'
        for a, b in gaps
    ]
    for run in runs:
        points = " ".join(f"{x(t)},{y(v)}" for t, v in zip(t_s[run], value[run], strict=True))
        twice = f" {points}" if run.stop - run.start == 1 else ""  # a lone point is a dot
        parts.append(f'<polyline class="ln" points="{points}{twice}"/>')
    for v in (high - margin, low + margin) if known.size else ():
        parts.append(f'<text x="{LEFT - 4}" y="{y(v) + 4}" text-anchor="end">{v:.4g}</text>')
    for t, text in ticks(begin_s, end_s, zone):
        parts.append(f'<text x="{x(t)}" y="{HEIGHT - 6}" text-anchor="middle">{text}</text>')
    label = f"{known.size} values from {low + margin:.4g} to {high - margin:.4g} {unit}, {len(gaps)} gaps"
    return Markup(
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        f'<rect class="box" x="{LEFT}" y="{TOP}" width="{wide}" height="{tall}"/>{"".join(parts)}</svg>'
    )


def ticks(begin_s: float, end_s: float, zone: tzinfo | None) -> Sequence[tuple[float, str]]:
    """Return round local times within a stretch, as (UTC s, text)."""
    step = next((s for s in STEPS_S if (end_s - begin_s) / s <= TICKS), STEPS_S[-1])
    at = datetime.fromtimestamp(begin_s, zone)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    form = "%d %b" if step >= 86400 else "%H:%M" if step >= 60 else "%H:%M:%S"
    count = int((at - midnight).total_seconds() // step) + 1
    found = []
    while (tick := midnight + timedelta(seconds=count * step)).timestamp() < end_s:
        found.append((tick.timestamp(), tick.strftime(form)))
        count += 1
    return found
