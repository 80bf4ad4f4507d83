"""The figures of a unit: what people ask for first. Each says from how many values it is, and how old it is.

A figure is never worked out again from a part of the values without saying so, and one that is not known now
has no value but only a last one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.view.cells import sight
from agent.view.language import tell, tr

Box = Mapping[str, Any]
Point = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FigureKind:
    """One figure: `key` of a box (or a quantity of the unit), and how one number is made of many."""

    key: str
    label: str
    unit: str
    digits: int
    of: str
    choose: Callable[[Sequence[Box], str], tuple[float, str]] | None = None


def _least(boxes: Sequence[Box], key: str) -> tuple[float, str]:
    box = min(boxes, key=lambda b: b[key])
    return box[key], box["name"]


def _most(boxes: Sequence[Box], key: str) -> tuple[float, str]:
    box = max(boxes, key=lambda b: b[key])
    return box[key], box["name"]


def _spread(boxes: Sequence[Box], key: str) -> tuple[float, str]:
    low, high = _least(boxes, key), _most(boxes, key)
    return 1e3 * (high[0] - low[0]), tell("{low} to {high}", low=low[1], high=high[1])


#: In the order of the page: four by two.
KINDS = (
    FigureKind("voltage", "Voltage", "V", 1, "voltage"),
    FigureKind("current", "Current", "A", 1, "current"),
    FigureKind("soc", "SoC", "%", 0, "soc"),
    FigureKind("spread", "Spread", "mV", 0, "v", _spread),
    FigureKind("min", "Min cell", "V", 3, "v", _least),
    FigureKind("max", "Max cell", "V", 3, "v", _most),
    FigureKind("hottest", "Hottest", "°C", 1, "t", _most),
    FigureKind("coldest", "Coldest", "°C", 1, "t", _least),
)


def figures(points: Sequence[Point], boxes: Sequence[Box], pace_s: float, seen: bool) -> list[dict[str, Any]]:
    """Return every figure of KINDS.

    seen: the unit is not BLIND. `sight`: "live", "stale" (the value stays, with its age), "blind" (`value` is
    None, `last` what it was, and `at` what o'clock) or "absent" (the unit reports nothing of the kind).
    `n` of `m` values.
    """
    return [
        _of_boxes(kind, points, boxes, seen) if kind.choose else _of_unit(kind, points, pace_s, seen)
        for kind in KINDS
    ]


def _figure(kind: FigureKind, **more: Any) -> dict[str, Any]:
    return {
        "key": kind.key,
        "label": tr(kind.label),
        "unit": kind.unit,
        "digits": kind.digits,
        "value": None,
        "last": None,
        "sight": "absent",
        "age_s": None,
        "at": "",
        "where": "",
        "n": 0,
        "m": 0,
        "limits": None,
        **more,
    }


def _of_boxes(kind: FigureKind, points: Sequence[Point], boxes: Sequence[Box], seen: bool) -> dict[str, Any]:
    assert kind.choose is not None
    installed = [box for box in boxes if not box["absent"] and (box[kind.of] is not None or kind.of == "v")]
    if kind.of == "v":
        installed = [box for box in installed if box["kind"] != "sensor"]
    known = [box for box in installed if box[kind.of] is not None]
    if not known:
        return _figure(kind)
    live = [box for box in known if box["sight"] == "live"]
    chosen = live or known
    value, where = kind.choose(chosen, kind.of)
    quantity = {"v": "voltage", "t": "temperature"}[kind.of]
    limits = None if kind.key == "spread" else _limits(p for p in points if p["quantity"].endswith(quantity))
    return _sighted(
        kind,
        value,
        bool(live),
        seen,
        age_s=max(box["age_s"] for box in chosen),
        where=where,
        n=len(live),
        m=len(installed),
        limits=limits,
    )


def _of_unit(kind: FigureKind, points: Sequence[Point], pace_s: float, seen: bool) -> dict[str, Any]:
    ours = [p for p in points if p["quantity"] == kind.of and p["last"] is not None]
    whole = [p for p in ours if not p["place"]] or ours
    if not whole:
        return _figure(kind)
    values = [p["last"] for p in whole]
    # strings of a rack are in parallel: their currents add up, their voltages and charges do not
    value = sum(values) if kind.of == "current" else sum(values) / len(values)
    live = sum(sight(p, pace_s) == "live" for p in whole)
    return _sighted(
        kind,
        value,
        live == len(whole),
        seen,
        age_s=max(p["last_age_s"] for p in whole),
        n=live,
        m=len(whole),
        limits=_limits(whole),
    )


def _sighted(kind: FigureKind, value: float, live: bool, seen: bool, **more: Any) -> dict[str, Any]:
    value = round(value, 6)
    if live and seen:
        return _figure(kind, value=value, sight="live", **more)
    if seen:
        return _figure(kind, value=value, last=value, sight="stale", **more)
    return _figure(kind, last=value, sight="blind", **more)


def _limits(points: Iterable[Point]) -> dict[str, Any] | None:
    """Return the outermost limits that the profile gives: `tier`, `low` and `high` in the figure's unit."""
    for point in points:
        for tier in ("safety", "recommended", "operating"):
            low, high = (point["limits"] or {}).get(tier, (None, None))
            if low is not None and high is not None:
                return {"tier": tier, "low": low, "high": high}
    return None
