"""Tables of TOML as text: what agent.toml and room.toml are made of, for who starts either."""

import json
from collections.abc import Mapping
from pathlib import Path

Value = str | Path | bool | float | Mapping[str, "Value"]
Table = Mapping[str, Value]


def table(header: str, keys: Table) -> str:
    """Return a table under its header, such as "[store]" or "[[bus]]"."""
    return "\n".join([header, *(f"{key} = {toml(value)}" for key, value in keys.items())]) + "\n"


def toml(value: object) -> str:
    """Return one value; a mapping is an inline table."""
    match value:
        case Mapping():
            return "{ " + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case str() | Path() | bool():
            return json.dumps(value if isinstance(value, bool) else str(value))
    return str(value)
