"""The map of a unit: every cell and every sensor in physical order, and how each is marked.

A mark is one character, the same on the page and in the terminal: "" in band, "+" and "-" outside it, "1" to
"3" in alarm, "~" stale, "?" nothing is known, "x" out of service.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from statistics import median
from typing import Any

from agent.detect.knowledge import blind_s, stale_s
from agent.detect.places import MIN_IN_STRING, TEMPERATURES, VOLTAGES, string_of
from agent.view import words
from agent.view.language import tell, tr

BAND_MV = 10.0  # around the median of the string, where too few tell of their own spread
BAND_K = 5.0  # the same for a place of which only the temperature is known
ENOUGH = 8  # values for a spread of their own
SIGMAS = 4.0  # of a normal spread, from the median of the absolute deviations: 1.4826 of it is one
LEAST_STEPS = 3  # of the register: 4 sigma of the widest spread of which more than half read the same number
STATE_STALE_S = 30.0  # of what is read every 10 s only
PLACES = 8192  # that are remembered: racks are alike
#: How many boxes of a kind there are: one, and several.
MANY = {
    "cell": ("{n} cell", "{n} cells"),
    "module": ("{n} module", "{n} modules"),
    "battery": ("{n} battery", "{n} batteries"),
    "sensor": ("{n} sensor", "{n} sensors"),
}
#: What is said of them, by mark; of some of it also that it is none.
COUNTED = {
    "": "{n} in band",
    "+": "{n} high",
    "-": "{n} low",
    "alarm": "{n} in alarm",
    "~": "{n} stale",
    "?": "{n} unknown",
    "?absent": "{n} without a sensor",
    "x": "{n} out of service",
    "learning": "{n} learning",
}
ALWAYS = {"", "+", "-", "alarm", "?"}
MIN_ROW = 4  # groups with fewer boxes are shown with their neighbours

Point = Mapping[str, Any]


def sight(point: Point, pace_s: float) -> str:
    """Return "live", "stale" or "none" for a value, by its own age; `pace_s`: how often it is read."""
    age_s = point["last_age_s"]
    if age_s is None or age_s > blind_s(pace_s):
        return "none"
    limit_s = stale_s(pace_s) if point["poll"] == "safety" else max(stale_s(pace_s), STATE_STALE_S)
    return "live" if age_s <= limit_s else "stale"


def cells(
    points: Sequence[Point], priorities: Mapping[str, int], removed: Iterable[str], pace_s: float
) -> list[dict[str, Any]]:
    """Return the boxes of a unit's map, in physical order.

    priorities: the alarm priority of places that are in alarm. removed: places out of service. Each box holds
    `name`, `place`, `group` (the places around it), `v`, `mv` (from its string's median), `t`, `slope`
    (K/min), `age_s`, `sight`, `absent` (the unit says that there is no sensor), `left_s` (for how long it is
    learned still, 0: it is) and `mark`.
    """
    boxes: dict[str, dict[str, Any]] = {}
    wanted = {next((q for q in VOLTAGES if any(p["quantity"] == q for p in points)), VOLTAGES[0])}
    wanted |= {*TEMPERATURES}
    for point in points:
        if point["quantity"] in wanted:
            _take(boxes.setdefault(point["place"], _box(point)), point, pace_s)
    found = sorted(boxes.values(), key=lambda box: box["kind"] == "sensor")
    for key, deviation, scale in (("v", "mv", 1e3), ("t", "dt", 1.0)):
        _deviations(found, key, deviation, scale)
    _name(found)
    bands = {"mv": band(found, "v", "mv", 1e3, BAND_MV), "dt": band(found, "t", "dt", 1.0, BAND_K)}
    gone = set(removed)
    for box in found:
        box["priority"] = priorities.get(box["place"])
        box["band"] = bands["mv" if box["v"] is not None else "dt"]
        box["mark"] = "x" if box["place"] in gone else _mark(box)
    return found


def _box(point: Point) -> dict[str, Any]:
    empty = dict.fromkeys(("v", "mv", "t", "dt", "slope", "age_s", "quality"))
    kind = "sensor" if point["quantity"] in TEMPERATURES else point["quantity"].split("_")[0]
    return {"place": point["place"], "kind": kind, "sight": "", "absent": False, "left_s": 0.0, **empty}


def _take(box: dict[str, Any], point: Point, pace_s: float) -> None:
    seen, unknown = sight(point, pace_s), point["last"] is None
    box["left_s"] = max(box["left_s"], point.get("learned_in_s") or 0.0)
    if point["quantity"] in VOLTAGES:
        box.update(v=point["last"], kind=point["quantity"].split("_")[0])
        silent = unknown and box["t"] is not None
    else:
        box.update(t=point["last"], slope=point["per_minute"])
        silent = box["v"] is not None
    if silent:
        return  # the voltage speaks for the box where it is known, else the temperature
    absent = point["quality"] == "missing" and unknown
    box.update(sight=seen, age_s=point["last_age_s"], quality=point["quality"], absent=absent)


def _deviations(boxes: Sequence[dict[str, Any]], key: str, into: str, scale: float) -> None:
    live = [box for box in boxes if box["sight"] == "live" and box[key] is not None]
    strings = Counter(string_of(box["place"]) for box in live)
    groups: dict[str, list[float]] = {}
    for box in live:
        groups.setdefault(_siblings(box, strings), []).append(box[key])
    middles = {name: median(values) for name, values in groups.items()}
    for box in live:
        box[into] = round(scale * (box[key] - middles[_siblings(box, strings)]), 3)


def band(boxes: Sequence[Mapping[str, Any]], key: str, deviation: str, scale: float, usual: float) -> float:
    """Return how far from its median a value is called in band: the pack's own spread, in mV or K.

    It is robust: half of the values may be anywhere. The step of the register is the least difference between
    two values. usual: where there are fewer than ENOUGH values.
    """
    live = [box for box in boxes if box[deviation] is not None]
    if len(live) < ENOUGH:
        return usual
    values = sorted({round(scale * box[key], 2) for box in live})
    step = min((b - a for a, b in pairwise(values)), default=0.0)
    spread = 1.4826 * median(abs(box[deviation]) for box in live)
    return round(max(SIGMAS * spread, LEAST_STEPS * step), 1) or usual


def _siblings(box: Mapping[str, Any], strings: Mapping[str, int]) -> str:
    string = string_of(box["place"])
    return string if strings[string] >= MIN_IN_STRING else ""


def _name(boxes: Sequence[dict[str, Any]]) -> None:
    counts: Counter[str] = Counter()
    sizes = Counter((box["kind"], around) for box in boxes for around in _arounds(box["place"]))
    for box in boxes:
        counts[box["kind"]] += 1
        box["number"] = counts[box["kind"]]
        box["name"] = words.place(box["place"] or f"{box['kind']}{box['number']}")
        wide = (around for around in _arounds(box["place"]) if sizes[box["kind"], around] >= MIN_ROW)
        box["group"] = next(wide, "")


def _around(place: str) -> str:
    return place.rpartition("/")[0]


@lru_cache(PLACES)
def _arounds(place: str) -> tuple[str, ...]:
    """Return the places that hold a place, innermost first, each once."""
    return tuple(dict.fromkeys((_around(place), string_of(_around(place)), "")))


def _mark(box: Mapping[str, Any]) -> str:
    if box["sight"] == "none":
        return "?"
    if box["priority"]:
        return str(box["priority"])
    if box["sight"] == "stale":
        return "~"
    deviation = box["mv"] if box["v"] is not None else box["dt"]
    if deviation is None:
        return "?"
    return "" if abs(deviation) <= box["band"] else "+" if deviation > 0 else "-"


def sentence(boxes: Sequence[Mapping[str, Any]]) -> str:
    """Return the map in words, cells and sensors counted apart: "240 cells: 238 in band, 1 high, 1 low, 0 in
    alarm, 0 unknown; 4 sensors: 4 in band, ...; worst cell 77".
    """
    kinds = dict.fromkeys(box["kind"] for box in boxes)
    parts = [_counted(kind, [box for box in boxes if box["kind"] == kind]) for kind in kinds]
    ranked = worst(boxes)
    return "; ".join(parts + ([tell("worst {name}", name=ranked[0]["name"])] if ranked else []))


def _counted(kind: str, boxes: Sequence[Mapping[str, Any]]) -> str:
    marks = Counter("?absent" if box["absent"] else box["mark"] for box in boxes)
    alarms = [box for box in boxes if box["mark"] in ("1", "2", "3")]
    learning = sum(box["sight"] == "live" and box["left_s"] > 0.0 for box in boxes)
    counts = {**dict.fromkeys(COUNTED, 0), **marks, "alarm": len(alarms), "learning": learning}
    parts = [tell(text, n=counts[mark]) for mark, text in COUNTED.items() if counts[mark] or mark in ALWAYS]
    return f"{tell(MANY[kind][len(boxes) != 1], n=len(boxes))}: {', '.join(parts)}"


def worst(boxes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the boxes whose voltage (else temperature) is known now, the most urgent and farthest first."""
    known = [box for box in boxes if box["mv"] is not None]
    key = "mv" if known else "dt"
    known = known or [box for box in boxes if box["dt"] is not None]
    return sorted(known, key=lambda box: (box["priority"] or 9, -abs(box[key])))


def spoken(box: Mapping[str, Any]) -> str:
    """Return a box for a screen reader: "String 2 cell 17, 3.184 volts, 18 millivolts below median, ..."."""
    parts = [box["name"][:1].upper() + box["name"][1:]]
    if box["sight"] == "none":
        parts.append(tr("no sensor") if box["absent"] else tr("nothing known now"))
        if box["age_s"] is not None:
            parts.append(_last(box))
    else:
        parts += _values(box)
    if box["priority"]:
        parts.append(tell("priority {n}", n=box["priority"]))
    if box["mark"] == "x":
        parts.append(tr("out of service"))
    return ", ".join(parts)


def _last(box: Mapping[str, Any]) -> str:
    if box["v"] is not None:
        return tell("last {v:.3f} volts", v=box["v"])
    return tell("last {t:.1f} degrees", t=box["t"])


def _values(box: Mapping[str, Any]) -> list[str]:
    said = []
    if box["v"] is not None:
        said.append(tell("{v:.3f} volts", v=box["v"]))
    if box["mv"] is not None:
        said.append(_from_median(box["mv"]))
    if box["t"] is not None:
        said.append(tell("{t:.1f} degrees", t=box["t"]))
    if box["v"] is None and box["dt"] is not None and abs(box["dt"]) >= 0.05:
        below, k = box["dt"] < 0, abs(box["dt"])
        said.append(
            tell("{k:.1f} kelvin below median", k=k) if below else tell("{k:.1f} kelvin above median", k=k)
        )
    if box["sight"] == "stale":
        said.append(tr("stale"))
    elif box["left_s"]:
        said.append(tr("learning"))
    return said


def _from_median(mv: float) -> str:
    if not round(mv):
        return tr("at the median")
    if mv < 0:
        return tell("{mv:.0f} millivolts below median", mv=-mv)
    return tell("{mv:.0f} millivolts above median", mv=mv)
