"""Plots as inline SVG, several above one another on one time axis; readable without scripts and in print."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from hil.plant.source import Floats

WIDTH, LEFT, RIGHT, PANEL, GAP, TOP, BOTTOM = 1000, 62, 14, 165, 36, 52, 30
CLASSES = ("a", "b", "c", "d", "e")  # of the lines, in the style sheet
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_STEPS_S = (
    *(1, 2, 5, 10, 20, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 4 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 7 * _DAY),
)

Axis = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Curve:
    """A named line: values (m,) over the panel's times; it breaks where they are NaN."""

    name: str
    values: Floats


@dataclass(frozen=True, slots=True)
class Panel:
    """A plot of one quantity over t_s (m,): single lines, before a band from `low` to `high` (m,)."""

    title: str
    t_s: Floats
    lines: Sequence[Curve]
    low: Floats | None = None
    high: Floats | None = None


@dataclass(frozen=True, slots=True)
class Marker:
    """A moment that all panels show: an event of the scenario ("event"), or an alarm of this severity."""

    t_s: float
    text: str
    kind: str
    label: str


def draw(panels: Sequence[Panel], marks: Sequence[Marker], from_s: float, until_s: float) -> Markup:
    """One SVG element, from `from_s` to `until_s`."""
    height = TOP + len(panels) * (PANEL + GAP) - GAP + BOTTOM
    span_s = max(until_s - from_s, 1e-9)

    def x(t_s: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (t_s - from_s) / span_s

    words = "; ".join(panel.title for panel in panels)
    out = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(words)}">']
    step_s = next((s for s in _STEPS_S if span_s / s <= 10), _STEPS_S[-1])
    for k in range(math.ceil(from_s / step_s), math.floor(until_s / step_s) + 1):
        at = f"{x(k * step_s):.1f}"
        last = k * step_s > until_s - 0.02 * span_s  # its label would reach beyond the edge
        words_at = "end" if last else "middle"
        out.append(_text("axis", at, height - BOTTOM + 18, _time(k * step_s, span_s), words_at))
    for number, panel in enumerate(panels):
        out += _panel(panel, TOP + number * (PANEL + GAP), x)
    taken = {True: -math.inf, False: -math.inf}  # how far to the right a label reaches: of events, of alarms
    for mark in sorted(marks, key=lambda mark: mark.t_s):
        at, event = f"{x(mark.t_s):.1f}", mark.kind == "event"
        line = f'<line x1="{at}" x2="{at}" y1="{TOP - 22}" y2="{height - BOTTOM}"/>'
        wide = 6.0 * len(mark.label) + 4
        free = x(mark.t_s) - wide / 2 > taken[event]
        label = _text("label", at, TOP - (36 if event else 24), mark.label, "middle") if free else ""
        taken[event] = x(mark.t_s) + wide / 2 if free else taken[event]
        out.append(f'<g class="mark {mark.kind}"><title>{escape(mark.text)}</title>{line}{label}</g>')
    return Markup("\n".join([*out, "</svg>"]))


def _panel(panel: Panel, top: float, x: Axis) -> list[str]:
    low, high, step = _scale(panel)

    def y(value: float) -> float:
        return top + PANEL * (1 - (min(max(value, low), high) - low) / (high - low))

    width, right = WIDTH - LEFT - RIGHT, WIDTH - RIGHT
    out = [f'<rect class="frame" x="{LEFT}" y="{top}" width="{width}" height="{PANEL}"/>']
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    for k in range(round((high - low) / step) + 1):
        at = f"{y(low + k * step):.1f}"
        out.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{at}" y2="{at}"/>')
        out.append(_text("axis", LEFT - 6, f"{float(at) + 4:.1f}", f"{low + k * step:.{digits}f}", "end"))
    out.append(_text("title", LEFT, top - 8, panel.title, "start"))
    if panel.low is not None and panel.high is not None:
        out += [f'<path class="band" d="{d}"/>' for d in _bands(panel, x, y)]
    at_x = float(right)
    for number, line in enumerate(panel.lines):
        kind = CLASSES[number % len(CLASSES)]
        title = f"<title>{escape(line.name)}</title>"
        out.append(f'<path class="line {kind}" d="{_path(panel.t_s, line.values, x, y)}">{title}</path>')
        out.append(_text(f"key {kind}", at_x, top - 8, line.name, "end"))
        at_x -= 6.6 * len(line.name) + 16
    return out


def _scale(panel: Panel) -> tuple[float, float, float]:
    """Lowest and highest value of the axis, and the step of its grid: 1, 2 or 5 times a power of ten."""
    parts = [line.values for line in panel.lines] + [v for v in (panel.low, panel.high) if v is not None]
    values = np.concatenate([*parts, np.empty(0)])
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= rough * 0.999)
    return math.floor(low / step) * step, math.ceil(high / step) * step, step


def _runs(known: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> list[tuple[int, int]]:
    """First and one past the last of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _points(t_s: Floats, values: Floats, x: Axis, y: Axis) -> str:
    return "L".join(f"{x(float(t)):.1f} {y(float(v)):.1f}" for t, v in zip(t_s, values, strict=True))


def _path(t_s: Floats, values: Floats, x: Axis, y: Axis) -> str:
    return "".join(f"M{_points(t_s[a:b], values[a:b], x, y)}" for a, b in _runs(np.isfinite(values)))


def _bands(panel: Panel, x: Axis, y: Axis) -> list[str]:
    assert panel.low is not None
    assert panel.high is not None
    return [
        f"M{_points(panel.t_s[a:b], panel.high[a:b], x, y)}"
        f"L{_points(panel.t_s[a:b][::-1], panel.low[a:b][::-1], x, y)}Z"
        for a, b in _runs(np.isfinite(panel.low))
    ]


def _text(kind: str, x: object, y: object, words: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'


def _time(t_s: float, span_s: float) -> str:
    """A tick's label, in the largest unit of which the axis shows two."""
    for unit_s, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if span_s >= 2 * unit_s:
            return f"{t_s / unit_s:g} {unit}"
    return f"{t_s:g} s"
