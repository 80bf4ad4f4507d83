"""What a person saw of an alarm: he acknowledges that, and not what it became meanwhile. Pure.

Written as "warning.3:812345678901234": how severe it was, how many channels it stood for, and when it was
raised last, in ns of the boot. It goes to the screen with the alarm, and comes back with the acknowledgement.
"""

import re

from agent.detect.alarms.states import AlarmEvent, AlarmState
from agent.detect.duration import duration
from agent.detect.table import PRIORITY

_SEEN = re.compile(r"([a-z]{1,20})\.(\d{1,9}):(\d{1,20})")
#: Why nothing comes of acknowledging an alarm in such a state.
NOT_FROM = {
    AlarmState.SHELVED: "it is shelved, and comes back by itself",
    AlarmState.OUT_OF_SERVICE: "it is out of service",
}


def seen(event: AlarmEvent) -> str:
    """Return what there is to see of an alarm: `event` as `AlarmBook.active` returns it."""
    return f"{event.severity}.{event.count}:{round(event.t_s * 1e9)}"


def grown(event: AlarmEvent, shown: str, now_s: float) -> str:
    """Return why an alarm is another one than was `shown`; "": it is the same, or less."""
    match = _SEEN.fullmatch(shown)
    if match is None or match[1] not in PRIORITY:
        return "what was seen of it cannot be read"
    if PRIORITY[event.severity] < PRIORITY[match[1]]:
        return f"it grew worse meanwhile: {event.severity} now, {match[1]} when it was shown"
    if round(event.t_s * 1e9) > int(match[3]):
        return f"it was raised anew meanwhile, {duration(max(now_s - event.t_s, 0.0))} ago"
    if event.count > int(match[2]):
        return f"it grew meanwhile: it stands for {event.count} places now, {match[2]} when it was shown"
    return ""
