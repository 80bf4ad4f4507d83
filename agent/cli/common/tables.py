"""What people read on a terminal: tables without boxes to copy around, long words folded, never cut."""

from rich.console import Console
from rich.table import Table


class _Terminal(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `collector.pipe`. Rich would exit with 1."""
        raise BrokenPipeError


def terminal(stderr: bool = False) -> Console:
    """Return a console that prints text as it is: no word in brackets or colons in it is a command."""
    return _Terminal(stderr=stderr, highlight=False, markup=False, emoji=False)


def plain_table(*headers: str, whole: int = 1) -> Table:
    """Return an empty table with these columns; the first `whole` ones name the row and are never broken."""
    table = Table(box=None, pad_edge=False)
    for number, header in enumerate(headers):
        table.add_column(header, overflow="fold", no_wrap=number < whole)
    return table
