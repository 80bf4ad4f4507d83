"""Why a unit is not seen: since when, what the agent tried, what is likely, and what to do next.

In the words of the table that says what came in place of an answer (`agent.modbus.came`), which the status
holds: of the unit, or of its bus where that has a trouble of its own.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from agent.detect.duration import duration
from agent.view import words

Record = Mapping[str, Any]

ANY_STATE = "The battery may be in any state."
NEXT = "cellwarden doctor"
TOGETHER = "silent-together"  # the alarm that lists units of one cause


def unseen(unit: Record, bus: Record, alarms: Sequence[Record], now: datetime) -> dict[str, str]:
    """Return the block of a unit that is not seen. unit, bus, alarms: as in the status."""
    age_s = unit["age_s"]
    never = age_s is None
    return {
        "since": "the start" if never else words.clock(now - timedelta(seconds=age_s), now),
        "for": "" if never else duration(age_s),
        "tried": _tried(unit, bus),
        "cause": "; ".join(filter(None, [_together(unit, alarms), *_likely(unit, bus)])),
        "next": _next(unit, bus),
        "warning": ANY_STATE,
    }


def unseen_line(unit: Record, bus: Record, alarms: Sequence[Record], now: datetime) -> str:
    """Return the block in one paragraph, and how much of the last hour was answered."""
    said = unseen(unit, bus, alarms, now)
    since = f"{unit['knowledge']} since {said['since']}" + (f" ({said['for']})" if said["for"] else "")
    answered = unit.get("answered")
    share = "" if answered is None else f" Answered {answered:.1f} % of the last hour."
    return (
        f"{unit['name']}: {since}. {said['warning']} Tried: {said['tried']}.{share}"
        f" Likely: {said['cause']}. Next: {said['next']}"
    )


def _tried(unit: Record, bus: Record) -> str:
    if _closed(bus):
        return f"its port {bus['port']} is opened again and again, at most 8 s apart"
    in_vain, pause_s = unit.get("in_vain", 0), unit.get("asked_again_s", 0.0)
    if not in_vain:
        return "it is asked on"
    asked = "once" if in_vain == 1 else f"{in_vain} times"
    again = f", and is asked again every {duration(pause_s)}" if pause_s else ""
    return f"it was asked {asked} since its last answer{again}"


def _likely(unit: Record, bus: Record) -> list[str]:
    """Return what came, with its code, and what is likely then, most likely first."""
    of = bus if _closed(bus) else unit
    trouble, came = of.get("trouble") or "", of.get("came")
    around = bus.get("trouble", "") if of is unit else ""  # another master on the line
    if not came:
        return [*filter(None, [trouble, around])] or ["not known"]
    said = trouble if of is bus else f"it {came['text']}"
    return [f"{came['code']}: {said}", *filter(None, [around]), *came["likely"]]


def _closed(bus: Record) -> bool:
    """Whether what is wrong is that the port is not open."""
    return bool(bus.get("trouble")) and not bus.get("open", False)


def _together(unit: Record, alarms: Sequence[Record]) -> str:
    """Say with how many others it fell silent, where an alarm lists it."""
    for alarm in alarms:
        if alarm["detector"] == TOGETHER and alarm["state"] != "CLEARED-NEW":
            names = (alarm.get("texts") or {}).get("names", "").split(", ")
            if unit["name"] in names:
                others = [name for name in names if name != unit["name"]]
                return f"silent with {', '.join(others)}: what they share"
    return ""


def _next(unit: Record, bus: Record) -> str:
    came = (bus if _closed(bus) else unit).get("came") or {}
    return f"{came['do']}; {NEXT}" if came.get("do") else NEXT
