"""What people type to find a unit or a cell: "37", "rack-37 cell 5", "rack-37 string 1 module 3 cell 5"."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from agent.view.language import tell
from agent.view.words import PARTS

#: The number of a cell behind the name of a unit, or alone.
_CELL = r"(?:|(?P<unit>.*?\S)\s+)(?:(?:cell|WORD)\s*)?(?P<cell>\d+)"


#: The name of a place behind the name of a unit, or alone: words of PARTS, each with its number.
_PLACE = r"(?:(?P<unit>.*?\S)\s+)??(?P<place>(?:(?:WORDS)\s*\d+[\s/]*)+)"
_LEVELS = ("string", "module", "cell", "sensor", "phase", "channel")


class Found(NamedTuple):
    """A unit, and the number or the name of a cell in it; None: the whole unit."""

    unit: str
    cell: int | str | None = None


def find(text: str, units: Sequence[str], here: str, titles: Sequence[str] = ()) -> Found | None:
    """Return what a text means among the units of a site; None: there is no such unit.

    units: their names, those that are meant first where several begin alike. here: the unit that is open, to
    which a number alone belongs. titles: the units with their labels, by which they are found too.
    """
    typed = text.strip()
    if typed and (unit := _unit(typed, units, titles)):
        return Found(unit)
    if found := _place(typed, units, here, titles):
        return found
    word = re.escape(tell(PARTS["cell"], n="").strip())
    if not (cell := re.fullmatch(_CELL.replace("WORD", word), typed, re.IGNORECASE)):
        return None
    unit = _unit(cell["unit"], units, titles) if cell["unit"] else here
    return Found(unit, int(cell["cell"])) if unit else None


def is_meant(box: Mapping[str, Any], cell: int | str) -> bool:
    """Whether a box of the map is the one of this number, or of this name, as it is shown or in its path."""
    if isinstance(cell, int):
        return bool(box["kind"] != "sensor" and box["number"] == cell)
    return _bare(cell) in (_bare(box["name"]), _bare(box["place"]))


def _bare(name: str) -> str:
    return re.sub(r"[\s/]+", "", name).casefold()


def _place(typed: str, units: Sequence[str], here: str, titles: Sequence[str]) -> Found | None:
    """Return a place that was typed by its name; None: none, or the number of a cell alone."""
    said = {word for level in _LEVELS for word in (level, tell(PARTS[level], n="").strip())}
    meant = re.fullmatch(_PLACE.replace("WORDS", "|".join(map(re.escape, said))), typed, re.IGNORECASE)
    if not meant:
        return None
    words = {"cell", tell(PARTS["cell"], n="").strip().casefold()}
    parts = re.findall(r"([^\W\d]+)\s*\d+", meant["place"])
    unit = _unit(meant["unit"], units, titles) if meant["unit"] else here
    if not unit or (len(parts) == 1 and parts[0].casefold() in words):
        return None
    return Found(unit, meant["place"].strip())


def _unit(text: str, units: Sequence[str], titles: Sequence[str]) -> str | None:
    """Return the unit of this name, else the first that begins so, else the first that has it in its name."""
    wanted = text.casefold()
    if wanted.isdecimal():  # a cell's number, unless a unit is called so
        return next((name for name in units if name.casefold() == wanted), None)
    ways = (str.__eq__, str.startswith, str.__contains__)
    called = [*zip(units, units, strict=True), *zip(titles, units, strict=False)]
    return next((unit for way in ways for name, unit in called if way(name.casefold(), wanted)), None)
