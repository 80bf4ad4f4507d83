"""The terminal view as lines of text, of any size. View and state in, lines out.

What must be known comes first: the headline, the alarms, the figures of the unit that is open. Where there is
no room for all, the log goes first, then the links, then the map, then the other units.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from agent.cli.common.letters import shown, wrapped
from agent.cli.live import alarms, overview
from agent.cli.live.blocks import Block, share, uncut, whole
from agent.cli.live.cells import STYLE, cell_lines, map_head, map_rows, worst
from agent.detect.knowledge import SEEN, UNSEEN, Knowledge
from agent.view import words
from agent.view.language import how_long, tell, tr
from agent.view.state import State, named
from agent.view.unseen import since_words

View = Mapping[str, Any]
PRIORITY = {1: "{n} high", 2: "{n} medium", 3: "{n} low"}  # ISA-18.2's words
BLIND = "reverse bold magenta"
WIDE = 72  # columns; on less the words that must be seen come first
MIN_ROWS = 3  # of the map; less is no map
LOG = 2  # lines
LIKELY = 3  # lines at most: the cause of what is not seen
PACK = "Pack {voltage} V   {current} A   SoC {soc} %   median {median} V   min {min}   max {max} V"
TITLE_CELLS = 8  # of a unit, that are always shown
LINKS = "Temp {coldest} to {hottest} °C   links {live} of {all} answering   polls good {good} % in last hour"
KEYS = "q quit  ? help  Tab next  / find  a alarms  o units  c cells  l links  p plain"
SHORT_KEYS = "q quit  ? help  Tab unit  / find  a alarms"
HELP = (
    "",
    "Tab, Shift-Tab   next unit, and back; the worst one is open until you choose",
    "/      find: 5 is a cell of this unit, rack-2 a unit, rack-2 5 a cell of it",
    "a      alarms: up and down choose, k acknowledges, s shelves for an hour, u unshelves",
    "       of those on the screen C acknowledges all of its cause, U of its unit, A all",
    "o      every unit, worst first",
    "c      every cell that is not in band, then all others",
    "l      links: how well each unit answers",
    "Space  hold this picture, and go on",
    "p      plain lines instead of this picture",
    "Esc    back                         q  quit; the agent goes on",
    "",
    "Cells: . in band, + high, - low, 1 2 3 alarm of that priority, ~ stale, ? nothing",
    "known, x out of service. NORMAL is said only of what is seen now.",
)


@dataclass
class ScreenState:
    """What the person at the keyboard has chosen."""

    unit: str | None = None  # None: the worst one
    page: str = "main"  # main, alarms, units, cells, links, help
    chosen: int = 0  # row of the alarm list
    top: int = 0  # first line of a page that scrolls
    held_s: float | None = None  # for how long the picture is held
    find: str | None = None  # what is typed after "/"
    found: int | str | None = None  # number or name of the cell that was asked for
    on_screen: dict[str, str] = field(default_factory=dict)  # what was `seen` of the alarms drawn last, by id
    said: str = ""  # answer to the last key
    lost_s: float | None = None  # since the agent answered last
    age_s: float = 0.0  # of the view itself
    utf8: bool = False  # whether the terminal shows more than ASCII


def opened(view: View) -> View | None:
    """Return the unit that is open, the only one with its figures and cells; None: there is no unit."""
    return next((unit for unit in view["units"] if unit["name"] == view["open"]), None)


def alarm_rows(view: View) -> list[View]:
    """Return the alarms in the order of their list."""
    return [*view["alarms"]["active"], *view["alarms"]["over"]]


def frame(view: View, state: ScreenState, width: int, height: int) -> list[Text]:
    """Return exactly `height` lines, none wider than `width`."""
    unit = opened(view)
    head = [_title(view, state, width), _state(view, unit, state, width), _rule(width)]
    foot = [_rule(width), _foot(state, width)]
    room = max(height - len(head) - len(foot), 0)
    body = {
        "alarms": lambda: _alarm_page(view, state, width, room),
        "units": lambda: _scrolled(overview.page(view, width, state.utf8), state, room),
        "cells": lambda: _scrolled(cell_lines(unit), state, room),
        "links": lambda: _scrolled(_link_lines(view), state, room),
        "help": lambda: [Text(f" {tr(line)}") for line in HELP],
        "main": lambda: _main(view, unit, state, width, room),
    }[state.page]()
    lines = [*head[: max(height - 1, 1)], *body[:room]]
    lines += [Text()] * (height - len(lines) - len(foot))
    lines = [_lettered(line, state.utf8) for line in [*lines, *foot][:height]]
    for line in lines:
        line.truncate(width)
    return lines


def _lettered(line: Text, utf8: bool) -> Text:
    """Return a line in letters that the terminal has, each part in its style."""
    parts = line.divide(sorted({edge for span in line.spans for edge in (span.start, span.end)}))
    return Text.assemble(
        *((shown(part.plain, utf8), part.spans[0].style if part.spans else "") for part in parts)
    )


def _rule(width: int) -> Text:
    return Text("-" * width)


def _title(view: View, state: ScreenState, width: int) -> Text:
    made = view["made"]
    left = Text(shown(f"cellwarden live   {view['site']}", state.utf8))
    up = tell("agent up {time}", time=how_long(view["up_s"]))
    right = Text(f"{made['clock']} {made['zone']}    {up}")
    return left.append(" " * max(width - left.cell_len - right.cell_len, 2)).append(right)


def _alarm_words(view: View) -> str:
    counts = view["alarms"]["by_priority"]
    if not counts:
        return tr("no alarms")
    new = sum(row["state"] == "NEW" for row in view["alarms"]["active"])
    total = ", ".join(tell(PRIORITY[int(p)], n=n) for p, n in counts.items())
    if sum(counts.values()) > 1:
        return tell("{total} alarms, {new} new", total=total, new=new)
    return tell("{total} alarm, {new} new", total=total, new=new)


def _state(view: View, unit: View | None, state: ScreenState, width: int) -> Text:
    """Return condition and knowledge of the site, and of which age the values of the open unit are."""
    head = view["headline"]
    if state.lost_s is not None:
        ago = how_long(state.lost_s)
        lost = tell("THIS VIEW LOST THE AGENT {time} ago. Values below are old.", time=ago)
        return Text(f" {lost}", BLIND)
    known, counted = head["knowledge"], _alarm_words(view)
    highest = next((int(p) for p in view["alarms"]["by_priority"]), 0)
    line = Text(" ")
    what, seen = tr(head["condition"]), State(known, head["learning"]).text
    if known == Knowledge.LIVE and width < WIDE:
        line.append(what, STYLE.get(highest, "bold"))
        line.append(f" - {seen}", "bold").append(f"  {counted}")
    elif known == Knowledge.LIVE:
        line.append(what, STYLE.get(highest, "bold"))
        line.append(set_cell_size(f"   {counted}", max(39 - cell_len(what), cell_len(counted) + 4)))
        line.append(seen, "bold")
    elif highest and not head["last_known"]:
        line.append(what, STYLE.get(highest, "bold")).append(f"   {counted}   ")
        worst_seen = [unit["name"] for unit in view["units"] if unit["knowledge"] == known]
        line.append(f"{tr(known)}: {named(worst_seen)}", BLIND if known in UNSEEN else "bold")
    else:
        line.append(tr(known), BLIND if known in UNSEEN else "bold")
        line.append("  " + tell("LAST KNOWN: {condition}", condition=what.lower()) + f", {counted}")
    if state.held_s is not None:
        held = f"{int(state.held_s // 60):02d}:{int(state.held_s % 60):02d}"
        line.append("   " + tell("HELD BY YOU {time}", time=held), "bold")
    elif unit and not unit["blind"] and len(view["units"]) == 1:
        line.append(f"  {_age(unit, state)}")
    return line


def _age(unit: View, state: ScreenState) -> str:
    age = how_long(unit["age_s"] + state.age_s)
    return tell("data {age} old, polled every {period:g} s", age=age, period=unit["period_s"])


def _foot(state: ScreenState, width: int) -> Text:
    if state.find is not None:
        return Text(f" {tr('Find a unit or a cell')}: {state.find}_")
    if state.said:
        return Text(" " + state.said, "bold")
    if state.page == "alarms":
        return Text(" " + tr("Up Down choose  k ack  C cause  U unit  A all here  s shelve 1 h  u unshelve"))
    if state.page != "main":
        return Text(" " + tr("Up Down scroll  Esc back  q quit"))
    long = Text(f" {tr(KEYS)}")
    return long if width >= long.cell_len else uncut(Text(f" {tr(SHORT_KEYS)}"), width)


def _main(view: View, unit: View | None, state: ScreenState, width: int, room: int) -> list[Text]:
    if unit is None:
        return [Text(" " + tr("No unit is configured."))]
    first = alarms.block(view, width)
    figures = whole(_unit(view, unit, state, width))
    others = _ruled(overview.block(view, width, state.utf8), width)
    cells = _map(unit, state, width)
    links = whole([] if unit["blind"] else [uncut(_links(view, unit), width)])
    log = _ruled(whole(_log(view)), width)
    drawn = share(room, [first, figures, others, cells, links, log])
    return [line for n in (0, 2, 1, 4, 3, 5) for line in drawn[n]]  # as they stand below each other


def _ruled(block: Block, width: int) -> Block:
    """Return a block with a line above it."""
    if not block.most:
        return block
    return Block(block.least + 1, block.most + 1, lambda room: [_rule(width), *block.draw(room - 1)])


def _map(unit: View, state: ScreenState, width: int) -> Block:
    """Return the map with the worst cells below it; where it is too high, rows with marks stay first."""
    head, rows = [_rule(width), *map_head(width)], map_rows(unit, width)
    around, strays = len(head) + 1, uncut(worst(unit, state.found), width)

    def draw(room: int) -> list[Text]:
        left = len(rows) - (room - around)
        if left <= 0:
            return [*head, *(line for line, _ in rows), strays]
        kept = {*sorted(range(len(rows)), key=lambda n: not rows[n][1])[: room - around - 1]}
        more = Text(" " + tell("and {n} more rows: a larger window, or c", n=len(rows) - len(kept)))
        return [
            *head,
            *(line for n, (line, _) in enumerate(rows) if n in kept),
            more,
            strays,
        ]

    return Block(around + min(len(rows), MIN_ROWS), around + len(rows), draw)


def _value(unit: View, key: str) -> str:
    figure = next(f for f in unit["figures"] if f["key"] == key)
    told = words.number(figure["value"], figure["digits"])
    if figure["sight"] != "stale":
        return told
    return f"{told} {tell('{age} old', age=how_long(figure['age_s']))}"


def _unit(view: View, unit: View, state: ScreenState, width: int) -> list[Text]:
    """Return the name of the open unit where there are several, how it is seen, and its figures."""
    lines = [_rule(width)]
    blind = unit["blind"]
    if blind:
        since = since_words(unit["knowledge"], blind)
        told = Text("  ").append(since, BLIND).append(f"  {unit['link']['port']}")
        lines.append(_title_beside(unit, told, width, state.utf8).append_text(told))
    elif len(view["units"]) > 1:
        number = [tile["name"] for tile in view["tiles"]].index(unit["name"]) + 1
        where = f"({tell('{n} of {m}', n=number, m=len(view['units']))})  "
        told = Text(f" {where}").append(unit["state"], "bold").append(f"  {_age(unit, state)}")
        lines.append(_title_beside(unit, told, width, state.utf8).append_text(told))
    lines.append(uncut(_figures(unit), width))
    lines += [Text(f" {part}") for part in wrapped(unit["later"], max(width - 2, 10))]
    if blind:
        likely = tell("LIKELY {cause}", cause=blind["cause"])
        lines += [Text(f" {part}") for part in wrapped(likely, max(width - 2, 10))[:LIKELY]]
        lines.append(
            Text(" " + tell("NEXT   {next}   {warning}", next=blind["next"], warning=blind["warning"]))
        )
    return lines


def _title_beside(unit: View, told: Text, width: int, utf8: bool) -> Text:
    """Return a unit's title where that fits beside what is told of it, which is the answer; else its name, of
    which two are never alike, as far as it fits.
    """
    room = max(width - told.cell_len - 1, TITLE_CELLS)
    fits = cell_len(unit["title"]) <= room and shown(unit["title"], utf8) == unit["title"]
    title = Text(unit["title"] if fits else unit["name"], "" if unit["blind"] else "bold")
    title.truncate(room)
    return Text(" ").append_text(title)


def _figures(unit: View) -> Text:
    volts = sorted(box["v"] for box in unit["cells"] if box["v"] is not None and box["sight"] == "live")
    median = f"{volts[len(volts) // 2]:.3f}" if volts else "--"
    low = next(f for f in unit["figures"] if f["key"] == "min")
    few = low["sight"] == "live" and low["n"] < low["m"]
    part = " " + tell("from {n} of {m}", n=low["n"], m=low["m"]) if few else ""
    keys = ("voltage", "current", "soc", "min", "max")
    return Text(" " + tell(PACK, median=median, **{key: _value(unit, key) for key in keys}) + part)


def _links(view: View, unit: View) -> Text:
    live = sum(one["knowledge"] in SEEN for one in view["units"])
    answered = unit["link"]["answered"]
    good = "--" if answered is None else f"{answered:.1f}"
    keys = ("coldest", "hottest")
    values = {key: _value(unit, key) for key in keys}
    return Text(" " + tell(LINKS, live=live, all=len(view["units"]), good=good, **values))


def _alarm_page(view: View, state: ScreenState, width: int, room: int) -> list[Text]:
    rows = alarm_rows(view)
    if not rows:
        return alarms.block(view, width).draw(1)
    state.chosen = min(max(state.chosen, 0), len(rows) - 1)
    lines, state.on_screen = alarms.page(rows, state.chosen, width, room)
    return lines


def _scrolled(lines: list[Text], state: ScreenState, room: int) -> list[Text]:
    state.top = min(max(state.top, 0), max(len(lines) - room, 0))
    return lines[state.top : state.top + room]


def _link_lines(view: View) -> list[Text]:
    lines = [Text(" " + tr("unit                 knowledge  health  age      answered, 1 h  last error"))]
    for unit in view["units"]:
        link = unit["link"]
        age = tr("never") if unit["age_s"] is None else how_long(unit["age_s"])
        answered = "--" if link["answered"] is None else f"{link['answered']:.1f} %"
        said = link["trouble"] or "; ".join(unit["notes"])
        lines.append(
            Text(
                f" {set_cell_size(unit['name'], 20)} {set_cell_size(tr(unit['word']), 10)}"
                f" {link['letter'] or '-':<7} {set_cell_size(age, 8)} "
                f"{answered:<14} {said}"
            )
        )
    return lines


def _log(view: View) -> list[Text]:
    lines = [f"{line['at']} {line['text']}" for line in view["log"][:LOG]]
    lines += [""] * (LOG - len(lines))
    head = f" {tr('LOG')} "
    return [Text(f"{head if n == 0 else ' ' * cell_len(head)}{line}") for n, line in enumerate(lines)]
