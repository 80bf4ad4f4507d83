"""Recorded frames through the agent's own detectors, as fast as they go."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from agent.cli.replay.recording import Part
from agent.detect.alarms import AlarmEvent, State
from agent.detect.settings import Settings
from agent.detect.watch import RackWatch
from agent.quality import Quality

Progress = Callable[[int], None]
REPORT_EVERY = 2000


@dataclass
class Played:
    """What came of a replay."""

    alarms: list[dict[str, Any]] = field(default_factory=list)
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
            "groups": self.groups,
            "frames": self.frames,
            "sensor_seconds": round(self.sensor_s, 3),
            "blind_seconds": round(self.blind_s, 3),
            "learning_seconds": round(self.learning_s, 3),
            "frames_per_s": round(self.frames / self.took_s, 1) if self.took_s > 0 else 0.0,
        }


def play(parts: list[Part], progress: Progress) -> Played:
    """Judge every part by detectors of its own; `progress` is told how many frames are done."""
    played = Played(groups=len(parts))
    for part in parts:
        _play_part(part, played, progress)
    return played


def watch_of(part: Part) -> RackWatch:
    """Return fresh detectors for a part."""
    settings = Settings(chemistry=part.chemistry)
    return RackWatch(
        [c.place for c in part.channels],
        [c.quantity for c in part.channels],
        np.array([c.step for c in part.channels]),
        part.period_s,
        settings,
    )


def _play_part(part: Part, played: Played, progress: Progress) -> None:
    watch = watch_of(part)
    quality = np.where(np.isnan(part.values), Quality.MISSING, Quality.GOOD).astype(np.uint8)
    began_s = time.perf_counter()
    for i in range(len(part.t_s)):
        t_s = float(part.t_s[i])
        for event in watch.judge(t_s, part.values[i], quality[i]):
            if event.state == State.NEW:
                played.alarms.append(_alarm(event, part, i))
        if i % REPORT_EVERY == REPORT_EVERY - 1:
            progress(REPORT_EVERY)
    progress(len(part.t_s) % REPORT_EVERY)
    seconds = watch.seconds()
    played.sensor_s += seconds.judged + seconds.learning + seconds.blind
    played.blind_s += seconds.blind
    played.learning_s += seconds.learning
    played.took_s += time.perf_counter() - began_s
    played.frames += len(part.t_s)


def _alarm(event: AlarmEvent, part: Part, row: int) -> dict[str, Any]:
    alarm = {
        "detector": event.detector,
        "severity": event.severity,
        "location": event.location,
        "t": said_at(part, row),
        "explanation": event.text,
        "quantity": event.quantity,
        "value": event.value,
        "limit": event.limit,
        "unit": event.unit,
        "t_s": event.t_s,
        "since_s": event.since_s,
        "beyond_noise": event.beyond_noise,
        "expected": event.expected,
        "forecast": event.forecast,
        "evidence_for": event.evidence_for,
        "evidence_against": event.evidence_against,
        "count": event.count,
        "config": event.config,
    }
    return {"group": part.group, **alarm} if part.group else alarm


def said_at(part: Part, row: int) -> Any:
    """Return the recording's own time of a row: a number as it has it, or ISO 8601."""
    value = part.said[row]
    if part.said.dtype.kind == "M":
        moment = datetime.fromtimestamp(int(value.astype("datetime64[us]").astype(np.int64)) / 1e6, UTC)
        return moment.replace(tzinfo=None).isoformat(
            timespec="milliseconds" if moment.microsecond else "seconds"
        )
    return float(value)


def between(parts: list[Part], first: str | None, last: str | None) -> Iterator[Part]:
    """Give the parts with the rows from `first` up to `last`, in the recording's own time."""
    for part in parts:
        keep = np.ones(len(part.t_s), bool)
        for bound, is_first in ((first, True), (last, False)):
            if bound is None:
                continue
            limit = _bound(part, bound)
            keep &= part.said >= limit if is_first else part.said <= limit
        if keep.any():
            yield replace(part, t_s=part.t_s[keep], values=part.values[keep], said=part.said[keep])


def _bound(part: Part, text: str) -> Any:
    if part.said.dtype.kind == "M":
        return np.datetime64(datetime.fromisoformat(text).replace(tzinfo=None))
    return float(text)
