"""How the fields of a sentence are written: see docs/sentences.md. In any language."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

UNKNOWN = "?"  # in place of a number that is none
#: {name}, {name*factor}, {name:format}; a {name} within a format is that number.
FIELD = re.compile(r"\{(\w*)(?:\*([\d.]+))?(?::((?:[^{}]|\{\w+\})*))?\}")


def number(field: re.Match[str], numbers: Mapping[str, Any], how_long: Callable[[float], str]) -> str:
    """Return the number of a field as it is written. how_long: says a length of time, in s."""
    value, how = numbers[field[1]], field[3] or ""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    value *= float(field[2] or 1.0)
    if how == "duration":
        return how_long(value)
    return format(value, re.sub(r"\{(\w+)\}", lambda nested: f"{numbers[nested[1]]:.0f}", how))
