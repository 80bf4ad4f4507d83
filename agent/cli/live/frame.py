"""The terminal view as lines of text: 80 by 24 and any other size, ASCII only. View and state in, lines out.

What does not fit goes in this order: log, links, map; the headline and the alarms stay.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from rich.text import Text

from agent.cli.live.cells import STYLE, cell_lines, map_lines, worst
from agent.detect.duration import duration
from agent.detect.knowledge import SEEN, UNSEEN, Knowledge
from agent.view import words

View = Mapping[str, Any]
PRIORITY = {1: "high", 2: "medium", 3: "low"}  # ISA-18.2's words
BLIND = "reverse bold magenta"
WIDE = 72  # columns; on less the words that must be seen come first
MIN_ALARMS = 2
MIN_MAP = 5  # lines; less is no map
KEYS = " q quit  ? help  a alarms  c cells  l links  Space freeze  / find cell  p plain"
HELP = (
    "",
    " Tab    next unit                    Space  hold this picture, and go on",
    " a      alarms: up and down choose, k acknowledges, s shelves for an hour, u unshelves",
    " c      every cell that is not in band, then all others",
    " l      links: how well each unit answers",
    " /      find a cell: type its number, then Enter",
    " p      plain lines instead of this picture",
    " Esc    back                         q  quit; the agent goes on",
    "",
    " Cells: . in band, + high, - low, 1 2 3 alarm of that priority, ~ stale, ? nothing",
    " known, x out of service. NORMAL is said only of what is seen now.",
)


@dataclass
class ScreenState:
    """What the person at the keyboard has chosen."""

    unit: int = 0
    page: str = "main"  # main, alarms, cells, links, help
    chosen: int = 0  # row of the alarm list
    top: int = 0  # first line of a page that scrolls
    held_s: float | None = None  # for how long the picture is held
    find: str | None = None  # what is typed after "/"
    found: int | None = None  # number of the cell that was asked for
    said: str = ""  # answer to the last key
    lost_s: float | None = None  # since the agent answered last
    age_s: float = 0.0  # of the view itself


def ascii_only(text: str) -> str:
    """Return text that any terminal can show."""
    return text.replace("°", "").encode("ascii", "replace").decode()


def frame(view: View, state: ScreenState, width: int, height: int) -> list[Text]:
    """Return exactly `height` lines, none wider than `width`."""
    unit = view["units"][state.unit % len(view["units"])] if view["units"] else None
    head = [_title(view, unit, width), _state(view, unit, state, width), _rule(width)]
    foot = [_rule(width), _foot(state)]
    room = max(height - len(head) - len(foot), 0)
    body = {
        "alarms": lambda: _alarm_page(view, state, width, room),
        "cells": lambda: _scrolled(cell_lines(unit), state, room),
        "links": lambda: _scrolled(_link_lines(view), state, room),
        "help": lambda: [Text(line) for line in HELP],
        "main": lambda: _main(view, unit, state, width, room),
    }[state.page]()
    lines = [*head[: max(height - 1, 1)], *body[:room]]
    lines += [Text()] * (height - len(lines) - len(foot))
    lines = [*lines, *foot][:height]
    for line in lines:
        line.truncate(width)
    return lines


def _rule(width: int) -> Text:
    return Text("-" * width)


def _title(view: View, unit: View | None, width: int) -> Text:
    made = view["made"]
    name = f"{view['site']} / {unit['name']}" if unit else view["site"]
    if len(view["units"]) > 1 and unit:
        name += f" ({view['units'].index(unit) + 1} of {len(view['units'])})"
    left = ascii_only(f"cellwarden live   {name}")
    right = f"{made['clock']} {made['zone']}    agent up {duration(view['up_s'])}"
    return Text(left + right.rjust(max(width - len(left), len(right) + 2)))


def _alarm_words(view: View) -> str:
    counts = view["alarms"]["by_priority"]
    if not counts:
        return "no alarms"
    new = sum(row["state"] == "NEW" for row in view["alarms"]["active"])
    total = ", ".join(f"{n} {PRIORITY[int(p)]}" for p, n in counts.items())
    return f"{total} alarm{'s' if sum(counts.values()) > 1 else ''}, {new} new"


def _state(view: View, unit: View | None, state: ScreenState, width: int) -> Text:
    head = view["headline"]
    if state.lost_s is not None:
        return Text(f" THIS VIEW LOST THE AGENT {duration(state.lost_s)} ago. Values below are old.", BLIND)
    line = Text(" ")
    if head["knowledge"] != Knowledge.LIVE:
        known = head["knowledge"]
        since = unit["blind"] if unit else None
        if unit and since:
            known = f"{unit['knowledge']} since {since['since']}" + (
                f" ({since['for']})" if since["for"] else ""
            )
            line.append(known, BLIND).append(
                f"  LAST KNOWN: {_alarm_words(view)}  bus {unit['link']['port']}"
            )
        else:
            line.append(known, BLIND if known in UNSEEN else "bold")
            line.append(f"  LAST KNOWN: {head['condition'].lower()}, {_alarm_words(view)}")
    else:
        worst = next((int(p) for p in view["alarms"]["by_priority"]), 0)
        line.append(head["condition"], STYLE.get(worst, "bold"))
        if width < WIDE:
            line.append(" - LIVE", "bold").append(f"  {_alarm_words(view)}")
        else:
            line.append(f"   {_alarm_words(view)}".ljust(39 - len(head["condition"])))
            line.append(Knowledge.LIVE, "bold")
    if state.held_s is not None:
        line.append(f"   HELD BY YOU {int(state.held_s // 60):02d}:{int(state.held_s % 60):02d}", "bold")
    elif unit and not unit["blind"]:
        age = duration(unit["age_s"] + state.age_s)
        line.append(f"  data {age} old, polled every {unit['period_s']:g} s")
    return Text(ascii_only(line.plain), spans=line.spans)


def _foot(state: ScreenState) -> Text:
    if state.find is not None:
        return Text(f" Find cell number: {state.find}_")
    if state.said:
        return Text(" " + ascii_only(state.said), "bold")
    if state.page == "alarms":
        return Text(" Up Down choose  k acknowledge  s shelve 1 h  u unshelve  Esc back  q quit")
    return Text(KEYS if state.page == "main" else " Up Down scroll  Esc back  q quit")


def _main(view: View, unit: View | None, state: ScreenState, width: int, room: int) -> list[Text]:
    if unit is None:
        return [Text(" No unit is configured.")]
    rule = [_rule(width)]
    figures = [_figures(unit)]
    links = [_links(view, unit)]
    log = [*rule, *(_blind(unit) if unit["blind"] else _log(view))]
    least = min(len(view["alarms"]["active"]), MIN_ALARMS)
    spare = room - len(figures) - 1 - least - 1  # a rule and the head of the alarms
    cells = [*rule, *_fitting(map_lines(unit, width), spare - 2), worst(unit, state.found)]
    taken: dict[str, list[Text]] = {}
    for name, lines in (("map", cells), ("links", links), ("log", log)):  # what is dropped last comes first
        taken[name] = lines if spare >= len(lines) else []
        spare -= len(taken[name])
    alarms = _alarms(view, width, least + max(spare, 0))
    return [*figures, *taken["links"], *taken["map"], *rule, *alarms, *taken["log"]]


def _fitting(lines: list[Text], room: int) -> list[Text]:
    """Cut a map that is too high; what is missing is said."""
    if len(lines) <= room or room < MIN_MAP:
        return lines
    return [*lines[: room - 1], Text(f" and {len(lines) - room + 1} more rows: a larger window, or c")]


def _value(unit: View, key: str, form: str = "") -> str:
    figure = next(f for f in unit["figures"] if f["key"] == key)
    shown = words.number(figure["value"], figure["digits"])
    return shown + (f" {duration(figure['age_s'])} old" if figure["sight"] == "stale" else "") + form


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
    temperatures = f"{_value(unit, 'coldest')} to {_value(unit, 'hottest')} C"
    return Text(f" Temp {temperatures}   {count}   polls good {good} % in last hour")


def _alarms(view: View, width: int, rows: int) -> list[Text]:
    active = view["alarms"]["active"]
    head = f" ALARMS {len(active)} active".ljust(17) + "pr state      raised    where              what"
    lines = [Text(head)]
    shown = active[:rows] if len(active) <= rows else active[: max(rows - 1, 0)]
    lines += [_alarm_line(row, width) for row in shown]
    if len(shown) < len(active):
        lines.append(Text(f"{'':17}and {len(active) - len(shown)} more: a"))
    return lines + [Text()] * (rows + 1 - len(lines))


def _alarm_line(row: View, width: int, chosen: bool | None = None) -> Text:
    mark = {None: "  ", True: "> ", False: "  "}[chosen]
    line = Text(f"{mark}".rjust(17) if chosen is None else mark)
    line.append(f"{row['priority']}", STYLE[row["priority"]])
    state = row["state"] if not row["knowledge"] else "last known"
    where = ascii_only(row["where"])
    what = f"now {row['now']}  " if row["now"] else ""
    line.append(f"  {state:<10} {row['raised'][-8:]:<9} {where:<18} {ascii_only(what + row['what'])}")
    line.truncate(width)
    return line


def _alarm_page(view: View, state: ScreenState, width: int, room: int) -> list[Text]:
    rows = [*view["alarms"]["active"], *view["alarms"]["over"]]
    if not rows:
        ended = view["alarms"]["counts"]["last_ended"]
        return [Text(" No active alarms." + (f" Last one ended {ended}." if ended else ""))]
    state.chosen = min(max(state.chosen, 0), len(rows) - 1)
    listed = max(room - 7, 1)
    first = max(0, min(state.chosen - listed // 2, len(rows) - listed))
    lines = [_alarm_line(row, width, i == state.chosen) for i, row in enumerate(rows)][first : first + listed]
    row = rows[state.chosen]
    text = ascii_only(f"{row['what']} What to do: {row['do']}")
    by = f", acknowledged by {row['by']}" if row["by"] else ""
    raised = f"raised {row['raised']} {row['zone']}, {row['times_24h']} times in 24 h"
    about = f" {row['where']}, {row['state']}, {raised}{by}"
    lines += [_rule(width), Text(ascii_only(about))]
    return [*lines, *(Text(f" {part}") for part in wrap(text, max(width - 2, 10)))]


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
                ascii_only(
                    f" {unit['name'][:20]:<20} {unit['knowledge']:<10} {link['letter'] or '-':<7} {age:<8} "
                    f"{answered:<14} {said}"
                )
            )
        )
    return lines


def _blind(unit: View) -> list[Text]:
    said = unit["blind"]
    return [
        Text(ascii_only(f" LIKELY {said['cause']}")),
        Text(f" NEXT   {said['next']}   {said['warning']}"),
    ]


def _log(view: View) -> list[Text]:
    lines = [ascii_only(f"{line['at']} {line['text']}") for line in view["log"][:2]]
    lines += [""] * (2 - len(lines))
    return [Text(f" LOG {lines[0]}"), Text(f"     {lines[1]}")]
