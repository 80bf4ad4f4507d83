"""What people type to find a unit or a cell: "37", "rack-37", "rack-37 cell 5"."""

import re
from collections.abc import Sequence
from typing import NamedTuple

#: The number of a cell behind the name of a unit, or alone.
_CELL = re.compile(r"(?:|(?P<unit>.*?\S)\s+)(?:cell\s*)?(?P<cell>\d+)", re.IGNORECASE)


class Found(NamedTuple):
    """A unit, and the number of a cell in it; None: the whole unit."""

    unit: str
    cell: int | None = None


def find(text: str, units: Sequence[str], here: str) -> Found | None:
    """Return what a text means among the units of a site; None: there is no such unit.

    units: their names, those that are meant first where several begin alike. here: the unit that is open, to
    which a number alone belongs.
    """
    typed = text.strip()
    if typed and (unit := _unit(typed, units)):
        return Found(unit)
    if not (cell := _CELL.fullmatch(typed)):
        return None
    unit = _unit(cell["unit"], units) if cell["unit"] else here
    return Found(unit, int(cell["cell"])) if unit else None


def _unit(text: str, units: Sequence[str]) -> str | None:
    """Return the unit of this name, else the first that begins so, else the first that has it in its name."""
    wanted = text.casefold()
    if wanted.isdecimal():  # a cell's number, unless a unit is called so
        return next((name for name in units if name.casefold() == wanted), None)
    ways = (str.__eq__, str.startswith, str.__contains__)
    return next((name for way in ways for name in units if way(name.casefold(), wanted)), None)
