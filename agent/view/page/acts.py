"""The buttons of the page that acknowledge several alarms: of a cause, of a unit, all that it lists."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agent.view.language import tell

WAITING = ("NEW", "CLEARED-NEW")  # states that nobody has acknowledged

Row = Mapping[str, Any]


def waiting(rows: Iterable[Row]) -> list[Row]:
    """Return the alarms that nobody has acknowledged."""
    return [row for row in rows if row["state"] in WAITING]


def numbered(rows: Sequence[Row]) -> dict[str, int]:
    """Return a number for the cause of each alarm of a page."""
    return {cause: n for n, cause in enumerate(dict.fromkeys(row["cause"] for row in rows))}


def several(rows: Sequence[Row], causes: Mapping[str, int]) -> list[dict[str, str]]:
    """Return the buttons for more than one alarm: what each `does`, and its `text`. causes: as `numbered`."""
    left = waiting(rows)
    of_cause = Counter(row["cause"] for row in left)
    of_unit = Counter(row["unit"] for row in left if row["unit"])
    first = {row["cause"]: row for row in reversed(left)}
    buttons = [
        {
            "does": f"cause {causes[cause]}",
            "text": tell("Acknowledge all {n} of one cause: {where}", n=n, where=first[cause]["where"]),
        }
        for cause, n in of_cause.items()
        if n > 1
    ]
    buttons += [
        {"does": f"unit {unit}", "text": tell("Acknowledge all {n} shown of {unit}", n=n, unit=unit)}
        for unit, n in of_unit.items()
        if 1 < n < len(left)
    ]
    every = {"does": "all", "text": tell("Acknowledge all {n} shown", n=len(left))}
    return [*buttons, every] if len(left) > 1 else []
