"""What can happen to a rack while it runs."""

import re
from dataclasses import dataclass

from hil.source import Arrangement

_CELL = re.compile(r"(?:string(\d+)/)?(?:module(\d+)/)?cell(\d+)")


@dataclass(frozen=True, slots=True)
class InternalShort:
    """A resistance appears inside a cell; `ohm = inf` takes it away again."""

    place: str
    ohm: float


RackEvent = InternalShort


def cell_index(arrangement: Arrangement, place: str) -> int:
    """Where a cell's place, as "string1/module2/cell5", lies in the flat order of all cells.

    String or module may be left out where there is only one. ValueError for what is no cell here.
    """
    match = _CELL.fullmatch(place)
    lone = [1 if most == 1 else 0 for most in arrangement.shape]
    numbers = [int(part or n) for part, n in zip(match.groups(), lone, strict=True)] if match else []
    if not numbers or any(not 1 <= n <= most for n, most in zip(numbers, arrangement.shape, strict=True)):
        strings, modules, cells = arrangement.shape
        last = f"string{strings}/module{modules}/cell{cells}"
        raise ValueError(f"no cell {place!r}: cells are string1/module1/cell1 to {last}")
    string, module, cell = (n - 1 for n in numbers)
    return (string * arrangement.modules + module) * arrangement.cells + cell
