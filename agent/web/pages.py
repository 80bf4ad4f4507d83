"""Whole pages: each is one file, with its style and its script in it."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape as e
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from agent.detect.duration import duration
from agent.detect.knowledge import Knowledge
from agent.view import words
from agent.view.page import svg
from agent.view.page.blocks import TABLE_HEAD, row_of, title
from agent.view.page.shell import JS, shell
from agent.web import plot
from agent.web.history import Series
from agent.wire.text import cell

View = Mapping[str, Any]
WIDE = 12  # boxes; a longer group gets wide rows on a wide screen


def status_page(view: View, parts: Mapping[str, str], shown: Sequence[int], shape: str, query: str) -> str:
    """The status page. `parts`: the HTML of its blocks, as `blocks.slots` returns it. `shown`: the numbers of
    the units whose map is on it. `shape`: changes with the ids of the parts, and an open page then reloads.
    `query`: of the page's own address.
    """
    name, state = title(view)
    made = view["made"]
    packs = "".join(_pack(view, parts, u, first=u == shown[0]) for u in shown)
    if not shown:
        packs = "<section><h2>Packs</h2><p>This site has many cells: choose a unit under Links.</p></section>"
    body = (
        f'{svg.HATCH}<div id="strip" role="alert"></div><p id="say" class="vh" role="status"></p>'
        f'<div class="top"><h1>{e(view["site"])}</h1>'
        f'<span>made at <span id="made">{made["clock"]} {made["zone"]}</span></span></div>'
        f"<main>{parts['hl']}{parts['al']}<div class=packs>{packs}</div>{parts['li']}{parts['lo']}</main>"
        f"{parts['fo']}<script>{JS}</script>"
    )
    attributes = f'data-shape="{shape}" data-refresh="{view["refresh_s"]}" data-query="{e(query)}"'
    return shell(name, svg.icon(state), body, attributes)


def _pack(view: View, parts: Mapping[str, str], u: int, first: bool) -> str:
    unit = view["units"][u]
    figures = "".join(parts[f"f{u}-{figure['key']}"] for figure in unit["figures"])
    groups = []
    numbered = list(enumerate(unit["cells"]))
    for group, boxes in groupby(numbered, key=lambda pair: (pair[1]["group"], pair[1]["kind"])):
        many = list(boxes)
        begin, end = many[0][1], many[-1][1]
        span = begin["name"] if len(many) == 1 else f"{begin['name']} to {end['number']}"
        label = f"{words.place(group[0])}: {span}" if group[0] else span
        wide = " wide" if len(many) > WIDE else ""
        inner = "".join(parts[f"c{u}-{i}"] for i, _ in many)
        groups.append(f'<div><h3>{e(label)}</h3><div class="b{wide}">{inner}</div></div>')
    modes = _modes() if first else ""  # of all the maps on the page
    cells = (
        f'<section class="cells"><h2>Cells of {e(unit["name"])}</h2>{modes}{parts[f"s{u}"]}'
        f'<div class="map" role="group" aria-label="Cells of {e(unit["name"])}">{"".join(groups)}</div>'
        f'<p class="now s"></p>{LEGEND}{parts[f"t{u}"]}</section>'
    )
    return (
        f"<section><h2>{e(unit['name'])} "
        f"<small>{e(unit['profile'])}, polled every {unit['period_s']:g}&nbsp;s</small></h2>"
        f'{parts[f"bl{u}"]}<div class="figs">{figures}</div></section>{cells}'
    )


LEGEND = (
    '<p class="s">Empty: in band, within 10 mV (or 5 K) of the median. + high, - low, 1 2 3 alarm, '
    "~ stale, ? nothing known, x out of service. Arrows move, Enter opens.</p>"
)


def _modes() -> str:
    modes = (("d", "deviation"), ("v", "voltage"), ("t", "temperature"), ("s", "slope, K/min"), ("a", "age"))
    buttons = "".join(
        f'<label><input type="radio" name="mode" id="m{key}"{" checked" * (key == "d")}> {text}</label>'
        for key, text in modes
    )
    return f'<fieldset class="modes"><legend class="vh">What the map shows</legend>{buttons}</fieldset>'


SORTS = {"place": None, "v": "v", "mv": "mv", "t": "t", "slope": "slope", "age": "age_s"}


def table_page(view: View, unit: View, sort: str) -> str:
    """All cells of a unit as a table, sorted by a column of SORTS."""
    key = SORTS.get(sort)
    rows = list(enumerate(unit["cells"]))
    if key:
        rows.sort(key=lambda pair: (pair[1][key] is None, -(pair[1][key] or 0.0)))
    query = {"u": unit["name"]}
    links = " ".join(
        f'<a href="cells?{e(urlencode({**query, "sort": name}))}"'
        f"{' aria-current=true' * (name == sort)}>{name}</a>"
        for name in SORTS
    )
    body = "".join(row_of(i, unit, box) for i, box in rows)
    return shell(
        f"Cells of {unit['name']}",
        svg.icon(title(view)[1]),
        f"{_back(view)}<main><section><h2>Cells of {e(unit['name'])}: {unit['knowledge']}</h2>"
        f"<p>{e(unit['sentence'])}</p>"
        f'<p>Sort by {links}. <a href="cells.csv?{e(urlencode(query))}">CSV</a></p>'
        f'<div class="scroll"><table>{TABLE_HEAD}{body}</table></div></section></main>',
    )


def cell_page(view: View, unit: View, i: int) -> str:
    """One cell: its values, and its alarms."""
    box = unit["cells"][i]
    query = urlencode({"u": unit["name"], "place": box["place"]})
    rows = [
        row
        for row in view["alarms"]["active"]
        if (row["unit"], row["location"]) == (unit["name"], box["place"])
    ]
    said = "".join(
        f"<li><b>{row['state']}, priority {row['priority']}</b>, {row['raised']} {row['zone']}: "
        f"{e(row['what'])}<br>What to do: {e(row['do'])}"
        for row in rows
    )
    last = (
        ""
        if box["sight"] != "none" or box["age_s"] is None
        else (f"<p><b>Nothing is known now.</b> Last read {duration(box['age_s'])} ago.</p>")
    )
    return shell(
        f"{box['name']} of {unit['name']}",
        svg.icon(title(view)[1]),
        f"{_back(view)}<main><section><h2>{e(box['name'].capitalize())} of {e(unit['name'])}</h2>{last}"
        f'<div class="scroll"><table>{TABLE_HEAD}{row_of(i, unit, box)}</table></div>'
        f'<p><a href="history?{e(query)}">History</a></p></section>'
        f"<section><h2>Alarms here</h2><ul>{said or '<li>None.'}</ul></section></main>",
    )


def _back(view: View) -> str:
    made, head = view["made"], view["headline"]
    state = head["condition"] if head["knowledge"] == Knowledge.LIVE else head["knowledge"]
    return (
        f'<div class="top"><a href="./">{e(view["site"])}</a><b>{state}</b>'
        f"<span>made at {made['clock']} {made['zone']}</span></div>"
    )


def message_page(name: str, text: str, form: str = "") -> str:
    """A page with a message, and nothing else."""
    body = f"<main><section><h1>{e(name)}</h1><p>{e(text)}</p>{form}</section></main>"
    return shell(name, svg.icon(""), body, refresh=False)


LOGIN = (
    '<form method="post" action="login"><label>Token <input type="password" name="token" '
    'autocomplete="current-password"></label> <button>Open</button></form>'
)

COLUMNS = (
    "unit",
    "cell",
    "place",
    "mark",
    "sight",
    "voltage_v",
    "from_median_mv",
    "temperature_degc",
    "k_per_min",
    "age_s",
)
FROM_BOX = ("name", "place", "mark", "sight", "v", "mv", "t", "slope", "age_s")


def cells_csv(unit: View) -> str:
    """All cells of a unit as CSV. A cell that is not live has its last values, and their age."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for box in unit["cells"]:
        inert = {**box, "name": cell(box["name"]), "place": cell(box["place"])}
        writer.writerow([unit["name"], *("" if inert[key] is None else inert[key] for key in FROM_BOX)])
    return out.getvalue()


SPANS = ((600, "10 min"), (3600, "1 h"), (21600, "6 h"), (86400, "24 h"), (604800, "7 d"))


def history_page(
    view: View,
    unit: View,
    series: Sequence[Series],
    asked: Mapping[str, str],
    begin_s: float,
    end_s: float,
    now: datetime,
) -> str:
    """The history of a place between two times (UTC, s), with links that zoom and move. `asked`: unit, place
    and quantity, as in the query.
    """
    span = end_s - begin_s

    def link(text: str, end: float, width: float) -> str:
        end = min(end, now.timestamp())
        return (
            f'<a href="history?{e(urlencode({**asked, "end": round(end), "span": round(width)}))}">{text}</a>'
        )

    middle = end_s - span / 2
    places = (("earlier", end_s - span / 2), ("later", end_s + span / 2), ("now", now.timestamp()))
    moves = [link(text, end, span) for text, end in places]
    zooms = [link(text, middle + s / 2, s) if abs(s - span) > 1 else f"<b>{text}</b>" for s, text in SPANS]
    zone = now.tzinfo
    plots = "".join(
        f"<section><h2>{e(one.name)} <small>{e(one.unit)}</small></h2>"
        f"{plot.plot(one.t_s, one.value, begin_s, end_s, one.unit, zone)}{_thinned(one)}</section>"
        for one in series
    )
    nothing = (
        "<section><p>The buffer has no values of this place in this time. Delivered batches stay in it as "
        "long as [store] history_mb allows. Values of the last seconds are not in it yet.</p></section>"
    )
    csv_link = (
        f'<a href="history.csv?{e(urlencode({**asked, "end": round(end_s), "span": round(span)}))}">CSV</a>'
    )
    stretch = " to ".join(
        datetime.fromtimestamp(t, zone).strftime("%d %b %Y %H:%M:%S") for t in (begin_s, end_s)
    )
    return shell(
        f"History of {unit['name']} {asked['place']}",
        svg.icon(title(view)[1]),
        f"{svg.HATCH}{_back(view)}<main class=one><section><h2>{e(unit['name'])}: "
        f"{e(words.place(asked['place']))}</h2><p>{stretch}. Hatched: nothing was known.</p>"
        f"<p>Zoom: {' '.join(zooms)}. Move: {' '.join(moves)}. {csv_link}</p></section>"
        f"{plots or nothing}</main>",
        refresh=False,
    )


def _thinned(one: Series) -> str:
    if one.taken == one.there:
        return ""
    return f'<p class="s">Drawn from {one.taken} of {one.there} batches; zoom in for all.</p>'


def history_csv(series: Sequence[Series]) -> str:
    """The values of a history as CSV; empty where nothing was known."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("utc", "name", "place", "value", "unit"))
    for one in series:
        for t_s, value in zip(one.t_s.tolist(), one.value.tolist(), strict=True):
            utc = datetime.fromtimestamp(t_s, UTC).isoformat(timespec="milliseconds")
            number = "" if value != value else f"{value:.9g}"
            writer.writerow((utc, cell(one.name), cell(one.place), number, cell(one.unit)))
    return out.getvalue()
