"""The status of a running agent: plain data for the control socket, in the words of the status page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.control.last_good import LastGood
from agent.detect.knowledge import Knowledge
from agent.detect.places import judged_as
from agent.frame import Frame
from agent.message import Message, joined
from agent.modbus.bus import Bus
from agent.modbus.came import NOTHING
from agent.modbus.unit import Unit
from agent.quality import Quality
from agent.view.state import unset
from drivers.layout import Layout
from drivers.values import LimitTiers

NAMED = 8  # names of units in one line
# The figures of a unit that people ask for first: name, the quantity they are made of, and how.
FIGURES = (
    ("cell_voltage_min_v", "cell_voltage", np.nanmin),
    ("cell_voltage_max_v", "cell_voltage", np.nanmax),
    ("temperature_max_degc", "cell_temperature", np.nanmax),
    ("current_a", "current", np.nanmean),
)


@dataclass(frozen=True, slots=True)
class Latest:
    """The last frame of a unit: `si` (n,) float64 in the layout's units, NaN where quality is not good."""

    frame: Frame
    layout: Layout
    si: NDArray[np.float64]
    last: LastGood


def unit_report(
    unit: Unit, latest: Latest | None, known: Knowledge, now_s: float, *, age_s: float | None, watched: bool
) -> dict[str, Any]:
    """Return one unit's part of the status.

    age_s: of what is known of it, None: nothing is. watched: something that it tells is judged.
    """
    report: dict[str, Any] = {
        "name": unit.name,
        "rack": unit.rack,
        "profile": unit.profile.model,
        "period_s": unit.period_s,
        "pace_s": unit.pace_s,
        "knowledge": known,
        "watched": watched,
        "age_s": None if age_s is None else round(age_s, 3),
        "trouble": unit.trouble,
        "silent": unit.trouble == NOTHING.text,
        "came": unit.came.as_json() if unit.trouble == unit.came.words else None,
        "frames": unit.counters.frames,
        "reads": unit.counters.reads,
        "read_errors": unit.counters.errors,
        "in_vain": unit.counters.in_vain,
        "asked_again_s": round(unit.patience.pause_s, 1),
        "due_s": round(unit.due.due_s, 1),
        "answered_s": round(unit.due.answered_s, 1),
        "late_cycles": unit.counters.late_cycles,
        "deadline_misses": unit.intervals.misses,
        "timeout_s": round(unit.patience.times.timeout_s, 3),
        "intervals": _intervals(unit, now_s),
    }
    if latest is not None:
        codes, counts = np.unique(latest.frame.quality, return_counts=True)
        report["qualities"] = {Quality(c).name.lower(): int(n) for c, n in zip(codes, counts, strict=True)}
        report["figures"] = _figures(latest)
        report["identity"] = dict(latest.layout.identity)  # serial, firmware: in the unit's own words
        report["marks"] = list(unit.marks)  # the parts of it that tell it from others
        report["notes"] = list(latest.layout.notes)  # where the unit's own description contradicts itself
        report["empty"] = list(latest.layout.empty)
    return report


def _intervals(unit: Unit, now_s: float) -> dict[str, Any]:
    """Return how often its safety points were really read since it is polled; the evidence so far."""
    since_s, tally = unit.intervals.so_far(now_s)
    p50_s, p99_s = tally.quantiles(0.5, 0.99)
    return {
        "for_s": round(now_s - since_s, 1),
        "count": tally.count,
        "p50_s": None if p50_s is None else round(p50_s, 3),
        "p99_s": None if p99_s is None else round(p99_s, 3),
        "max_s": round(tally.longest_s, 3),
        "deadline_s": tally.deadline_s,
        "misses": tally.misses,
    }


def bus_report(bus: Bus) -> dict[str, Any]:
    """Return one bus's part of the status: its units, and what came of the reads of each, by verdict."""
    units = [
        {
            "name": unit.name,
            "unit_id": unit.unit_id,
            "reads": unit.counters.by_verdict(),
            "late_replies": unit.counters.late_replies,
            "late": unit.lately.late._asdict(),
        }
        for unit in bus.units
    ]
    return {
        "name": bus.name,
        "port": bus.port.name,
        "open": bus.port.is_open,
        "trouble": bus.trouble,
        "came": bus.came.as_json() if bus.came else None,
        "strangers_per_minute": bus.strangers_per_minute,
        "units": units,
    }


def health(status: dict[str, Any], outputs: Iterable[str]) -> dict[str, Any]:
    """Say in one place whether the agent does its work: `ready` once every unit has been read, `degraded` why
    it does less than it should. An agent that answers is `live`.
    """
    units = status["units"]
    of_bus = {u["name"]: bus["trouble"] for bus in status["buses"] for u in bus["units"] if bus["trouble"]}
    reasons = alike(
        (u["name"], joined("; ", [Message(str(u["knowledge"])), why]))
        for u in units
        if (why := _less(u))
        # what the bus says is not said of each unit
        and not (u["name"] in of_bus and (u["knowledge"] == Knowledge.NEVER or why == of_bus[u["name"]]))
    )
    for bus in status["buses"]:
        if bus["trouble"]:
            behind = listed([u["name"] for u in bus["units"]])
            told = {"bus": bus["name"], "units": behind, "why": bus["trouble"]}
            reasons.append(Message("bus {bus} ({units}): {why}", **told))
    several = len(status["upstreams"]) > 1
    for one in status["upstreams"]:
        if one["trouble"]:
            name = f" {one['name']}" if several else ""
            reasons.append(Message("upstream{name}: {why}", name=name, why=one["trouble"]))
    for part in ("store", *outputs):
        if trouble := (status.get(part) or {}).get("trouble"):
            reasons.append(joined(": ", [Message(part), trouble]))
    if (page := status.get("web") or {}).get("code"):
        reasons.append(Message("page: {why}", why=page["trouble"]))
    if full := (status.get("store") or {}).get("full"):
        reasons.append(full)
    if not status["clock_synchronised"]:
        reasons.append(Message("clock: not synchronised; times are by this boot until it is"))
    ready = all(unit["knowledge"] != Knowledge.NEVER for unit in units)
    return {"live": True, "ready": ready, "degraded": reasons}


def _less(unit: Mapping[str, Any]) -> str:
    """Return why less is known of a unit than of one that is well; "" where it is well."""
    if unit["trouble"] or unit["knowledge"] != Knowledge.PARTIAL:
        trouble: str = unit["trouble"]
        return trouble
    return joined("; ", unset(unit))


def alike(units: Iterable[tuple[str, str]]) -> list[str]:
    """Return a line for each trouble, with all the units that have it: one cause is one line."""
    of: dict[str, list[str]] = {}
    for name, trouble in units:
        of.setdefault(trouble, []).append(name)
    return [
        Message("unit {units}: {why}", units=names[0], why=trouble)
        if len(names) == 1
        else Message("units {units}: {why}", units=listed(names), why=trouble)
        for trouble, names in of.items()
    ]


def listed(names: Sequence[str]) -> Message:
    """Return names as a line may hold them: of many the first."""
    first, more = ", ".join(names[:NAMED]), len(names) - NAMED
    return Message("{names} and {more} more", names=first, more=more) if more > 0 else Message(first)


def points(latest: Latest, now_s: float, left_s: NDArray[np.float64] | None = None) -> dict[str, Any]:
    """Return every value of a unit's last frame, with its place, unit, quality and raw number; beside each
    the last good value with its own age, its change per minute, the limits that its profile gives, and for
    how long it is learned still: `left_s` (n,), NaN and None: nothing is learned of it.
    """
    layout, frame, last = latest.layout, latest.frame, latest.last
    change = last.per_minute(now_s)
    learned = np.full(len(layout.values), np.nan) if left_s is None else left_s
    return {
        "unit": frame.unit,
        "age_s": round(now_s - frame.stamp.boottime_ns / 1e9, 3),
        "utc_ns": frame.stamp.utc_ns,
        "points": [
            {
                "name": value.name,
                "place": value.place,
                "quantity": value.quantity,
                "unit": value.unit,
                "poll": str(value.poll),
                "value": _number(latest.si[i], 9),
                "raw": int(frame.raw[i]),
                "quality": Quality(frame.quality[i]).name.lower(),
                "last": _number(last.value[i], 9),
                "last_age_s": _number(now_s - last.at_s[i], 3),
                "per_minute": _number(change[i], 4),
                "limits": _tiers(value.limits),
                "learned_in_s": _number(learned[i], 0),
            }
            for i, value in enumerate(layout.values)
        ],
    }


def _tiers(limits: LimitTiers | None) -> dict[str, list[float | None]] | None:
    """Return limits as JSON: null for none."""
    if limits is None:
        return None
    return {tier: [_number(x, 9) for x in ends] for tier, ends in asdict(limits).items()}


def _number(x: float, digits: int) -> float | None:
    return round(float(x), digits) if np.isfinite(x) else None


def _figures(latest: Latest) -> dict[str, float | None]:
    quantities = np.array(judged_as(latest.layout.places, latest.layout.quantities))
    figures: dict[str, float | None] = {}
    for name, quantity, combine in FIGURES:
        values = latest.si[(quantities == quantity) & np.isfinite(latest.si)]
        figures[name] = round(float(combine(values)), 4) if values.size else None
    return figures
