"""A file of TOML as tables, one value of it changed: what a test of every key with every bad value writes."""

import copy
from collections.abc import Iterator
from typing import Any

from hil.run.tables import toml

Where = tuple[Any, ...]  # names of keys, and numbers of tables in arrays


def keys(table: Any, above: Where = ()) -> Iterator[Where]:
    """Where each value stands."""
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        inner = isinstance(value, dict) or (isinstance(value, list) and isinstance(value[0], dict))
        yield from keys(value, (*above, key)) if inner else [(*above, key)]


def changed(content: Any, where: Where, value: object) -> str:
    """The file with another value there."""
    content = copy.deepcopy(content)
    table = content
    for key in where[:-1]:
        table = table[key]
    table[where[-1]] = value
    return as_text(content)


def as_text(content: dict[str, Any]) -> str:
    """Each table in a line."""
    return "\n".join(f"{key} = {toml(value)}" for key, value in content.items())
