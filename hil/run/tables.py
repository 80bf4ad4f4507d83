"""Tables of TOML as text: what agent.toml and room.toml are made of, for who starts either."""

import json
from collections.abc import Mapping
from pathlib import Path

Value = str | Path | bool | float | Mapping[str, "Value"]
Table = Mapping[str, Value]


def table(header: str, keys: Table) -> str:
    """Return a table under its header, such as "[store]" or "[[bus]]"."""
    return "\n".join([header, *(f"{key} = {toml(value)}" for key, value in keys.items())]) + "\n"


def toml(value: Value) -> str:
    """Return one value; a mapping is an inline table."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(str(value) if isinstance(value, Path) else value)
