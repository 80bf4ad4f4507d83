"""Tables for people: no boxes to copy around, and long words are folded, never cut."""

from rich.table import Table


def plain_table(*headers: str, whole: int = 1) -> Table:
    """Return an empty table with these columns; the first `whole` ones name the row and are never broken."""
    table = Table(box=None, pad_edge=False)
    for number, header in enumerate(headers):
        table.add_column(header, overflow="fold", no_wrap=number < whole)
    return table
