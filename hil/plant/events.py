"""What can happen to a rack while it runs."""

import re
from dataclasses import dataclass

from hil.plant.source import Arrangement

_CELL = re.compile(r"(?:string(\d+)/)?(?:module(\d+)/)?cell(\d+)")


@dataclass(frozen=True, slots=True)
class InternalShort:
    """A resistance appears inside a cell; `ohm = inf` takes it away again."""

    place: str
    ohm: float


@dataclass(frozen=True, slots=True)
class LooseBusbar:
    """The connection from a cell to the next one gets this resistance (0.05 mohm is a good one)."""

    place: str
    ohm: float


@dataclass(frozen=True, slots=True)
class WeakCell:
    """A cell's capacity and resistances are multiplied."""

    place: str
    capacity: float = 0.8
    resistance: float = 2.0


@dataclass(frozen=True, slots=True)
class SelfDischarge:
    """A cell loses this current, A, at 25 degC; in a VRLA cell it is the float current, and heats it.

    Without a place every cell does: a string that has dried out.
    """

    amps: float
    place: str = ""


@dataclass(frozen=True, slots=True)
class Fans:
    """All cooling by moving air is this fraction of what it was built for, reached within `over_s`."""

    factor: float
    over_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RoomTemperature:
    """The room's mean goes to `degc` within `over_s`."""

    degc: float
    over_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Discharge:
    """The UPS draws `amps` from each string for `for_s` or down to `stop_v` each cell, then floats again."""

    amps: float
    for_s: float
    stop_v: float = 2.7


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The strings are open; with `for_s`, they float again after it."""

    for_s: float | None = None


RackEvent = (
    InternalShort | LooseBusbar | WeakCell | SelfDischarge | Fans | RoomTemperature | Discharge | Disconnect
)


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
