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
from agent.view.actions import TEST
from agent.view.language import tell, tr
from agent.view.sayings import say
from agent.view.state import State, heat_unmeasured, lacks, later, left_of, named, state, watched
from agent.view.voice import voice
from agent.view.words import titled

CONDITIONS = ("NORMAL", "ATTENTION", "ALARM")  # worst last
UNKNOWN = "UNKNOWN"
BY_SEVERITY = {CRITICAL: "ALARM", WARNING: "ATTENTION", ADVICE: "ATTENTION"}
#: What these say is of now while their unit is not seen: that nothing, or the wrong thing, is read there.
OF_SIGHT = frozenset({"blind", "identity", "heartbeat", "held-frame", "no-measurement"})
MANY, LONG = 8, 200  # units in a sentence, and its letters
PUT_ASIDE = ("SHELVED", "OUT OF SERVICE")
NOT_LIVE = (
    ("Not seen: {names}; any state is possible.", UNSEEN),
    ("Stale: {names}.", {Knowledge.STALE}),
)


def condition(units: Sequence[Mapping[str, Any]], alarms: Sequence[Mapping[str, Any]]) -> str:
    """Return the worst condition of alarms that nobody has put aside; without one, NORMAL needs a watched
    unit.
    """
    heard = [BY_SEVERITY[alarm["severity"]] for alarm in alarms if alarm["state"] not in PUT_ASIDE]
    judged = any(unit["knowledge"] not in UNSEEN and watched(unit) for unit in units)
    return max(heard, key=CONDITIONS.index, default="NORMAL" if judged else UNKNOWN)


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
    `learning`: until when any unit learns, "": none does. `last_known`: the condition is of what is not seen
    now. now: in the zone of who reads it.
    """
    what, known = condition(units, alarms), knowledge(units)
    sights, site = {unit["name"]: unit["knowledge"] for unit in units}, site_state(units, now)
    heard = [alarm for alarm in alarms if alarm["state"] not in PUT_ASIDE]
    held = [alarm for alarm in heard if BY_SEVERITY[alarm["severity"]] == what]
    unseen = known != Knowledge.LIVE and all(last_known(alarm, sights) for alarm in held)
    if known == Knowledge.NEVER and what in ("NORMAL", UNKNOWN):
        begin = tr("NEVER. Not every unit has been read since the start.")
    elif unseen:
        begin = tell("{known}. LAST KNOWN: {condition}.", known=site.text, condition=tr(what).lower())
    else:
        begin = tell("{condition} - {known}.", condition=tr(what), known=site.text)
    over = [alarm for alarm in heard if alarm["state"] == OVER]
    standing = [alarm for alarm in heard if alarm["state"] != OVER]
    told = min(standing or over, key=lambda alarm: _urgent(alarm, sights), default=None)
    said = voice(told, now) if told else None
    others = len(standing or over) - 1
    more = [say("others", count=others)] if others > 0 else []
    first = [said.brief, said.rest] if said else []
    behind = _missing(units)
    if not standing:  # beside an alarm `known` says that they learn, and what they do not detect yet can wait
        behind += _learning(units, now)
    if standing:
        text = [*first, *more, *behind, *([say("over-too", count=len(over))] if over else [])]
    else:  # what is not seen now stands before what is over
        text = [*behind, *first, *more]
    return {
        "condition": what,
        "knowledge": known,
        "learning": site.until,
        "last_known": unseen,
        "place": said.place if said else "",
        "action": said.action if said else "",
        "left": said.left if said else "",
        "left_s": said.left_s if said else None,
        "until": said.until if said else "",
        "rest": said.rest if said else "",
        "besides": " ".join([*more, *behind]),
        "text": " ".join(filter(None, [begin, *text])),
    }


def last_known(alarm: Mapping[str, Any], sights: Mapping[str, str]) -> bool:
    """Whether an alarm is of what is not seen now; that it is not seen is of now.

    sights: knowledge by unit.
    """
    if not alarm["unit"] or alarm["detector"] in OF_SIGHT:
        return False
    return sights.get(alarm["unit"]) not in SEEN


def _urgent(alarm: Mapping[str, Any], sights: Mapping[str, str]) -> tuple[bool, int, bool]:
    return alarm["detector"] == TEST, PRIORITY[alarm["severity"]], last_known(alarm, sights)


def _missing(units: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return sentences on what is not seen now, or not judged."""
    said = []
    for sentence, states in NOT_LIVE:
        if names := [titled(unit) for unit in units if unit["knowledge"] in states]:
            said.append(tell(sentence, names=_listed(names)))
    for why, names in _in_part(units).items():
        said.append(tell("Seen in part: {names} ({why}).", names=_listed(names), why=why))
    return said + _unmeasured(units)


def _unmeasured(units: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say where no heat is detected, since no temperature is measured."""
    names = [titled(unit) for unit in units if heat_unmeasured(unit)]
    return [say("heat-unmeasured", names=_listed(names))] if names else []


def _listed(names: Sequence[str]) -> str:
    """Return the names of units; of so much that nobody reads it all, the first: each has its tile."""
    whole = ", ".join(names)
    return whole if len(names) <= MANY and len(whole) <= LONG else named(names)


def site_state(units: Sequence[Mapping[str, Any]], now: datetime) -> State:
    """Return the state of a site: the knowledge of the unit that is seen worst, and until when any learns."""
    left_s = (left for unit in units for left in left_of(unit).values())
    return state(knowledge(units), max(left_s, default=0.0), now)


def _in_part(units: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the names of the units that are seen in part, by what they lack."""
    found: dict[str, list[str]] = {}
    for unit in units:
        if why := lacks(unit):
            found.setdefault("; ".join(why), []).append(titled(unit))
    return found


def _learning(units: Sequence[Mapping[str, Any]], now: datetime) -> list[str]:
    """Say what is detected already and what not yet, and where, if not everywhere."""
    learn = [unit for unit in units if left_of(unit)]
    where = f"{named([titled(unit) for unit in learn])}: " if len(learn) < len(units) else ""
    return [f"{where}{later(learn, now)}."] if learn else []
