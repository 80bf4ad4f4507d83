"""Recorded frames through the agent's own detectors, as fast as they go."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import AlarmEvent, AlarmState
from agent.detect.unit import UnitJudges
from agent.quality import Quality
from agent.replay.parts import Frames, Part
from agent.replay.sight import Sight
from agent.replay.times import in_its_words

Progress = Callable[[int], None]
REPORT_EVERY = 2000
OVER = (AlarmState.CLEARED_NEW, AlarmState.NORMAL)


@dataclass
class Played:
    """The result of a replay. `heard_in`: the part of each alarm. `notes`: what was not judged, and why."""

    alarms: list[dict[str, Any]] = field(default_factory=list)
    heard_in: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sensor_s: float = 0.0
    blind_s: float = 0.0
    learning_s: float = 0.0
    frames: int = 0
    took_s: float = 0.0
    groups: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return {
            "alarms": self.alarms,
            "counts": self.counts(),
            "groups": self.groups,
            "frames": self.frames,
            "sensor_seconds": round(self.sensor_s, 3),
            "blind_seconds": round(self.blind_s, 3),
            "learning_seconds": round(self.learning_s, 3),
            "frames_per_s": round(self.frames / self.took_s, 1) if self.took_s > 0 else 0.0,
            **({"notes": self.notes} if self.notes else {}),
        }

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many alarms each detector raised, by severity."""
        found: dict[str, dict[str, int]] = {}
        for alarm in self.alarms:
            of = found.setdefault(alarm["detector"], {})
            of[alarm["severity"]] = of.get(alarm["severity"], 0) + 1
        return found


def play(parts: Iterable[Part], progress: Progress) -> Played:
    """Judge every part by detectors of its own; `progress` is told how many frames are done."""
    played, sight = Played(), Sight()
    for part in parts:
        played.groups += 1
        _play_part(part, played, sight, progress)
    played.notes += sight.notes()
    return played


def _play_part(part: Part, played: Played, sight: Sight, progress: Progress) -> None:
    judges = UnitJudges(part.layout, part.period_s, part.settings)
    standing: dict[str, list[dict[str, Any]]] = {}  # by the name of an alarm: each time it was raised
    last: Frames | None = None
    sight.begin(part.group, part.period_s)
    for frames in part.frames():
        began_s = time.perf_counter()
        last = frames if len(frames.t_s) else last
        sight.see(frames.t_s, frames.said)
        if part.first_days and len(frames.t_s):
            judges.watch.hasten(part.first_days.last(float(frames.t_s[0])))
        for i in range(len(frames.t_s)):
            for event in _judge(judges, frames, i):
                if event.state == AlarmState.NEW:
                    played.alarms.append(_alarm(event, part.group, frames.said[i]))
                    played.heard_in.append(part)
                    before = [told for told in standing.get(event.name, ()) if told["ended_s"] is None]
                    standing[event.name] = [*before, played.alarms[-1]]
                elif event.state in OVER:
                    for alarm in standing.pop(event.name, ()):
                        alarm["ended"], alarm["ended_s"] = in_its_words(frames.said[i]), event.t_s
            if standing:
                _end_latched(judges.books.values(), standing, in_its_words(frames.said[i]), frames.t_s[i])
            if i % REPORT_EVERY == REPORT_EVERY - 1:
                progress(REPORT_EVERY)
        progress(len(frames.t_s) % REPORT_EVERY)
        played.frames += len(frames.t_s)
        played.took_s += time.perf_counter() - began_s
    seconds = judges.watch.seconds()
    sight.end(seconds)
    played.sensor_s += seconds.judged + seconds.learning + seconds.blind
    played.blind_s += seconds.blind
    played.learning_s += seconds.learning
    if last is not None:
        for event in _after(judges, last, part.period_s):
            played.alarms.append(_alarm(event, part.group, last.said[-1]))
            played.heard_in.append(part)


def _end_latched(
    books: Iterable[AlarmBook], standing: dict[str, list[dict[str, Any]]], said: Any, t_s: float
) -> None:
    """Say when the condition of a latched alarm was gone: nobody acknowledges it here, so it has no event."""
    for alarm in (alarm for book in books for alarm in book.all()):
        for told in standing.get(alarm.said.name, ()) if alarm.said else ():
            if alarm.standing:
                told["ended"] = told["ended_s"] = None
            elif told["ended_s"] is None:
                told["ended"], told["ended_s"] = said, float(t_s)


def _after(judges: UnitJudges, frames: Frames, period_s: float) -> list[AlarmEvent]:
    """Return what is raised one period after the last frame, in which no frame came: what burns cuts its
    wires, and such a heat is told then (see `agent/detect/kernels/doubt.py`). Nothing ends by silence.
    """
    n = frames.raw.shape[1]
    nothing, unread = np.zeros(n, frames.raw.dtype), np.full(n, Quality.NO_REPLY, np.uint8)
    events = judges.judge(
        float(frames.t_s[-1]) + period_s, nothing, unread, lambda marked: np.full(n, np.nan)
    )
    return [event for event in events if event.state == AlarmState.NEW]


def _judge(judges: UnitJudges, frames: Frames, i: int) -> list[AlarmEvent]:
    """Judge one frame as the agent does, by its raw values and their qualities."""
    si = frames.si[i]
    return judges.judge(
        float(frames.t_s[i]),
        frames.raw[i],
        frames.quality[i],
        lambda marked: np.where(marked == Quality.GOOD, si, np.nan),
    )


def _alarm(event: AlarmEvent, group: str, said: Any) -> dict[str, Any]:
    alarm = {
        "detector": event.detector,
        "severity": event.severity,
        "location": event.location,
        "t": in_its_words(said),
        "explanation": event.text,
        "quantity": event.quantity,
        "value": event.value,
        "limit": event.limit,
        "unit": event.value_unit,
        "t_s": event.t_s,
        "since_s": event.since_s,
        "ended": None,
        "ended_s": None,
        "beyond_noise": event.beyond_noise,
        "expected": event.expected,
        "forecast": event.forecast,
        "evidence_for": event.evidence_for,
        "evidence_against": event.evidence_against,
        "count": event.count,
        "config": event.config,
    }
    return {"group": group, **alarm} if group else alarm
