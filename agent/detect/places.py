"""Places of a battery, and the quantities that are judged there, by name. Without numpy: what people are
shown is made of them too.
"""

from collections.abc import Sequence
from functools import lru_cache

#: Temperatures of the battery itself. Transistors and terminals heat with every load step: not these.
TEMPERATURES = ("cell_temperature", "module_temperature", "battery_temperature")
VOLTAGES = ("cell_voltage", "module_voltage")
ENDS = {"max": "highest", "min": "lowest"}
#: What a unit tells of many in place of each: the highest and the lowest of them.
EXTREMES = {
    f"{quantity}_{end}": quantity
    for quantity in ("cell_voltage", "cell_temperature", "module_temperature")
    for end in ENDS
}

MIN_IN_STRING = 4  # fewer siblings in one string than this, and the whole unit is the better comparison


@lru_cache(8192)  # racks are alike, and are looked at whole
def string_of(place: str) -> str:
    """Return the string a place is in: "string1/module2/cell5" is in "string1"; "" when it is in none."""
    head = ""
    for part in place.split("/"):
        head = f"{head}/{part}" if head else part
        if part.startswith("string"):
            return head
    return ""


def parent_of(place: str) -> str:
    """Return what a place is in: "string1/module2" of "string1/module2/cell5"; "" is the whole unit."""
    return place.rpartition("/")[0]


def within(place: str, scope: str) -> bool:
    """Return whether a place is `scope`, or in it; "" is the whole unit."""
    return not scope or place == scope or place.startswith(f"{scope}/")


def judged_as(places: Sequence[str], quantities: Sequence[str]) -> tuple[str, ...]:
    """Return what each value is judged as: the highest or lowest of cells that nobody tells as one of them,
    all others as what they are. Where there are extremes of parts too, those of the whole tell nothing new.
    """
    found = list(quantities)
    for i, quantity in enumerate(quantities):
        of = EXTREMES.get(quantity)
        if of and not any(
            (other == of or (other == quantity and place != places[i])) and within(place, places[i])
            for place, other in zip(places, quantities, strict=True)
        ):
            found[i] = of
    return tuple(found)
