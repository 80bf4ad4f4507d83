"""In which line of a TOML file a table or a key stands: tomllib does not tell. Pure."""

import re
from collections.abc import Sequence

_WORD = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_KEY = rf"{_WORD}(?:\s*\.\s*{_WORD})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_KEY})\s*\]")
_VALUE = re.compile(rf"\s*({_KEY})\s*=")

#: Keys from the top of the file, and the number of a table among several of one name, from 0.
Place = tuple[str | int, ...]


def line_of(text: str, place: Sequence[str | int]) -> int:
    """Return the line of a place, from 1; where it has none of its own, that of what it would stand in.

    A text of several lines in which one looks like a key can mislead it: it is for hints alone.
    """
    lines = _lines(text)
    whole = tuple(place)
    return next((lines[whole[:n]] for n in range(len(whole), 0, -1) if whole[:n] in lines), 1)


def _lines(text: str) -> dict[Place, int]:
    found: dict[Place, int] = {}
    last: dict[Place, int] = {}  # name of several tables -> the number of the last one
    table: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            *outer, name = _parts(header[2])
            table = ()
            for part in outer:
                table = _entered((*table, part), last)
            table = (*table, name)
            if header[1] == "[[":
                last[table] = last.get(table, -1) + 1
            table = _entered(table, last)
            found.setdefault(table, number)
        elif value := _VALUE.match(line):
            found.setdefault((*table, *_parts(value[1])), number)
    return found


def _entered(table: Place, last: dict[Place, int]) -> Place:
    return (*table, last[table]) if table in last else table


def _parts(key: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_WORD, key)]
