"""The overview: one tile for each unit, worst first."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.detect.knowledge import UNSEEN, Knowledge
from agent.view.headline import PUT_ASIDE

Record = Mapping[str, Any]

HALF_SEEN = (Knowledge.STALE, Knowledge.PARTIAL)
LAST = 9  # behind the priorities


def tiles(units: Sequence[Record], alarms: Sequence[Record]) -> list[dict[str, Any]]:
    """Return the tiles of a site, worst first, else in the order of the configuration.

    units: as in the view. alarms: those that stand, as in the view. Each tile has the unit's number `u`,
    `name`, `priority` (of its worst alarm that nobody has put aside; 0: none), `knowledge`, `word`, `age_s`,
    `hottest_degc`, and `away_mv`: how far the cell that strays most is from its median. None: not known.
    """
    worst: dict[str, int] = {}
    for alarm in alarms:
        if alarm["state"] not in PUT_ASIDE:
            worst[alarm["unit"]] = min(alarm["priority"], worst.get(alarm["unit"], LAST))
    found = [_tile(u, unit, worst.get(unit["name"], 0)) for u, unit in enumerate(units)]
    return sorted(found, key=lambda tile: rank(tile["priority"], tile["knowledge"]))


def _tile(u: int, unit: Record, priority: int) -> dict[str, Any]:
    away_mv = [abs(box["mv"]) for box in unit["cells"] if box["mv"] is not None]
    return {
        "u": u,
        "name": unit["name"],
        "priority": priority,
        "knowledge": unit["knowledge"],
        "word": unit["word"],
        "age_s": unit["age_s"],
        "hottest_degc": figure_of(unit, "hottest")["value"],
        "away_mv": max(away_mv, default=None),
    }


def figure_of(unit: Record, key: str) -> Record:
    """Return a figure of a unit of the view."""
    found: Record = next(figure for figure in unit["figures"] if figure["key"] == key)
    return found


def rank(priority: int, knowledge: str) -> float:
    """Return a unit's place in the order: what cannot be seen stands behind a critical alarm alone."""
    unseen = 1.5 if knowledge in UNSEEN else 2.5 if knowledge in HALF_SEEN else LAST
    return float(min(priority or LAST, unseen))
