"""Alarms on a terminal: the first lines of those that stand, most urgent first, and a list to choose from."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import set_cell_size
from rich.text import Text

from agent.cli.common.letters import wrapped
from agent.cli.live.blocks import Block
from agent.cli.live.cells import STYLE
from agent.view.language import tell, tr

View = Mapping[str, Any]
MARGIN = 23  # columns before the sentence: priority, state, time
NARROW = 60  # columns; on less the sentence begins on a line of its own
LINES, NARROW_LINES = 3, 7  # of an alarm in the overview; the list of alarms has all of it


def block(view: View, width: int) -> Block:
    """Return the alarms that stand; the first of them is always there."""
    active = view["alarms"]["active"]
    if not active:
        ended = view["alarms"]["counts"]["last_ended"]
        none = Text(" " + tr("No active alarms."))
        none.append(" " + tell("Last one ended {at}.", at=ended) if ended else "")
        return Block(1, 1, lambda _: [none])
    each = [_lines(row, width)[: NARROW_LINES if width < NARROW else LINES] for row in active]
    return Block(len(each[0]) + (len(each) > 1), sum(map(len, each)), lambda room: _fitting(each, room))


def _fitting(each: Sequence[list[Text]], room: int) -> list[Text]:
    """Return as many whole alarms as there is room for, a part of the first one in any case; how many are
    left out is said.
    """
    if len(each[0]) + (len(each) > 1) > room:
        return each[0][:room]
    lines: list[Text] = []
    for n, more in enumerate(each):
        last = n == len(each) - 1
        if len(lines) + len(more) + (not last) > room:
            return [*lines, Text(" " + tell("and {n} more: a", n=len(each) - n))]
        lines += more
    return lines


def _lines(row: View, width: int) -> list[Text]:
    narrow = width < NARROW
    margin = 3 if narrow else MARGIN
    said = wrapped(row["first"], max(width - margin, 10)) or [""]
    head = (
        Text(" ")
        .append(str(row["priority"]), STYLE[row["priority"]])
        .append(" " + set_cell_size(state_of(row), 11))
    )
    head.append(f"{row['raised'][-8:]:<9}")
    rest = [Text(" " * margin + part) for part in said[0 if narrow else 1 :]]
    return [head, *rest] if narrow else [head.append(said[0]), *rest]


def page(rows: Sequence[View], chosen: int, width: int, room: int) -> tuple[list[Text], dict[str, str]]:
    """Return the list of alarms with one chosen, and below it all that is known of that one; and what
    is `seen` of those that are on the screen, by id.
    """
    row = rows[chosen]
    at = f"{row['raised']} {row['zone']}"
    head = tell("{state}, raised {at}, {n} times in 24 h", state=state_of(row), at=at, n=row["times_24h"])
    by = tell("acknowledged by {who}", who=row["by"]) if row["by"] else ""
    do = tell("What to do: {do}", do=row["do"])
    below = [", ".join(filter(None, [head, by])), row["first"], *row["below"], do]
    told = [Text(f" {part}") for text in below for part in wrapped(text, max(width - 2, 10))]
    listed = max(room - len(told) - 1, min(3, room))
    first = max(0, min(chosen - listed // 2, len(rows) - listed))
    here = rows[first : first + listed][:room]
    lines = [_one(row, i == chosen) for i, row in enumerate(here, first)]
    return [*lines, Text("-" * width), *told][:room], {row["id"]: row["seen"] for row in here}


def _one(row: View, chosen: bool) -> Text:
    line = Text("> " if chosen else "  ").append(str(row["priority"]), STYLE[row["priority"]])
    return line.append(f" {set_cell_size(state_of(row), 11)}{row['raised'][-8:]:<9}{row['first']}")


def state_of(row: View) -> str:
    """Return the state of an alarm; "last known" where its place is not seen now."""
    return str(row["knowledge"] or tr(row["state"]))
