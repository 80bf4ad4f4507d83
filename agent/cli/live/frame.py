"""The terminal view as lines of text, of any size. View and state in, lines out.

What must be known comes first: the headline, the alarms, the figures of the unit that is open. Where there is
no room for all, the log goes first, then the links, then the map, then the other units.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from rich.text import Text

from agent.cli.common.letters import shown
from agent.cli.live import alarms, overview
from agent.cli.live.blocks import Block, share, whole
from agent.cli.live.cells import STYLE, cell_lines, map_head, map_rows, worst
from agent.detect.duration import duration
from agent.detect.knowledge import SEEN, UNSEEN, Knowledge
from agent.view import words
from agent.view.state import LEARNING

View = Mapping[str, Any]
PRIORITY = {1: "high", 2: "medium", 3: "low"}  # ISA-18.2's words
BLIND = "reverse bold magenta"
WIDE = 72  # columns; on less the words that must be seen come first
MIN_ROWS = 3  # of the map; less is no map
LOG = 2  # lines
KEYS = " q quit  ? help  Tab next  / find  a alarms  o units  c cells  l links  p plain"
SHORT_KEYS = " q quit  ? help  Tab unit  / find  a alarms"
HELP = (
    "",
    " Tab, Shift-Tab   next unit, and back; the worst one is open until you choose",
    " /      find: 5 is a cell of this unit, rack-2 a unit, rack-2 5 a cell of it",
    " a      alarms: up and down choose, k acknowledges, s shelves for an hour, u unshelves",
    " o      every unit, worst first",
    " c      every cell that is not in band, then all others",
    " l      links: how well each unit answers",
    " Space  hold this picture, and go on",
    " p      plain lines instead of this picture",
    " Esc    back                         q  quit; the agent goes on",
    "",
    " Cells: . in band, + high, - low, 1 2 3 alarm of that priority, ~ stale, ? nothing",
    " known, x out of service. NORMAL is said only of what is seen now.",
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
    found: int | None = None  # number of the cell that was asked for
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
        "help": lambda: [Text(line) for line in HELP],
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
    right = f"{made['clock']} {made['zone']}    agent up {duration(view['up_s'])}"
    return left.append(right.rjust(max(width - left.cell_len, len(right) + 2)))


def _alarm_words(view: View) -> str:
    counts = view["alarms"]["by_priority"]
    if not counts:
        return "no alarms"
    new = sum(row["state"] == "NEW" for row in view["alarms"]["active"])
    total = ", ".join(f"{n} {PRIORITY[int(p)]}" for p, n in counts.items())
    return f"{total} alarm{'s' if sum(counts.values()) > 1 else ''}, {new} new"


def _state(view: View, unit: View | None, state: ScreenState, width: int) -> Text:
    """Return condition and knowledge of the site, and of which age the values of the open unit are."""
    head = view["headline"]
    if state.lost_s is not None:
        return Text(f" THIS VIEW LOST THE AGENT {duration(state.lost_s)} ago. Values below are old.", BLIND)
    known, counted = head["knowledge"], _alarm_words(view)
    highest = next((int(p) for p in view["alarms"]["by_priority"]), 0)
    line = Text(" ")
    seen = known if not head["learning"] else f"{known}, {LEARNING} until {head['learning']}"
    if known == Knowledge.LIVE and width < WIDE:
        line.append(head["condition"], STYLE.get(highest, "bold"))
        line.append(f" - {seen}", "bold").append(f"  {counted}")
    elif known == Knowledge.LIVE:
        line.append(head["condition"], STYLE.get(highest, "bold"))
        line.append(f"   {counted}".ljust(39 - len(head["condition"]))).append(seen, "bold")
    elif highest and not head["last_known"]:
        line.append(head["condition"], STYLE.get(highest, "bold")).append(f"   {counted}   ")
        worst_seen = [unit["name"] for unit in view["units"] if unit["knowledge"] == known]
        line.append(f"{known}: {', '.join(worst_seen)}", BLIND if known in UNSEEN else "bold")
    else:
        line.append(known, BLIND if known in UNSEEN else "bold")
        line.append(f"  LAST KNOWN: {head['condition'].lower()}, {counted}")
    if state.held_s is not None:
        line.append(f"   HELD BY YOU {int(state.held_s // 60):02d}:{int(state.held_s % 60):02d}", "bold")
    elif unit and not unit["blind"] and len(view["units"]) == 1:
        line.append(f"  {_age(unit, state)}")
    return line


def _age(unit: View, state: ScreenState) -> str:
    return f"data {duration(unit['age_s'] + state.age_s)} old, polled every {unit['period_s']:g} s"


def _foot(state: ScreenState, width: int) -> Text:
    if state.find is not None:
        return Text(f" Find a unit or a cell: {state.find}_")
    if state.said:
        return Text(" " + state.said, "bold")
    if state.page == "alarms":
        return Text(" Up Down choose  k acknowledge  s shelve 1 h  u unshelve  Esc back  q quit")
    if state.page != "main":
        return Text(" Up Down scroll  Esc back  q quit")
    return Text(KEYS if width >= len(KEYS) else SHORT_KEYS)


def _main(view: View, unit: View | None, state: ScreenState, width: int, room: int) -> list[Text]:
    if unit is None:
        return [Text(" No unit is configured.")]
    first = alarms.block(view, width)
    figures = whole(_unit(view, unit, state, width))
    others = _ruled(overview.block(view, width, state.utf8), width)
    cells = _map(unit, state, width)
    links = whole([] if unit["blind"] else [_links(view, unit)])
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
    around = len(head) + 1

    def draw(room: int) -> list[Text]:
        left = len(rows) - (room - around)
        if left <= 0:
            return [*head, *(line for line, _ in rows), worst(unit, state.found)]
        kept = {*sorted(range(len(rows)), key=lambda n: not rows[n][1])[: room - around - 1]}
        more = Text(f" and {len(rows) - len(kept)} more rows: a larger window, or c")
        return [
            *head,
            *(line for n, (line, _) in enumerate(rows) if n in kept),
            more,
            worst(unit, state.found),
        ]

    return Block(around + min(len(rows), MIN_ROWS), around + len(rows), draw)


def _value(unit: View, key: str) -> str:
    figure = next(f for f in unit["figures"] if f["key"] == key)
    told = words.number(figure["value"], figure["digits"])
    return told + (f" {duration(figure['age_s'])} old" if figure["sight"] == "stale" else "")


def _unit(view: View, unit: View, state: ScreenState, width: int) -> list[Text]:
    """Return the name of the open unit where there are several, how it is seen, and its figures."""
    lines = [_rule(width)]
    blind = unit["blind"]
    if blind:
        since = f"{unit['knowledge']} since {blind['since']}" + (f" ({blind['for']})" if blind["for"] else "")
        lines.append(Text(f" {unit['name']}  ").append(since, BLIND).append(f"  {unit['link']['port']}"))
    elif len(view["units"]) > 1:
        number = [tile["name"] for tile in view["tiles"]].index(unit["name"]) + 1
        where = f"({number} of {len(view['units'])})  "
        lines.append(Text(f" {unit['name']} ", "bold").append(where).append(unit["state"], "bold"))
        lines[-1].append(f"  {_age(unit, state)}")
    lines.append(_figures(unit))
    lines += [Text(f" {part}") for part in wrap(unit["later"], max(width - 2, 10), break_on_hyphens=False)]
    if blind:
        lines += [Text(f" LIKELY {blind['cause']}"), Text(f" NEXT   {blind['next']}   {blind['warning']}")]
    return lines


def _figures(unit: View) -> Text:
    volts = sorted(box["v"] for box in unit["cells"] if box["v"] is not None and box["sight"] == "live")
    median = f"{volts[len(volts) // 2]:.3f}" if volts else "--"
    low = next(f for f in unit["figures"] if f["key"] == "min")
    part = f" from {low['n']} of {low['m']}" if low["sight"] == "live" and low["n"] < low["m"] else ""
    return Text(
        f" Pack {_value(unit, 'voltage')} V   {_value(unit, 'current')} A   SoC {_value(unit, 'soc')} %   "
        f"median {median} V   min {_value(unit, 'min')}   max {_value(unit, 'max')} V{part}"
    )


def _links(view: View, unit: View) -> Text:
    live = sum(one["knowledge"] in SEEN for one in view["units"])
    answered = unit["link"]["answered"]
    good = "--" if answered is None else f"{answered:.1f}"
    count = f"links {live} of {len(view['units'])} answering"
    temperatures = f"{_value(unit, 'coldest')} to {_value(unit, 'hottest')} °C"
    return Text(f" Temp {temperatures}   {count}   polls good {good} % in last hour")


def _alarm_page(view: View, state: ScreenState, width: int, room: int) -> list[Text]:
    rows = alarm_rows(view)
    if not rows:
        return alarms.block(view, width).draw(1)
    state.chosen = min(max(state.chosen, 0), len(rows) - 1)
    return alarms.page(rows, state.chosen, width, room)


def _scrolled(lines: list[Text], state: ScreenState, room: int) -> list[Text]:
    state.top = min(max(state.top, 0), max(len(lines) - room, 0))
    return lines[state.top : state.top + room]


def _link_lines(view: View) -> list[Text]:
    lines = [Text(" unit                 knowledge  health  age      answered, 1 h  last error")]
    for unit in view["units"]:
        link = unit["link"]
        age = "never" if unit["age_s"] is None else duration(unit["age_s"])
        answered = "--" if link["answered"] is None else f"{link['answered']:.1f} %"
        said = link["trouble"] or "; ".join(unit["notes"])
        lines.append(
            Text(
                f" {unit['name'][:20]:<20} {unit['word']:<10} {link['letter'] or '-':<7} {age:<8} "
                f"{answered:<14} {said}"
            )
        )
    return lines


def _log(view: View) -> list[Text]:
    lines = [f"{line['at']} {line['text']}" for line in view["log"][:LOG]]
    lines += [""] * (LOG - len(lines))
    return [Text(f"{' LOG ' if n == 0 else '     '}{line}") for n, line in enumerate(lines)]
