"""One sentence on the state of a site, in the same words everywhere. Condition and knowledge are two axes.

NORMAL means units that are seen now; of others the sentence says that they were normal when last seen. Where
no unit with a judged value is seen, and no alarm stands, the condition is UNKNOWN.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from agent.detect.knowledge import SEEN, UNSEEN, WORST_LAST, Knowledge
from agent.detect.table import ADVICE, CRITICAL, PRIORITY, WARNING
from agent.view.actions import OVER_STATE as OVER
from agent.view.sayings import say
from agent.view.voice import voice

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
) -> dict[str, Any]:
    """Return what is said of a site's units and standing alarms.

    `text` is the whole sentence: `condition`, `knowledge`, the first line of the most urgent alarm (`place`,
    `action`, `left`, `left_s`, `until`, `rest` as `voice` has them; "", None: none), then `besides`: how many
    others there are, and what is not seen now; behind it what is over and not acknowledged.
    `last_known`: the condition is of what is not seen now. now: in the zone of who reads it.
    """
    what, known = condition(units, alarms), knowledge(units)
    sights = {unit["name"]: unit["knowledge"] for unit in units}
    heard = [alarm for alarm in alarms if alarm["state"] not in PUT_ASIDE]
    held = [alarm for alarm in heard if BY_SEVERITY[alarm["severity"]] == what]
    unseen = known != Knowledge.LIVE and all(last_known(alarm, sights) for alarm in held)
    if known == Knowledge.NEVER and what in ("NORMAL", UNKNOWN):
        state = "NEVER. Not every unit has been read since the start."
    else:
        state = f"{known}. LAST KNOWN: {what.lower()}." if unseen else f"{what} - {known}."
    over = [alarm for alarm in heard if alarm["state"] == OVER]
    standing = [alarm for alarm in heard if alarm["state"] != OVER]
    told = min(standing or over, key=lambda alarm: _urgent(alarm, sights), default=None)
    said = voice(told, now) if told else None
    others = len(standing or over) - 1
    more = [say("others", count=others)] if others > 0 else []
    first = [said.brief, said.rest] if said else []
    behind = _missing(units)
    if standing:
        text = [*first, *more, *behind, *([say("over-too", count=len(over))] if over else [])]
    else:  # what is not seen now stands before what is over
        text = [*behind, *first, *more]
    return {
        "condition": what,
        "knowledge": known,
        "last_known": unseen,
        "place": said.place if said else "",
        "action": said.action if said else "",
        "left": said.left if said else "",
        "left_s": said.left_s if said else None,
        "until": said.until if said else "",
        "rest": said.rest if said else "",
        "besides": " ".join([*more, *behind]),
        "text": " ".join(filter(None, [state, *text])),
    }


def last_known(alarm: Mapping[str, Any], sights: Mapping[str, str]) -> bool:
    """Whether an alarm is of what is not seen now; that it is not seen is of now.

    sights: knowledge by unit.
    """
    if not alarm["unit"] or alarm["detector"] == "blind":
        return False
    return sights.get(alarm["unit"]) not in SEEN


def _urgent(alarm: Mapping[str, Any], sights: Mapping[str, str]) -> tuple[int, bool]:
    return PRIORITY[alarm["severity"]], last_known(alarm, sights)


def _missing(units: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return sentences on what is not seen now, or not judged."""
    said = []
    for words, states, more in NOT_LIVE:
        if names := [unit["name"] for unit in units if unit["knowledge"] in states]:
            said.append(f"{words}: {', '.join(names)}{more}.")
    partial = [unit for unit in units if unit["knowledge"] == Knowledge.PARTIAL]
    if names := [unit["name"] for unit in partial if not _watched(unit)]:
        said.append(f"Nothing that can be judged: {', '.join(names)}.")
    return said + [f"{unit['name']}: {why}." for unit in partial if (why := unlimited(unit))]
