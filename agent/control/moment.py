"""The figures of a unit at one moment, for its trends and its tile: those of `agent.view`.

Theory. A view holds every cell with its name and mark, for whoever looks: 7 ms of a core for 300 values.
Trends want eight numbers of every unit twice a minute, whether anybody looks or not, and a look at one unit
of 64 wants two numbers of each other one. They have them here from the arrays, in 0.03 ms.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import nan
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from agent.control.status import Latest
from agent.detect.knowledge import UNSEEN, Knowledge, stale_s
from agent.detect.places import MIN_IN_STRING, TEMPERATURES, VOLTAGES, string_of
from agent.view.cells import STATE_STALE_S
from agent.view.figures import KINDS
from agent.view.tiles import Outline
from drivers.layout import Layout
from drivers.quantities import Poll

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: How a figure is made of live voltages, temperatures, or values of the unit.
OF_VOLTAGES: dict[str, Callable[[Floats], Any]] = {
    "spread": lambda volts: 1e3 * (volts.max() - volts.min()),
    "min": np.min,
    "max": np.max,
}
OF_TEMPERATURES: dict[str, Callable[[Floats], Any]] = {"hottest": np.max, "coldest": np.min}
OF_UNIT: dict[str, Callable[[Floats], Any]] = {"voltage": np.mean, "current": np.sum, "soc": np.mean}


@dataclass(frozen=True)
class _Map:
    """Which values of a layout are on its map: the last voltage and the last temperature of each place.

    sight: of each temperature, the voltage that speaks for its place where it is known; none: itself.
    string: of each voltage, the number of its string; 0: it is in none.
    """

    boxes: int
    volts: NDArray[np.int64]
    string: NDArray[np.int64]
    temps: NDArray[np.int64]
    sight: NDArray[np.int64]
    seldom: Flags  # (n,) read every 10 s only
    of_unit: dict[str, tuple[NDArray[np.int64], Flags]] = field(default_factory=dict)  # and: it has no place


_MAPS: "WeakKeyDictionary[Layout, _Map]" = WeakKeyDictionary()


def _map_of(layout: Layout) -> _Map:
    if (known := _MAPS.get(layout)) is not None:
        return known
    places, quantities = layout.places, layout.quantities
    shown = next((quantity for quantity in VOLTAGES if quantity in quantities), VOLTAGES[0])
    volts = {place: i for i, place in enumerate(places) if quantities[i] == shown}
    temps = {place: i for i, place in enumerate(places) if quantities[i] in TEMPERATURES}
    sight = [volts.get(place, i) for place, i in temps.items()]
    strings = {"": 0}
    string = [strings.setdefault(string_of(place), len(strings)) for place in volts]
    of_unit = {}
    for key in OF_UNIT:
        at = [i for i, quantity in enumerate(quantities) if quantity == key]
        of_unit[key] = np.array(at, np.int64), np.array([not places[i] for i in at], np.bool_)
    made = _MAPS[layout] = _Map(
        boxes=len({*volts, *temps}),
        volts=np.array([*volts.values()], np.int64),
        string=np.array(string, np.int64),
        temps=np.array([*temps.values()], np.int64),
        sight=np.array(sight, np.int64),
        seldom=np.array([value.poll is not Poll.SAFETY for value in layout.values], np.bool_),
        of_unit=of_unit,
    )
    return made


def _sights(of: _Map, latest: Latest, pace_s: float, now_s: float) -> tuple[Flags, Flags]:
    """Return which values are known, and which are live."""
    known = np.isfinite(latest.last.value)
    limit_s = np.where(of.seldom, max(stale_s(pace_s), STATE_STALE_S), stale_s(pace_s))
    return known, known & (now_s - latest.last.at_s <= limit_s)


def outline_now(latest: Latest | None, knowledge: Knowledge, pace_s: float, now_s: float) -> Outline:
    """Return what the tile of a unit shows."""
    if latest is None or knowledge in UNSEEN:
        return Outline(None, None)
    of, last = _map_of(latest.layout), latest.last
    known, live = _sights(of, latest, pace_s, now_s)
    speaks = np.where(known[of.sight], of.sight, of.temps)
    seen = known[of.temps] & live[speaks] & (knowledge != Knowledge.STALE)
    temps, hottest, hottest_at = of.temps[seen if seen.any() else known[of.temps]], None, ""
    if temps.size:
        hot = temps[int(np.argmax(last.value[temps]))]
        hottest, hottest_at = round(float(last.value[hot]), 6), latest.layout.places[hot]
    at = live[of.volts]
    if knowledge == Knowledge.STALE or not at.any():
        return Outline(hottest, None, hottest_at=hottest_at)
    volts, string = last.value[of.volts[at]], of.string[at]
    string = np.where(np.bincount(string)[string] < MIN_IN_STRING, 0, string)
    away_mv = np.empty(volts.size)
    for s in np.unique(string):
        away_mv[string == s] = np.round(1e3 * (volts[string == s] - np.median(volts[string == s])), 3)
    strays = int(np.argmax(np.abs(away_mv)))
    return Outline(hottest, float(away_mv[strays]), latest.layout.places[of.volts[at][strays]], hottest_at)


def boxes(latest: Latest | None) -> int:
    """Return how many boxes the map of a unit has: what a view of it costs."""
    return _map_of(latest.layout).boxes if latest else 0


def figures_now(latest: Latest | None, knowledge: Knowledge, pace_s: float, now_s: float) -> dict[str, float]:
    """Return every figure of `agent.view.figures.KINDS` by its key; NaN where it is not live."""
    found = {kind.key: nan for kind in KINDS}
    if latest is None or knowledge not in (Knowledge.LIVE, Knowledge.PARTIAL):
        return found
    of, last = _map_of(latest.layout), latest.last
    known, live = _sights(of, latest, pace_s, now_s)
    volts = last.value[of.volts[live[of.volts]]]
    speaks = np.where(known[of.sight], of.sight, of.temps)
    temps = last.value[of.temps[known[of.temps] & live[speaks]]]
    for values, kinds in ((volts, OF_VOLTAGES), (temps, OF_TEMPERATURES)):
        if values.size:
            found |= {key: float(combine(values)) for key, combine in kinds.items()}
    for key, combine in OF_UNIT.items():
        at, whole = of.of_unit[key]
        ours = at[whole & known[at]] if (whole & known[at]).any() else at[known[at]]
        if ours.size and live[ours].all():
            found[key] = float(combine(last.value[ours]))
    return found
