"""The overview: one tile for each unit, worst first."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from agent.detect.knowledge import UNSEEN, Knowledge
from agent.detect.table import PRIORITY
from agent.view import words
from agent.view.actions import OVER_STATE
from agent.view.headline import PUT_ASIDE

Record = Mapping[str, Any]

HALF_SEEN = (Knowledge.STALE, Knowledge.PARTIAL)
LAST = 9  # behind the priorities


class Outline(NamedTuple):
    """What a tile shows of the values of its unit: the hottest sensor, and how far the cell that strays most
    is from its median (below it: negative). None: not known. `away_at`, `hottest_at`: their places.
    """

    hottest_degc: float | None
    away_mv: float | None
    away_at: str = ""
    hottest_at: str = ""


def tiles(
    units: Sequence[Record], alarms: Sequence[Record], outlines: Mapping[str, Outline] = MappingProxyType({})
) -> list[dict[str, Any]]:
    """Return the tiles of a site, worst first, else in the order of the configuration.

    units: as in the view. alarms: those that stand, as in the view. outlines: of units without figures and
    cells, by name. Each tile has the unit's number `u`, `name`, `title` (with its label), `priority` (of its
    worst alarm that nobody has put aside; 0: none), `knowledge`, `word`, `age_s`, `hottest_degc` with its
    place `hottest_at`, `away_mv` and `away_at`, which is a name.
    """
    worst: dict[str, int] = {}
    for alarm in alarms:
        if alarm["state"] not in PUT_ASIDE:
            worst[alarm["unit"]] = min(alarm["priority"], worst.get(alarm["unit"], LAST))
    found = [
        _tile(u, unit, worst.get(unit["name"], 0), outlines.get(unit["name"]) or _outline(unit))
        for u, unit in enumerate(units)
    ]
    return sorted(found, key=lambda tile: rank(tile["priority"], tile["knowledge"]))


def _outline(unit: Record) -> Outline:
    known = [box for box in unit["cells"] if box["mv"] is not None]
    hottest = figure_of(unit, "hottest")
    where = hottest["where"] if hottest["value"] is not None else ""
    hottest_at = next((box["place"] for box in unit["cells"] if where and box["name"] == where), "")
    if not known:
        return Outline(hottest["value"], None, hottest_at=hottest_at)
    strays = max(known, key=lambda box: abs(box["mv"]))
    return Outline(hottest["value"], strays["mv"], strays["place"], hottest_at)


def worst_first(units: Sequence[Record], alarms: Sequence[Record]) -> list[Record]:
    """Return the units of a status as their tiles stand. alarms: of the status."""
    worst: dict[str, int] = {}
    for alarm in alarms:
        if alarm["state"] not in (*PUT_ASIDE, OVER_STATE):
            worst[alarm["unit"]] = min(PRIORITY[alarm["severity"]], worst.get(alarm["unit"], LAST))
    return sorted(units, key=lambda unit: rank(worst.get(unit["name"], 0), unit["knowledge"]))


def _tile(u: int, unit: Record, priority: int, outline: Outline) -> dict[str, Any]:
    return {
        "u": u,
        "name": unit["name"],
        "title": unit["title"],
        "priority": priority,
        "knowledge": unit["knowledge"],
        "word": unit["word"],
        "age_s": unit["age_s"],
        "hottest_degc": outline.hottest_degc,
        "hottest_at": outline.hottest_at,
        "away_mv": outline.away_mv,
        "away_at": "" if outline.away_mv is None else words.place(outline.away_at),
    }


def figure_of(unit: Record, key: str) -> Record:
    """Return a figure of a unit of the view."""
    found: Record = next(figure for figure in unit["figures"] if figure["key"] == key)
    return found


def rank(priority: int, knowledge: str) -> float:
    """Return a unit's place in the order: what cannot be seen stands behind a critical alarm alone."""
    unseen = 1.5 if knowledge in UNSEEN else 2.5 if knowledge in HALF_SEEN else LAST
    return float(min(priority or LAST, unseen))
