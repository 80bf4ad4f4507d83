"""Frames of a unit as figures are made of them, a slow obvious twin of those, and an archive they lie in."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agent.quality import Quality
from agent.wire import CLOCK_SYNCHRONISED, Batch, encode_batch, encode_schema
from collector.facts.points import layout_of
from collector.figures.figures import HOUR_S, MINUTE_S, Figures
from collector.figures.job import FigureJob
from collector.figures.work import Work
from collector.sink import Change, EventRow
from collector.sinks import KINDS
from tests.collector.places import Place

AGENT, UNIT, EPOCH, BOOT = "site-1", "rack1/bmu1", b"e" * 16, b"b" * 16
UTC_S, SECOND_NS = 1_790_000_040, 10**9  # the first second of a minute
AT_ONCE = {MINUTE_S: 0, HOUR_S: 0}


def described(*quantities: str, scale: float = 0.5) -> dict[str, Any]:
    """A schema of values of these quantities."""
    m = len(quantities)
    return {
        "name": list(quantities),
        "place": [f"cell{i}" for i in range(m)],
        "unit": ["V"] * m,
        "quantity": list(quantities),
        "reading": [0] * m,
        "raw_offset": [0] * m,
        "scale": [scale] * m,
        "offset": [1.0] * m,
    }


DESCRIPTION = described("cell_voltage", "cell_voltage", "cell_temperature", "soc")
SCHEMA, SCHEMA_BODY = encode_schema(DESCRIPTION)


@dataclass(frozen=True)
class Frame:
    """One frame: when, of UTC, and what was read, with which quality."""

    utc_ns: int
    raw: tuple[int, ...]
    quality: tuple[int, ...]


def batch_of(sequence: int, frames: list[Frame], schema: bytes = SCHEMA, **changes: Any) -> Batch:
    """A batch of frames in the order of time. Its boot began in 1970, so that both clocks are one."""
    times = np.array([frame.utc_ns for frame in frames], np.int64)
    return replace(
        Batch(
            *(AGENT, EPOCH, sequence, UNIT, schema, BOOT, times, times),
            clock=np.full(len(frames), CLOCK_SYNCHRONISED, np.uint8),
            raw=np.array([frame.raw for frame in frames], np.int64),
            quality=np.array([frame.quality for frame in frames], np.uint8),
        ),
        **changes,
    )


def second_by_second(first_s: int, count: int, raw: int = 6, quality: int = Quality.GOOD) -> list[Frame]:
    """A frame each second."""
    return [Frame((first_s + i) * SECOND_NS, (raw,) * 4, (quality,) * 4) for i in range(count)]


class Kept:
    """An archive, what writes it, and the job that makes its figures."""

    def __init__(self, place: Place) -> None:
        self.place, self.now_ns, self.told = place, 10**18, list[str]()
        self.sink = place.open()
        self.archive = KINDS[place.scheme].read(place.place, self.told.append)
        self.job = FigureJob(self.archive, self.write, lambda: self.now_ns)

    def write(self, work: Work) -> None:
        self.sink.write_figures(work, self.now_ns)

    def take(self, *batches: Batch, schemas: dict[bytes, bytes] | None = None, events: Any = ()) -> None:
        blobs = [(batch, encode_batch(batch)) for batch in batches]
        stream = (AGENT, batches[0].epoch if batches else EPOCH)
        bodies = {SCHEMA: SCHEMA_BODY} if schemas is None else schemas
        rows = [EventRow(*event) for event in events]
        found = {digest: layout for digest, body in bodies.items() if (layout := layout_of(body))}
        self.sink.write(
            Change(stream, self.now_ns, batches=blobs, schemas=bodies, layouts=found, events=rows)
        )

    @property
    def text(self) -> str:
        """As --sink takes it."""
        return f"{self.place.scheme}:{self.place.place}"

    def select(self, sql: str) -> list[tuple[Any, ...]]:
        return list(self.archive.select(sql, {}))

    def make(self) -> int:
        """Make all that is due; return in how many pieces."""
        pieces = 0
        while self.job.run(AT_ONCE):
            pieces += 1
            assert pieces < 1000, "it never ends"
        return pieces

    def minutes(self) -> list[Figures]:
        return list(self.archive.minutes(AGENT, UNIT, 0, 2**40))

    def hours(self) -> list[Figures]:
        return list(self.archive.hours(AGENT, UNIT, 0, 2**40))

    def close(self) -> None:
        self.archive.close()
        self.sink.close()


def plainly(frames: list[Frame], span_s: int = MINUTE_S) -> dict[int, dict[str, Any]]:
    """By first second what spans come to, without numpy."""
    spans: dict[int, list[Frame]] = {}
    for frame in sorted(set(frames), key=lambda frame: frame.utc_ns):
        spans.setdefault(frame.utc_ns // SECOND_NS // span_s * span_s, []).append(frame)
    return {utc_s: _of_one(found) for utc_s, found in spans.items()}


def _of_one(frames: list[Frame]) -> dict[str, Any]:
    seconds: dict[int, set[int]] = {}  # by second: which values were good
    values: list[list[float]] = [[] for _ in frames[0].raw]
    for frame in frames:
        good = seconds.setdefault(frame.utc_ns // SECOND_NS, set())
        for i, (raw, quality) in enumerate(zip(frame.raw, frame.quality, strict=True)):
            if quality == Quality.GOOD:
                values[i].append(raw * 0.5 + 1.0)
                good.add(i)
    return {
        "frames": len(frames),
        "hottest": max(values[2], default=None),
        "spread": max(
            (abs(f.raw[0] - f.raw[1]) * 0.5 for f in frames if set(f.quality[:2]) == {Quality.GOOD}),
            default=None,
        ),
        "data_s": sum(bool(good) for good in seconds.values()),
        "safety_s": sum(bool(good & {0, 1}) and 2 in good for good in seconds.values()),
        "good_s": [sum(i in good for good in seconds.values()) for i in range(len(values))],
        "min": [min(of, default=math.nan) for of in values],
        "max": [max(of, default=math.nan) for of in values],
        "mean": [sum(of) / len(of) if of else math.nan for of in values],
        "last": [of[-1] if of else math.nan for of in values],
    }
