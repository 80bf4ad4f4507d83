"""Small drawings: trend lines that break where nothing was known, limit bars, the state's icon. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from urllib.parse import quote

from markupsafe import Markup

from agent.view.language import tell

WIDTH, HEIGHT = 120, 22
LEAST_STEPS = 10  # of the last digit: the height of a trend is never less, or noise would fill it
HATCH = Markup(
    '<svg class="vh" aria-hidden="true"><defs><pattern id="hatch" width="5" height="5" '
    'patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="1.5" height="5" fill="currentColor" opacity=".6"/></pattern></defs></svg>'
)


def runs(line: Sequence[float | None]) -> Iterator[tuple[bool, int, int]]:
    """Return (known, first, last) for each stretch of a line in which something, or nothing, was known."""
    i = 0
    for known, group in groupby(line, key=lambda y: y is not None):
        n = len(list(group))
        yield known, i, i + n - 1
        i += n


def span(lines: Iterable[Sequence[float | None]], digits: int) -> tuple[float, float] | None:
    """Return the lowest and the highest value of several lines that share a scale, at least LEAST_STEPS of
    the last digit apart; None: nothing is known.
    """
    known = [y for line in lines for y in line if y is not None]
    if not known:
        return None
    return min(known), max(max(known), min(known) + LEAST_STEPS * 10.0**-digits)


def halved(line: Sequence[float | None]) -> list[float | None]:
    """Return half of the points of a line in which all is known, the newest kept: of each two the one that is
    farther from the one before, so that no peak is lost.
    """
    known = [y for y in line if y is not None]
    found: list[float | None] = []
    last = known[0] if known else 0.0
    for i in range(len(known) % 2, len(known), 2):
        a, b = known[i : i + 2]
        last = a if abs(a - last) > abs(b - last) and i + 2 < len(known) else b
        found.append(last)
    return found


def trend(line: Sequence[float | None], length: int, scale: tuple[float, float] | None, said: str) -> Markup:
    """Draw the last hour: `length` steps fill the width, the newest at the right, between the two values of
    `scale` (see `span`). Gaps are hatched, never bridged. `said`: its content in words; "": what it is in
    says that.
    """
    if scale is None:
        return Markup('<svg viewBox="0 0 120 22"></svg>')
    (low, high), step, at = scale, WIDTH / (length - 1), length - len(line)
    tall = (HEIGHT - 4) / (high - low)
    parts = []
    for seen, first, last in runs(line):
        here = [round((at + i) * step) for i in range(first, last + 1)]
        if seen:
            ys = [round(HEIGHT - 2 - tall * (y - low)) for y in line[first : last + 1] if y is not None]
            parts.append(f'<path d="{_path(here, ys)}"/>')
        else:
            left, width = here[0] - step, here[-1] - here[0] + 2 * step
            parts.append(
                f'<rect class="gap" x="{left:.1f}" width="{width:.1f}" height="22" fill="url(#hatch)"/>'
            )
    name = (
        Markup(' class=trend preserveAspectRatio=none role=img aria-label="{}"').format(said) if said else ""
    )
    head = Markup('<svg viewBox="0 0 {} {}"{}>')
    return head.format(WIDTH, HEIGHT, name) + Markup("".join(parts) + "</svg>")


def _path(xs: Sequence[int], ys: Sequence[int]) -> str:
    """Return the path of a line, each point from the one before, which is short; what lies within a level
    stretch is left out, a lone point is a dash.
    """
    last = len(ys) - 1
    if last == 0:
        return f"M{xs[0]} {ys[0]}h1"
    kept = [i for i in range(last + 1) if i in (0, last) or not ys[i - 1] == ys[i] == ys[i + 1]]
    steps = (f"l{xs[b] - xs[a]} {ys[b] - ys[a]}" for a, b in pairwise(kept))
    return f"M{xs[0]} {ys[0]}" + "".join(steps).replace(" -", "-")


def bar(value: float, low: float, high: float, unit: str) -> Markup:
    """Draw where a value is between its limits."""
    at = round(min(max((value - low) / (high - low), 0.0), 1.0) * 116, 1)
    return Markup(
        '<svg class="bar" viewBox="0 0 120 10" preserveAspectRatio="none" role="img" '
        'aria-label="{said}">'
        '<rect class="tr" x=".5" y="3" width="119" height="4"/>'
        '<rect class="mk" x="{at}" width="4" height="10"/></svg>'
    ).format(said=tell("limits {low:g} to {high:g} {unit}", low=low, high=high, unit=unit), at=at)


_ICONS = {
    "1": ('<path d="M8 1 15.5 15H.5z" fill="#B3141A"/>', "#fff", "1"),
    "2": ('<path d="M8 0 16 8 8 16 0 8z" fill="#F2B84B" stroke="#8A4B00"/>', "#1F2428", "2"),
    "3": ('<circle cx="8" cy="8" r="7" fill="#fff" stroke="#1F2428" stroke-width="2"/>', "#1F2428", "3"),
    "?": ('<rect width="16" height="16" fill="#5A4A8A"/>', "#fff", "?"),
    "": ('<rect width="16" height="16" fill="#767D84"/>', "#fff", ""),
}


def icon(state: str) -> str:
    """Return the page's icon for "1", "2", "3" (priority), "?" (not known) or "", as a data: address."""
    shape, ink, letter = _ICONS[state]
    style = 'font-size="11" font-weight="bold" text-anchor="middle"'
    text = f'<text x="8" y="13" {style} fill="{ink}">{letter}</text>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{shape}{text}</svg>'
    return "data:image/svg+xml," + quote(svg, safe="/:= '\"")
