"""Which of a unit's values an alarm is about. Pure."""

from collections.abc import Sequence

from agent.detect.places import TEMPERATURES, within


def about(
    location: str, quantity: str, places: Sequence[str], quantities: Sequence[str], units: Sequence[str]
) -> list[int]:
    """Return the numbers of the values: the one at its place, or the temperatures of its group.

    places, quantities, units: of all values of the unit; what has no unit is no measured value.
    """
    group = TEMPERATURES if quantity == "temperature" else ()
    return [
        i
        for i, (place, what, unit) in enumerate(zip(places, quantities, units, strict=True))
        if unit and ((place, what) == (location, quantity) or (what in group and within(place, location)))
    ]
