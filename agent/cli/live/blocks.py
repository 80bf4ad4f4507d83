"""How a screen is shared among blocks: the important ones first, whole ones before larger ones. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.text import Text


@dataclass(frozen=True)
class Block:
    """Some lines of the screen: with fewer than `least` it is not drawn, more than `most` are useless.

    draw: returns at most as many lines as it is given.
    """

    least: int
    most: int
    draw: Callable[[int], list[Text]]


def whole(lines: Sequence[Text]) -> Block:
    """Return a block that is drawn whole or not at all."""
    return Block(len(lines), len(lines), lambda _: list(lines))


def uncut(line: Text, width: int) -> Text:
    """Return as many of a line's figures, which stand apart by two spaces or more, as fit whole."""
    end = line.plain.rfind("  ", 0, width + 2) if line.cell_len > width else -1
    fitting = line[: max(end, 0)]
    fitting.rstrip()
    return fitting if fitting.plain.strip() else line


def share(room: int, blocks: Sequence[Block]) -> list[list[Text]]:
    """Return the lines of each block, the most important block first, of which there is always as much as
    there is room for; none of another one, where there is no room for it.
    """
    given: list[int] = []
    for block in blocks:
        given.append(block.least if block.least <= room else 0 if given else room)
        room -= given[-1]
    drawn = []
    for block, lines in zip(blocks, given, strict=True):
        more = min(block.most - lines, room) if lines else 0
        room -= more
        drawn.append(block.draw(lines + more) if lines else [])
    return drawn
