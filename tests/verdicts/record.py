"""Judge a stream, and write down what was said: a line of each verdict and each event, and the state.

A verdict is the tier of a channel that changes: alarms join, and say less. An event is all that it says. A
line of the state holds of each array a hash of its bytes, how many of its numbers are finite, and the sum of
their sizes: the hash is the same where kernels are compiled for the same processor, the others are anywhere,
within a bound.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from agent.bench.detection.recordings import ABUSE, CAR2, HEALTHY
from agent.detect.alarms.states import Action, AlarmEvent
from agent.detect.channels import Codes, Floats
from agent.detect.channels import _shared as shared_channels
from agent.detect.unit import UnitJudges
from agent.quality import Quality
from agent.replay.mapping import RecordingMap
from agent.replay.parts import Part
from agent.replay.play import play
from agent.replay.recording import load_parts
from tests.verdicts.streams import Stream, StreamLayout

EVERY = 2500  # frames between two looks at the state
ACKNOWLEDGED = 50  # every so many frames all alarms are: a latched one would speak for all that follow
LEFT_OUT = ("t_s", "config", "shadow", "sentence", "numbers", "texts")  # the text is made of the last three

Line = dict[str, Any]


def said_of(stream: Stream) -> Iterator[Line]:
    """Give the lines of a stream, whatever was judged before: units of one layout share their scratch."""
    shared_channels.cache_clear()
    judges = UnitJudges(StreamLayout(stream.channels), stream.period_s, stream.settings)
    last, stood = len(stream.t_s) - 1, dict[tuple[str, int], int]()
    for i, (t_s, raw, si, quality) in enumerate(stream.frames()):
        events = judges.judge(t_s, raw, quality, partial(_good, si))
        stands = {(detector, channel): tier for detector, channel, tier in judges.watch.standing()}
        for detector, channel in sorted(stood.keys() | stands.keys()):
            tiers = [found.get((detector, channel), 0) for found in (stood, stands)]
            if tiers[0] != tiers[1]:
                yield {"frame": i, "verdict": detector, "channel": channel, "tier": tiers[1]}
        stood = stands
        if i % ACKNOWLEDGED == ACKNOWLEDGED - 1:
            events += [
                event
                for book in judges.books.values()
                for alarm in book.active()
                for event in book.do(Action.ACKNOWLEDGE, alarm.name, t_s)
            ]
        yield from (_line(i, event) for event in events)
        if i % EVERY == EVERY - 1 or i == last:
            yield {"frame": i, "state": dict(_state(judges))}


def _good(si: Floats, quality: Codes) -> Floats:
    return np.where(quality == Quality.GOOD, si, np.nan)


def recordings(folder: Path) -> Iterator[tuple[str, Iterator[Line]]]:
    """Give name and events of each recording of the scoreboard that is in a folder."""
    for name, mapping in {**HEALTHY, "ev_pack_car2": CAR2, "abuse_ornl_dev": ABUSE}.items():
        path = folder / f"{name}.parquet"
        if path.is_file():
            yield name, _raised_in(load_parts(path, RecordingMap.model_validate(mapping)))


def _raised_in(parts: Sequence[Part]) -> Iterator[Line]:
    for alarm in play(parts, lambda frames: None).alarms:
        kept = ("group", "t", "detector", "severity", "location", "value", "limit", "since_s", "explanation")
        yield {name: _number(alarm[name]) for name in kept if name in alarm}


def _line(frame: int, event: AlarmEvent) -> Line:
    said = {name: value for name, value in event.to_plain().items() if name not in LEFT_OUT}
    return {"frame": frame, **{name: _number(value) for name, value in said.items()}}


def _number(value: Any) -> Any:
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else str(float(value))
    return value


def _state(judges: UnitJudges) -> Iterator[tuple[str, list[Any]]]:
    watch = judges.watch
    banks = watch._banks._asdict()
    banks |= banks.pop("detectors")._asdict()
    for name, bank in banks.items():
        arrays = {"": bank} if isinstance(bank, np.ndarray) else bank._asdict()
        for field, array in arrays.items():
            yield f"{name}.{field}".rstrip("."), _sums(array)
    for judge in watch._judges:
        delays = np.concatenate([judge.delays.over_s.ravel(), judge.delays.tier])
        yield f"delays.{judge.member}", _sums(delays)


def _sums(array: np.ndarray[Any, Any]) -> list[Any]:
    """Return a hash of an array, how many of its numbers are finite, and the sum of their sizes."""
    finite = array[np.isfinite(array)].astype(np.float64)
    digest = blake2b(np.ascontiguousarray(array).tobytes(), digest_size=4).hexdigest()
    return [digest, int(finite.size), float(np.abs(finite).sum())]
