"""What people read on a terminal: tables without boxes to copy around, that fit it without a word cut."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text


class _Terminal(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `collector.pipe`. Rich would exit with 1."""
        raise BrokenPipeError


def terminal(stderr: bool = False) -> Console:
    """Return a console that prints text as it is: no word in brackets or colons in it is a command."""
    return _Terminal(stderr=stderr, highlight=False, markup=False, emoji=False)


SHORT = 16  # columns: a figure or a word, which nobody can read in two halves
TEXT = 24  # columns that a sentence needs at least
LEAST = 20  # that it is still read in; with less, rows stand one below the other
FOLDED = 6  # and a name that is folded because nothing else fits


class _Fitted(Table):
    """A table that a narrow terminal takes columns from, in place of breaking words and figures.

    What names a row, and what is short, is not broken; a sentence is folded. Where that leaves it less than
    `TEXT` columns, those of `spare` are left out, the last first. Where even that is too much, the widest of
    what is short are folded, too: whatever the width, no digit is cut off. Where a sentence would have less
    than `LEAST` columns then, or a name leaves nothing for the figures beside it, each row is lines of its
    own: its name and figures, and below its sentences.
    """

    def __init__(self, whole: int, spare: Sequence[str]) -> None:
        super().__init__(box=None, pad_edge=False)
        self._whole, self._spare = whole, list(spare)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self._fit(options.max_width)
        if self._left(options.max_width) < LEAST or self._crowded(options.max_width):
            yield from self._apart()
        else:
            yield from super().__rich_console__(console, options)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        self._fit(options.max_width)
        return super().__rich_measure__(console, options)

    def _fit(self, width: int) -> None:
        needs = {str(column.header): self._needs(n) for n, column in enumerate(self.columns)}
        gaps = 2 * (len(needs) - 1)
        while self._spare and sum(min(TEXT, n) if n > SHORT else n for n in needs.values()) + gaps > width:
            gone = self._spare.pop()
            if gone in needs:
                self.columns = [column for column in self.columns if column.header != gone]
                for number, column in enumerate(self.columns):
                    column._index = number  # by it Rich knows the last one, which has no gap behind it
                gaps -= 2
                del needs[gone]
        needed = [self._needs(number) for number in range(len(self.columns))]
        unbroken = {number for number, n in enumerate(needed) if number < self._whole or n <= SHORT}
        folds = sorted(
            (n for n in unbroken if needed[n] > FOLDED and n >= self._whole), key=needed.__getitem__
        )
        while folds and sum(n if k in unbroken else FOLDED for k, n in enumerate(needed)) + gaps > width:
            unbroken.remove(folds.pop())
        for number, column in enumerate(self.columns):
            column.no_wrap = number in unbroken

    def _left(self, width: int) -> int:
        """Return how many columns a sentence has, of a table that was fitted; `LEAST`: there is none."""
        long = self._sentences()
        return (width - self._least(long)) // len(long) if long else LEAST

    def _crowded(self, width: int) -> bool:
        """Whether names that are wider than half of the terminal leave too little for what stands beside."""
        return self._least() > width and sum(map(self._needs, range(self._whole))) > width // 2

    def _least(self, without: Sequence[int] = ()) -> int:
        """Return how many columns a table that was fitted takes at least, those of `without` having none."""
        rest = [number for number in range(len(self.columns)) if number not in without]
        needs = (self._needs(n) if self.columns[n].no_wrap else min(self._needs(n), FOLDED) for n in rest)
        return sum(needs) + 2 * (len(self.columns) - 1)

    def _sentences(self) -> list[int]:
        return [n for n in range(self._whole, len(self.columns)) if self._needs(n) > TEXT]

    def _apart(self) -> Iterator[Text | Padding]:
        long = self._sentences()
        for row in zip(*(column._cells for column in self.columns), strict=True):
            names = "  ".join(map(str, row[: self._whole]))
            short = [n for n in range(self._whole, len(row)) if n not in long and str(row[n])]
            figures = ", ".join(f"{self.columns[n].header} {row[n]}" for n in short)
            yield Text(f"{names}  {figures}".rstrip(), overflow="fold")
            told = (Text(str(row[n]), overflow="fold") for n in long if str(row[n]))
            yield from (Padding(text, (0, 0, 0, 2)) for text in told)

    def _needs(self, number: int) -> int:
        column = self.columns[number]
        return max(cell_len(str(text)) for text in (column.header, *column._cells))


def plain_table(*headers: str, whole: int = 1, spare: Sequence[str] = ()) -> Table:
    """Return an empty table with these columns. The first `whole` ones name the row and are never broken;
    those of `spare` may be left out on a narrow terminal, the last first: never the answer.
    """
    table = _Fitted(whole, spare)
    for header in headers:
        table.add_column(header, overflow="fold")
    return table
