"""What people type to find a unit or a cell: "37", "rack-37", "rack-37 cell 5"."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from agent.view.language import tell
from agent.view.words import PARTS

#: The number of a cell behind the name of a unit, or alone.
_CELL = r"(?:|(?P<unit>.*?\S)\s+)(?:(?:cell|WORD)\s*)?(?P<cell>\d+)"


class Found(NamedTuple):
    """A unit, and the number of a cell in it; None: the whole unit."""

    unit: str
    cell: int | None = None


def find(text: str, units: Sequence[str], here: str, titles: Sequence[str] = ()) -> Found | None:
    """Return what a text means among the units of a site; None: there is no such unit.

    units: their names, those that are meant first where several begin alike. here: the unit that is open, to
    which a number alone belongs. titles: the units with their labels, by which they are found too.
    """
    typed = text.strip()
    if typed and (unit := _unit(typed, units, titles)):
        return Found(unit)
    word = re.escape(tell(PARTS["cell"], n="").strip())
    if not (cell := re.fullmatch(_CELL.replace("WORD", word), typed, re.IGNORECASE)):
        return None
    unit = _unit(cell["unit"], units, titles) if cell["unit"] else here
    return Found(unit, int(cell["cell"])) if unit else None


def _unit(text: str, units: Sequence[str], titles: Sequence[str]) -> str | None:
    """Return the unit of this name, else the first that begins so, else the first that has it in its name."""
    wanted = text.casefold()
    if wanted.isdecimal():  # a cell's number, unless a unit is called so
        return next((name for name in units if name.casefold() == wanted), None)
    ways = (str.__eq__, str.startswith, str.__contains__)
    called = [*zip(units, units, strict=True), *zip(titles, units, strict=False)]
    return next((unit for way in ways for name, unit in called if way(name.casefold(), wanted)), None)
