"""An answer for people: a table that fits a terminal of 80 columns. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from unicodedata import east_asian_width

from agent.view.language import how_long
from agent.wire.text import printable
from collector.questions.question import Column, Question, Row

WIDTH = 80
LEAST = 8  # columns of a text that is folded
GAP = 2
RIGHT = {"count", "number", "seconds"}


def lines(question: Question, rows: Sequence[Row], now: datetime) -> Iterator[str]:
    """Yield the lines of an answer. now: in the zone of whoever reads it."""
    if not rows:
        yield question.none
        return
    shown = [column for column in question.columns if column.head]
    table = [[column.head for column in shown]]
    table += [[_cell(column, row[column.name], now) for column in shown] for row in rows]
    widths = _widths(table)
    for row in table:
        yield from _folded(row, widths, shown)


def columns_of(text: str) -> int:
    """How many columns of a terminal a text takes: a Korean syllable two."""
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def _cell(column: Column, value: Any, now: datetime) -> str:
    if value is None:
        return "-"
    if column.kind == "time":
        return f"{datetime.fromtimestamp(value / 1e9, now.tzinfo):%Y-%m-%d %H:%M}"
    if column.kind == "seconds":
        return how_long(value) if value >= 0 else f"-{how_long(-value)}"
    if column.kind == "number":
        return f"{value:.4g}"
    if column.kind == "flag":
        return "yes" if value else "no"
    return printable(str(value), 1000) or "-"


def _widths(table: Sequence[Sequence[str]]) -> list[int]:
    """The widths of columns: the widest gives way until all fit."""
    widths = [max(map(columns_of, cells)) for cells in zip(*table, strict=True)]
    while sum(widths) + GAP * (len(widths) - 1) > WIDTH:
        widest = widths.index(max(widths))
        if widths[widest] <= LEAST:
            break
        widths[widest] -= 1
    return widths


def _folded(row: Sequence[str], widths: Sequence[int], shown: Sequence[Column]) -> Iterator[str]:
    """The lines of a row: nothing is left out, what is too wide goes on below."""
    parts = [list(_pieces(text, width)) for text, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, parts))):
        cells = [part[number] if number < len(part) else "" for part in parts]
        padded = [
            " " * (width - columns_of(cell)) + cell
            if column.kind in RIGHT
            else cell + " " * (width - columns_of(cell))
            for cell, width, column in zip(cells, widths, shown, strict=True)
        ]
        yield (" " * GAP).join(padded).rstrip()


def _pieces(text: str, width: int) -> Iterator[str]:
    """A text in pieces of at most so many columns, parted at spaces where there are any."""
    while columns_of(text) > width:
        fits = 0
        while columns_of(text[: fits + 1]) <= width:
            fits += 1
        at = text.rfind(" ", 0, fits + 1)
        at = at if at > 0 else max(fits, 1)
        yield text[:at]
        text = text[at:].lstrip(" ")
    yield text
