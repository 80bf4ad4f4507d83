"""Tables for people: no boxes to copy around, and long words are folded, never cut."""

from rich.table import Table


def plain_table(*headers: str) -> Table:
    """Return an empty table with these columns; the first one names the row and is never broken."""
    table = Table(box=None, pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold", no_wrap=header == headers[0])
    return table
