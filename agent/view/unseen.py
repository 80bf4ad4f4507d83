"""Why a unit is not seen: since when, what the agent tried, what is likely, and what to do next.

In the words of the table that says what came in place of an answer (`agent.modbus.came`), which the status
holds: of the unit, or of its bus where that has a trouble of its own.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from agent.detect.knowledge import UNSEEN
from agent.view import words
from agent.view.language import how_long, tell, tr
from agent.view.state import named

Record = Mapping[str, Any]

ANY_STATE = "The battery may be in any state."
NEXT = "cellwarden doctor"
TOGETHER = "silent-together"  # the alarm that lists units of one cause


def unseen(unit: Record, bus: Record, alarms: Sequence[Record], now: datetime) -> dict[str, str]:
    """Return the block of a unit that is not seen. unit, bus, alarms: as in the status."""
    age_s = unit["age_s"]
    never = age_s is None
    return {
        "since": tr("the start") if never else words.clock(now - timedelta(seconds=age_s), now),
        "for": "" if never else how_long(age_s),
        "tried": _tried(unit, bus),
        "cause": "; ".join(filter(None, [_others(unit, alarms), *_likely(unit, bus)])),
        "next": _next(unit, bus),
        "warning": tr(ANY_STATE),
    }


def unseen_lines(
    units: Sequence[Record], buses: Mapping[str, Record], alarms: Sequence[Record], now: datetime
) -> list[str]:
    """Return a paragraph for each unit that is not seen; units of one cause have one. buses: by name."""
    together: dict[tuple[str, str], list[Record]] = {}
    for unit in units:
        if unit["knowledge"] in UNSEEN:
            cause = _together(unit, alarms)
            together.setdefault((cause["id"] if cause else unit["name"], unit["knowledge"]), []).append(unit)
    return [_line(of, buses.get(of[0]["bus"], {}), alarms, now) for of in together.values()]


def _line(units: Sequence[Record], bus: Record, alarms: Sequence[Record], now: datetime) -> str:
    """Return the block of a unit as a paragraph, with how much of the last hour was answered; of several of
    one cause, that of the one that was seen longest ago.
    """
    unit = max(units, key=lambda one: math.inf if one["age_s"] is None else one["age_s"])
    said = unseen(unit, bus, alarms, now)
    cause, answered = said["cause"], ""
    if len(units) > 1:
        cause = "; ".join([tr("they are silent together: what they share"), *_likely(unit, bus)])
    elif unit.get("answered") is not None:
        answered = tell("Answered {share:.1f} % of the last hour.", share=unit["answered"])
    parts = [
        f"{named([words.titled(one) for one in units])}: {since_words(unit['knowledge'], said)}."
        f" {said['warning']}",
        tell("Tried: {tried}.", tried=said["tried"]),
        answered,
        tell("Likely: {cause}.", cause=cause),
        tell("Next: {next}", next=said["next"]),
    ]
    return " ".join(filter(None, parts))


def since_words(knowledge: str, said: Mapping[str, str]) -> str:
    """Return since when a unit is not seen: "BLIND since 14:04:10 (18 min)". said: its block."""
    if not said["for"]:
        return tell("{known} since {since}", known=tr(knowledge), since=said["since"])
    return tell("{known} since {since} ({time})", known=tr(knowledge), since=said["since"], time=said["for"])


def trouble_of(unit: Record) -> str:
    """Return what is wrong with a unit, or "", by the table of what came where that says it."""
    came, told = unit.get("came") or {}, str(unit.get("trouble") or "")
    parts = [part for part in (came.get("text", ""), came.get("do", "")) if part]
    return "; ".join(map(tr, parts)) if told and told == "; ".join(parts) else tr(told)


def _tried(unit: Record, bus: Record) -> str:
    if _closed(bus):
        return tell("its port {port} is opened again and again, at most 8 s apart", port=bus["port"])
    in_vain, pause_s = unit.get("in_vain", 0), unit.get("asked_again_s", 0.0)
    if not in_vain:
        return tr("it is still polled")
    if in_vain == 1:
        polled = tr("it was polled once since its last answer")
    else:
        polled = tell("it was polled {n} times since its last answer", n=in_vain)
    if not pause_s:
        return polled
    return tell("{polled}, and is polled again every {pause}", polled=polled, pause=how_long(pause_s))


def _likely(unit: Record, bus: Record) -> list[str]:
    """Return what came, with its code, and what is likely then, most likely first."""
    of = bus if _closed(bus) else unit
    trouble, came = of.get("trouble") or "", of.get("came")
    around = bus.get("trouble", "") if of is unit else ""  # another master on the line
    if not came:
        return [*filter(None, [trouble, around])] or [tr("not known")]
    said = trouble if of is bus else tell("it {came}", came=tr(came["text"]))
    return [f"{came['code']}: {said}", *filter(None, [around]), *map(tr, came["likely"])]


def _closed(bus: Record) -> bool:
    """Whether what is wrong is that the port is not open."""
    return bool(bus.get("trouble")) and not bus.get("open", False)


def _together(unit: Record, alarms: Sequence[Record]) -> Record | None:
    """Return the alarm that lists a unit among others that fell silent with it; None: there is none."""
    for alarm in alarms:
        if (
            alarm["detector"] == TOGETHER
            and alarm["state"] != "CLEARED-NEW"
            and unit["name"] in _names(alarm)
        ):
            return alarm
    return None


def _names(alarm: Record) -> list[str]:
    return str((alarm.get("texts") or {}).get("names", "")).split(", ")


def _others(unit: Record, alarms: Sequence[Record]) -> str:
    """Say with which others it fell silent."""
    if not (alarm := _together(unit, alarms)):
        return ""
    others = [name for name in _names(alarm) if name != unit["name"]]
    return tell("silent with {others}: what they share", others=named(others))


def _next(unit: Record, bus: Record) -> str:
    came = (bus if _closed(bus) else unit).get("came") or {}
    return f"{tr(came['do'])}; {NEXT}" if came.get("do") else NEXT
