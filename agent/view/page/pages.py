"""Whole pages: each is one file, with its style and its script in it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from markupsafe import Markup

from agent.view import words
from agent.view.language import tell, tr
from agent.view.page.blocks import size_of, title
from agent.view.page.shell import page
from agent.view.page.templates import macros

View = Mapping[str, Any]
#: Where a page that is made for all viewers takes what is of one session.
OF_SESSION = {part: Markup(f"<!--{part} of this session-->") for part in ("answer", "form")}
WIDE = 12  # boxes; a longer group gets wide rows on a wide screen
MODES = {"d": "deviation", "v": "voltage", "t": "temperature", "s": "slope, K/min", "a": "age"}  # of the map
SORTS = {"place": None, "v": "v", "mv": "mv", "t": "t", "slope": "slope", "age": "age_s"}
SPANS = {600: "10 min", 3600: "1 h", 21600: "6 h", 86400: "24 h", 604800: "7 d"}  # of a history, s
MOVES = ("earlier", "later", "now")  # in a history
FILES = {"csv": "CSV", "parquet": "Parquet"}  # of a history
LOCAL = "%Y-%m-%dT%H:%M:%S"  # as a browser's field of a time has it


def status_page(view: View, parts: Mapping[str, Markup], shown: Sequence[int], shape: str, query: str) -> str:
    """The status page. `parts`: the HTML of its blocks, as `blocks.slots` returns it; its tiles
    are those that are among them. `shown`: the numbers of
    the units whose map is on it. `shape`: changes with the ids of the parts, and an open page then reloads.
    `query`: of the address of its events.
    """
    packs = [{"number": u, "unit": (unit := view["units"][u]), "groups": _groups(unit)} for u in shown]
    name, sign = title(view)
    tiles = [tile for tile in view["tiles"] if f"ti{tile['u']}" in parts]
    alone = packs[0]["unit"]["name"] if packs and not tiles else ""
    values = {"parts": parts, "tiles": tiles, "packs": packs, "MODES": MODES, "shape": shape, "query": query}
    values |= {"alone": alone, "size": size_of(len(tiles)), "OF_SESSION": OF_SESSION}
    return page("status.html", name, sign, view=view, **values)


def with_session(made: bytes, answer: Any, token: str, name: str, unit: str) -> bytes:
    """Put into a status page what is of one session: what came of the last act (None: nothing to say), and
    the form, where it has a `token`. `name`: who acknowledged last here.
    """
    acts = macros("acts.html")
    parts = {
        "answer": acts.answered(answer) if answer else "",
        "form": acts.form(token, name, unit) if token else "",
    }
    for part, html in parts.items():
        made = made.replace(OF_SESSION[part].encode(), str(html).encode(), 1)
    return made


def _groups(unit: View) -> list[dict[str, Any]]:
    """Return the rows of a unit's map: `label`, the numbers of their `boxes`, and whether they are `wide`."""
    groups = []
    numbered = list(enumerate(unit["cells"]))
    for (place, _), found in groupby(numbered, key=lambda pair: (pair[1]["group"], pair[1]["kind"])):
        many = list(found)
        begin, end = many[0][1], many[-1][1]
        first = words.numbered(begin["kind"], begin["number"])
        span = first if len(many) == 1 else tell("{first} to {last}", first=first, last=end["number"])
        label = f"{words.place(place)}: {span}" if place else span
        groups.append({"label": label, "boxes": [i for i, _ in many], "wide": len(many) > WIDE})
    return groups


def table_page(view: View, unit: View, sort: str) -> str:
    """All cells of a unit as a table, sorted by a column of SORTS."""
    key = SORTS.get(sort)
    boxes = list(enumerate(unit["cells"]))
    if key:
        boxes.sort(key=lambda pair: (pair[1][key] is None, -(pair[1][key] or 0.0)))
    values = {"unit": unit, "boxes": boxes, "sorts": SORTS, "sort": sort}
    return page(
        "cells.html", tell("Cells of {unit}", unit=unit["title"]), title(view)[1], view=view, **values
    )


def cell_page(view: View, unit: View, i: int, drawn: Sequence[Mapping[str, Any]]) -> str:
    """One cell: its values, its alarms, and the last hour, `drawn` as for `history_page`."""
    box = unit["cells"][i]
    here = (unit["name"], box["place"])
    rows = [row for row in view["alarms"]["active"] if (row["unit"], row["location"]) == here]
    values = {"unit": unit, "i": i, "box": box, "rows": rows, "drawn": drawn}
    return page(
        "cell.html",
        tell("{cell} of {unit}", cell=box["name"], unit=unit["title"]),
        title(view)[1],
        view=view,
        **values,
    )


def found_page(view: View, text: str, unit: str) -> str:
    """What a search did not find; `unit`: where the cell was looked for, "" where there is no such unit."""
    return page("found.html", tell("Find: {text}", text=text), title(view)[1], view=view, unit=unit)


def message_page(name: str, text: str, login: bool = False) -> str:
    """A page with a message, a field for the token where it asks for one, and nothing else."""
    return page("message.html", name, "", text=text, login=login)


def history_page(
    view: View,
    unit: View,
    drawn: Sequence[Mapping[str, Any]],
    asked: Mapping[str, str],
    begin_s: float,
    end_s: float,
    now: datetime,
    forms: Sequence[str],
) -> str:
    """The history of a place between two times (UTC, s), with links that zoom and move. `drawn`: of each
    series its `drawing`, `caption`, `name`, `unit`, its `data` for the script, and its batches,
    `taken` of `there`. `asked`: unit, place and quantity, as in the query. `forms`: keys of FILES.
    """
    span_s, now_s = end_s - begin_s, now.timestamp()
    middle_s = end_s - span_s / 2

    def stretch(end: float, span: float) -> tuple[float, float]:
        return min(end, now_s), span

    begin, end = (datetime.fromtimestamp(t, now.tzinfo) for t in (begin_s, end_s))
    places = dict(zip(MOVES, (middle_s, end_s + span_s / 2, now_s), strict=True))
    values = {
        "unit": unit,
        "drawn": drawn,
        "asked": asked,
        "begin": words.dated(begin, "%d %b %Y %H:%M:%S"),
        "end": words.dated(end, "%d %b %Y %H:%M:%S"),
        "local": {"begin": begin.strftime(LOCAL), "end": end.strftime(LOCAL)},
        "forms": forms,
        "names": FILES,
        "end_s": end_s,
        "span_s": span_s,
        "moves": [(tr(text), *stretch(to_s, span_s)) for text, to_s in places.items()],
        "zooms": [
            (tr(text), *stretch(middle_s + s / 2, s), abs(s - span_s) <= 1) for s, text in SPANS.items()
        ],
    }
    name = tell("History of {unit} {place}", unit=unit["title"], place=words.place(asked["place"]))
    return page("history.html", name, title(view)[1], view=view, **values)
