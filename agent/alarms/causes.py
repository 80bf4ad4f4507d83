"""Which alarms have one cause: who acknowledges it means all of them that he sees. Pure.

what                                                         its cause
a unit that is not seen, and that `silent-together` lists     that alarm
detectors of one family in one string of a unit (its heat)    the unit, the family, the string
what a unit reports itself, by its own bits and numbers       itself: nobody but the unit knows its cause
"""

from collections.abc import Iterable

from agent.alarms.record import AlarmId
from agent.detect.alarms.states import AlarmEvent, called
from agent.detect.places import string_of
from agent.detect.rows import family_of

TOGETHER, REPORTED = "silent-together", "reported"  # detectors
UNSEEN = called("unseen", "")  # the name of the alarm about a whole unit


def causes(alarms: Iterable[tuple[AlarmId, AlarmEvent]]) -> dict[AlarmId, str]:
    """Return a word for the cause of each alarm: the same for those that have one in common."""
    listed: dict[str, str] = {}
    found = list(alarms)
    for name, event in found:
        if event.detector == TOGETHER:
            names = f"{event.texts.get('names', '')}, {event.texts.get('again', '')}"
            listed |= dict.fromkeys(names.split(", "), str(name))
    return {name: _cause(name, event, listed) for name, event in found}


def _cause(name: AlarmId, event: AlarmEvent, listed: dict[str, str]) -> str:
    if event.detector == REPORTED or not name.unit:
        return str(name)
    if name.name == UNSEEN and name.unit in listed:
        return listed[name.unit]
    return str(AlarmId(name.unit, called(family_of(event.detector), string_of(event.location))))
