"""One sentence on the state of a site, in the same words everywhere. Condition and knowledge are two axes.

NORMAL means units that are seen now; of others the sentence says that they were normal when last seen. Where
no unit with a judged value is seen, and no alarm stands, the condition is UNKNOWN.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from agent.detect.knowledge import UNSEEN, WORST_LAST, Knowledge
from agent.detect.table import ADVICE, CRITICAL, WARNING
from agent.view.actions import OVER_STATE as OVER
from agent.view.sayings import say
from agent.view.voice import first_line

CONDITIONS = ("NORMAL", "ATTENTION", "ALARM")  # worst last
UNKNOWN = "UNKNOWN"
UNWATCHED = "nothing that can be judged is read from it"
BY_SEVERITY = {CRITICAL: "ALARM", WARNING: "ATTENTION", ADVICE: "ATTENTION"}
PUT_ASIDE = ("SHELVED", "OUT OF SERVICE")
NOT_LIVE = (
    ("Not seen", UNSEEN, "; they may be in any state"),
    ("Stale", {Knowledge.STALE}, ""),
    ("Seen in part", {Knowledge.PARTIAL}, ""),
)


def condition(units: Sequence[Mapping[str, Any]], alarms: Sequence[Mapping[str, Any]]) -> str:
    """Return the worst condition of alarms that nobody has put aside; without one, NORMAL needs a watched
    unit.
    """
    heard = [BY_SEVERITY[alarm["severity"]] for alarm in alarms if alarm["state"] not in PUT_ASIDE]
    watched = any(unit["knowledge"] not in UNSEEN and _watched(unit) for unit in units)
    return max(heard, key=CONDITIONS.index, default="NORMAL" if watched else UNKNOWN)


def _watched(unit: Mapping[str, Any]) -> bool:
    """Whether a unit has a value that is judged; in the status of an older agent, always."""
    return bool(unit.get("watched", True))


def unlimited(unit: Mapping[str, Any]) -> str:
    """Return why the voltages of a unit have no limit, in words; "": they have one."""
    return str((unit.get("limits") or {}).get("unknown", ""))


def knowledge(units: Sequence[Mapping[str, Any]]) -> str:
    """Return the knowledge of the unit that is seen worst."""
    return max((unit["knowledge"] for unit in units), key=WORST_LAST.index, default=Knowledge.NEVER)


def headline(
    units: Sequence[Mapping[str, Any]], alarms: Sequence[Mapping[str, Any]], now: datetime
) -> dict[str, str]:
    """Return `condition`, `knowledge` and the sentence `text` for a site's units and standing alarms.

    First what stands, then what is not seen now, and behind it what is over and not acknowledged. now: in the
    zone of who reads it.
    """
    what, known = condition(units, alarms), knowledge(units)
    if known == Knowledge.LIVE:
        said = f"{what} - LIVE."
    elif known == Knowledge.NEVER and what in ("NORMAL", UNKNOWN):
        said = "NEVER. Not every unit has been read since the start."
    else:
        said = f"{known}. LAST KNOWN: {what.lower()}."
    heard = [alarm for alarm in alarms if alarm["state"] not in PUT_ASIDE]
    said += _alarms_said([alarm for alarm in heard if alarm["state"] != OVER], now)
    for words, states, more in NOT_LIVE:
        if names := [unit["name"] for unit in units if unit["knowledge"] in states]:
            said += f" {words}: {', '.join(names)}{more}."
    partial = [unit for unit in units if unit["knowledge"] == Knowledge.PARTIAL]
    if names := [unit["name"] for unit in partial if not _watched(unit)]:
        said += f" Nothing that can be judged: {', '.join(names)}."
    for unit in partial:
        if why := unlimited(unit):
            said += f" {unit['name']}: {why}."
    over = [alarm for alarm in heard if alarm["state"] == OVER]
    if over and len(over) < len(heard):
        said += f" {say('over-too', count=len(over))}"
    else:
        said += _alarms_said(over, now)
    return {"condition": what, "knowledge": known, "text": said}


def _alarms_said(heard: Sequence[Mapping[str, Any]], now: datetime) -> str:
    """Return the first line of the first of these alarms, and how many more there are."""
    if not heard:
        return ""
    others = f" And {len(heard) - 1} more." if len(heard) > 1 else ""
    return f" {first_line(heard[0], now)}{others}"
