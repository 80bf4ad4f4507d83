"""All units on a terminal, worst first: a mark, the name, the hottest sensor, how far a cell strays."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import set_cell_size
from rich.text import Text

from agent.cli.common.letters import shown
from agent.cli.live.blocks import Block
from agent.cli.live.cells import STYLE
from agent.detect.knowledge import UNSEEN, Knowledge
from agent.view.language import how_long, tell, tr
from agent.view.state import LEARNING

View = Mapping[str, Any]
NAME, WIDTH = 13, 26  # columns of a name, and of a unit
ROWS = 3  # of units on the first screen: all others stand on a page of their own


def block(view: View, width: int, utf8: bool) -> Block:
    """Return the worst units of a site that has several, as many as there is room for."""
    tiles = view["tiles"]
    if len(tiles) < 2:
        return Block(0, 0, lambda _: [])
    rows = -(-len(tiles) // _columns(width))
    return Block(2, 1 + min(rows, ROWS), lambda room: _lines(tiles, width, room, utf8))


def page(view: View, width: int, utf8: bool) -> list[Text]:
    """Return every unit."""
    return _lines(view["tiles"], width, len(view["tiles"]) + 1, utf8)


def _lines(tiles: Sequence[View], width: int, room: int, utf8: bool) -> list[Text]:
    columns = _columns(width)
    here = tiles[: columns * (room - 1)]
    left = tiles[len(here) :]
    head = Text(" " + tell("UNITS {n}, worst first: hottest degC, widest cell mV", n=len(tiles)))
    if any(tile["word"] == LEARNING for tile in tiles):
        head.append("; " + tr("L learning"))
    if left:
        head.append("; " + tell("{n} more: o", n=len(left)))
    rows = [here[i : i + columns] for i in range(0, len(here), columns)]
    return [head, *(Text("").join(_tile(tile, utf8) for tile in row) for row in rows)]


def _columns(width: int) -> int:
    return max((width - 1) // WIDTH, 1)


def _tile(tile: View, utf8: bool) -> Text:
    mark = str(tile["priority"] or _MARKS.get(tile["word"], " "))
    line = Text(" ").append(mark, STYLE.get(tile["priority"], "bold"))
    return line.append(
        set_cell_size(f" {set_cell_size(shown(tile['name'], utf8), NAME)}{_figures(tile)}", WIDTH - 2)
    )


_MARKS: dict[str, str] = {
    **dict.fromkeys(UNSEEN, "?"),
    Knowledge.STALE: "~",
    Knowledge.PARTIAL: "~",
    LEARNING: "L",
}


def _figures(tile: View) -> str:
    if tile["knowledge"] in UNSEEN:
        if tile["age_s"] is None:
            return tr(tile["knowledge"])
        return tell("{time} ago", time=how_long(tile["age_s"]))
    hot, away = tile["hottest_degc"], tile["away_mv"]
    return f"{'--' if hot is None else f'{hot:.1f}':>5}{'--' if away is None else f'{abs(away):.0f}':>4}"
