"""An alarm in one voice: place, action, time left; then what is known now; evidence and "when raised" below.

From an alarm's record and what is known now, for whoever shows alarms: page, terminal, commands, journal and
collector. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agent.detect.table import PRIORITY
from agent.view import words
from agent.view.actions import OVER_STATE as OVER
from agent.view.actions import action_of
from agent.view.language import how_long, text_of
from agent.view.sayings import say

Record = Mapping[str, Any]

RAISED = "NEW"
FAR_S = 30 * 86400.0  # nobody extrapolates a slope so far
NAMED = 3  # units of an alarm that is of several; the text below names them all
#: Their `limit` is a step of their score, and in no unit.
SCORED = {"blind"}
#: A place of the battery within a text: "string1/module3/cell5".
_PATH = re.compile(rf"(?<![\w/])(?:{'|'.join(words.LEVELS)})\d+(?:/[a-z_]+\d+)*(?![\w/])")


@dataclass(frozen=True, slots=True)
class Voice:
    """The parts of an alarm: `left` is the time left as a clock time with its interval, or that it is over,
    "" none; `left_s` that time from now on, None where it is not of now, and `until` the clock time beside
    it; `now` what is known of its place now; `text` what was wrong when it was raised.
    """

    place: str
    action: str
    left: str
    left_s: float | None
    until: str
    now: str
    text: str
    evidence: tuple[str, ...]
    heats: bool  # `now` says already what is wrong

    @property
    def brief(self) -> str:
        """Place, action and time left."""
        return say("first", place=self.place, said=_sentences(self.action, self.left))

    @property
    def rest(self) -> str:
        """What the first line says besides."""
        return _sentences("" if self.heats else self.text, self.now)

    @property
    def doing(self) -> str:
        """The first line without its place."""
        return " ".join(filter(None, [_sentences(self.action, self.left), self.rest]))

    @property
    def first(self) -> str:
        """The first line, everywhere."""
        return say("first", place=self.place, said=self.doing)

    @property
    def below(self) -> list[str]:
        """What stands below the first line, as far as that does not say it already."""
        return [*([_sentence(self.text)] if self.heats else []), *self.evidence]


def voice(alarm: Record, now: datetime) -> Voice:
    """Return the parts of an alarm.

    alarm: its record, and besides `unit`; `present`, see `agent.control.present`, {} or absent: nothing is
    known now; `age_s`, since it was raised, unless the record has `utc_ns`. Nothing else has to be there.
    now: in the zone of whoever reads it.
    """
    present = alarm.get("present") or {}
    seen = bool(present.get("seen"))
    ahead = (present.get("ahead") or {}) if alarm.get("state") != OVER else {}
    then = now - timedelta(seconds=present.get("age_s") or 0.0)
    raised, told = raised_at(alarm, now), alarm.get("ahead") or {}
    left, left_s, until = "", None, ""
    if _at(ahead, "in_s", then):
        left = left_words(ahead, then, now) if seen else _left(ahead, then, now, "left-then", then)
        left_s = max(ahead["in_s"] - (now - then).total_seconds(), 0.0) if seen else None
        until = left_words(ahead, then, now, "until") if seen else ""
    passed = seen and alarm.get("state") != OVER and _passed(told, present)
    if passed:
        left = say("left-passed", degc=told["to_degc"])
    evidence, text = [], text_of(alarm)
    if _at(told, "in_s", raised) and not left and present.get("held") and alarm.get("state") != OVER:
        left = _raised_ahead(told, raised, now)  # who holds values knows no other forecast
    elif _at(told, "in_s", raised):
        evidence += [_raised_ahead(told, raised, now)]
    elif alarm.get("forecast"):
        evidence += [say("forecast", said=spoken(alarm["forecast"]))]
    evidence += [
        say(key, said=spoken(alarm[f"evidence_{key}"]))
        for key in ("for", "against")
        if alarm.get(f"evidence_{key}")
    ]
    state, heats = _now(alarm, present, then, now)
    return Voice(
        _place(alarm),
        action_of(alarm),
        left,
        left_s,
        until,
        state,
        spoken(text) if alarm.get("unit") else text,
        tuple(evidence),
        heats or passed,
    )


def first_line(alarm: Record, now: datetime) -> str:
    """Return the first line of an alarm."""
    return voice(alarm, now).first


def told(record: Record, now: datetime) -> Voice:
    """Return the parts of an alarm at the moment that its record is of: a forecast is of then, and no other
    stands below.
    """
    if record.get("state") != RAISED:
        return voice({**record, "present": {}}, now)
    raised = {"seen": True, "age_s": 0.0, "ahead": record.get("ahead") or {}}
    return voice({**record, "present": raised, "ahead": {}, "forecast": ""}, now)


def event_line(record: Record, now: datetime) -> str:
    """Return what happened to an alarm, for a log: the place, and what was said when it was raised."""
    said = voice(record, now)
    return say("event", place=said.place, said=said.text)


def happened(record: Record, now: datetime) -> str:
    """Return what happened to an alarm with its state: the first line where it is raised.

    now: when that was, in the zone of whoever reads it.
    """
    new = record.get("state") == RAISED
    said = told(record, now).first if new else event_line(record, now)
    return say("happened", state=record.get("state", ""), severity=record.get("severity", ""), said=said)


def urgency(alarm: Record) -> tuple[bool, int]:
    """Return what alarms are sorted by, the most urgent first: what is over is behind all that stands."""
    return alarm.get("state") == OVER, PRIORITY.get(str(alarm.get("severity")), len(PRIORITY) + 1)


def limit_is_told(alarm: Record) -> bool:
    """Whether the `limit` of an alarm is in its `value_unit`."""
    return alarm.get("detector") not in SCORED


def _place(alarm: Record) -> str:
    """Return the place of an alarm; where it is of several units, their names."""
    names = str((alarm.get("texts") or {}).get("names", ""))
    if names and not alarm.get("unit"):
        listed = names.split(", ")
        few = ", ".join(listed[:NAMED])
        return say("several", names=few, more=len(listed) - NAMED) if len(listed) > NAMED else few
    unit = {"name": alarm.get("unit", ""), "label": alarm.get("label")}
    return place_of(words.titled(unit) if unit["name"] else "", str(alarm.get("location", "")))


def place_of(unit: str, location: str) -> str:
    """Return what a place is called: "rack-37 string 1 module 3 cell 5"; without a unit the agent."""
    if not unit:
        return say("the-agent-at", where=location) if location else say("the-agent")
    return say("place", unit=unit, where=words.place(location)) if location else unit


def spoken(text: str) -> str:
    """Return what a record says of a battery as people say it: places as `place_of` has them, °C."""
    return _PATH.sub(lambda path: words.place(path[0]), text).replace(" degC", " °C")


def raised_at(alarm: Record, now: datetime) -> datetime:
    """Return when an alarm was raised, in the zone of `now`."""
    if "age_s" in alarm:
        return now - timedelta(seconds=alarm["age_s"])
    if not alarm.get("utc_ns"):
        return now
    since_ns = alarm.get("boottime_ns", 0) - 1e9 * (alarm.get("t_s") or 0.0) if alarm.get("t_s") else 0.0
    try:
        return datetime.fromtimestamp((alarm["utc_ns"] - since_ns) / 1e9, now.tzinfo)
    except (ValueError, OverflowError, OSError):  # no calendar has it: a record of a stranger
        return now


def left_words(
    ahead: Record, since: datetime, now: datetime, saying: str = "left", then: datetime | None = None
) -> str:
    """Return the time left by a forecast of `since`: "80 °C about 21:15 (21:13-21:19, in 11 min)"; by the
    saying "until" as what stands beside that time: "to 80 °C, about 21:15 (21:13-21:19)".
    """
    soonest, latest = _at(ahead, "soonest_s", since), _at(ahead, "latest_s", since)
    if latest is None:
        return _left(ahead, since, now, f"{saying}-open", then)
    sharp = soonest is None or words.minute(soonest, now) == words.minute(latest, now)
    return _left(ahead, since, now, f"{saying}-sharp" if sharp else saying, then)


def _at(ahead: Record, key: str, since: datetime) -> datetime | None:
    """Return one of the times of a forecast; None: never, or so late that nobody can say."""
    seconds = ahead.get(key)
    return None if seconds is None or not 0.0 <= seconds < FAR_S else since + timedelta(seconds=seconds)


def _passed(told: Record, present: Record) -> bool:
    """Whether what was forecast has come."""
    return bool(told.get("to_degc")) and (present.get("value") or 0.0) >= told["to_degc"]


def _raised_ahead(ahead: Record, raised: datetime, now: datetime) -> str:
    return left_words(ahead, raised, now, "left-raised", raised)


def _left(ahead: Record, since: datetime, now: datetime, saying: str, then: datetime | None = None) -> str:
    likely, soonest, latest = (_at(ahead, key, since) for key in ("in_s", "soonest_s", "latest_s"))
    if likely is None:
        return ""
    return say(
        saying,
        degc=ahead.get("to_degc") or 0.0,
        likely=words.minute(likely, now),
        soonest=words.minute(soonest or likely, now),
        latest=words.minute(latest or likely, now),
        duration=how_long((likely - now).total_seconds()),
        then=words.minute(then or now, now),
    )


def _now(alarm: Record, present: Record, then: datetime, now: datetime) -> tuple[str, bool]:
    """Return what is known of the place now, and whether that says what is wrong."""
    if present.get("value") is None:
        return spoken(say("now", value=alarm["now"])) if alarm.get("now") else "", False
    value = value_of(present["value"], str(present.get("unit", "")))
    if present.get("seen"):
        slope = (present.get("ahead") or {}).get("slope_k_per_s")
        if slope is None or alarm.get("state") == OVER:
            return say("now", value=value), False
        return say("heating", k_per_min=60.0 * slope, value=value), True
    saying = "held" if present.get("held") else "not-now"
    return say(saying, value=value, then=words.minute(then, now), duration=how_long(present["age_s"])), False


def value_of(value: float, unit: str) -> str:
    """Return a measured value with its unit: "48.9 °C", "3.331 V"."""
    return f"{value:.{words.decimals(unit)}f} {words.unit(unit)}".strip()


def _sentences(*texts: str) -> str:
    return " ".join(filter(None, map(_sentence, texts)))


def _sentence(text: str) -> str:
    said = text.strip().rstrip(".")
    return say("more", said=said[:1].upper() + said[1:]) if said else ""
