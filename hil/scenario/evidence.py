"""What a run has shown: alarms, thinned values, counts of qualities, and what became of the batches."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.bmu.binding import bind
from hil.plant.source import Channel, Floats, Source

MOST_ROWS = 1500  # of a unit's values, for plots


@dataclass(frozen=True, slots=True)
class RaisedAlarm:
    """An alarm that was raised: `where` are the bench's own places that its location stands for."""

    t_s: float
    unit: str
    location: str
    where: tuple[str, ...]
    detector: str
    severity: str
    text: str

    def at(self, place: str) -> bool:
        """Whether it is at a place of the bench, within it, or of a whole that holds it."""
        if not place or not self.where:
            return True
        return any(w == place or w.startswith(place + "/") or place.startswith(w + "/") for w in self.where)


class Places:
    """Which places of the bench a unit's own places stand for: "sensor2" is the probe on cell 5."""

    def __init__(self, source: Source, places: Sequence[str], quantities: Sequence[str]) -> None:
        binding = bind(source, [Channel(p, q) for p, q in zip(places, quantities, strict=True)])
        self._where: dict[str, tuple[str, ...]] = {}
        members = {i: m for i, m, _ in binding.worked_out}
        for i, place in enumerate(places):
            if binding.indices[i] >= 0:
                found = (source.channels[binding.indices[i]].place,)
            else:
                found = tuple(source.channels[m].place for m in members.get(i, ()))
            self._where[place] = tuple(dict.fromkeys((*self._where.get(place, ()), *found)))

    def of(self, location: str) -> tuple[str, ...]:
        """The bench's places; none for the whole unit."""
        return tuple(w for w in self._where.get(location, (location,)) if w)


@dataclass
class Trace:
    """A unit's values over time, thinned: t_s (m,), si (m, n) with NaN where nothing good was read."""

    places: tuple[str, ...]
    quantities: tuple[str, ...]
    stride: int
    _t_s: list[Floats] = field(default_factory=list)
    _si: list[Floats] = field(default_factory=list)
    _seen: int = 0

    def add(self, t_s: Floats, si: Floats) -> None:
        """Keep every `stride`-th frame."""
        first = -self._seen % self.stride
        self._seen += len(t_s)
        if first < len(t_s):
            self._t_s.append(t_s[first :: self.stride].copy())
            self._si.append(si[first :: self.stride].copy())

    @property
    def t_s(self) -> Floats:
        """Times, s."""
        return np.concatenate(self._t_s) if self._t_s else np.empty(0)

    def of(self, quantity: str) -> Floats:
        """The values of one quantity, (m, k)."""
        columns = [i for i, q in enumerate(self.quantities) if q == quantity]
        if not self._si:
            return np.empty((0, len(columns)))
        return np.concatenate([rows[:, columns] for rows in self._si])


class Evidence:
    """All that one run has shown. `way`: "direct" (in process) or "agent" (a real agent, real sockets)."""

    def __init__(self, way: str, windows: Sequence[Any] = ()) -> None:
        self.way = way
        self.alarms: list[RaisedAlarm] = []
        self.traces: dict[str, Trace] = {}
        self.frames: dict[str, int] = {}
        self.knowledge: list[tuple[float, str, str]] = []  # when, unit, word: at each change
        self.account: dict[str, Any] = {}  # of the batches; empty in process
        self.notes: list[str] = []
        self.late = ""  # why the bench, and not the agent, is to blame; empty: it kept up
        self.wall_s = 0.0
        self._windows = tuple(windows)
        self.counts = {id(window): [0, 0] for window in self._windows}  # values that fit, values

    def expect_frames(self, unit: str, places: Sequence[str], quantities: Sequence[str], frames: int) -> None:
        """Tell what the unit's values are, and how many frames will come."""
        stride = max(1, frames // MOST_ROWS)
        if unit not in self.traces:
            self.traces[unit] = Trace(tuple(places), tuple(quantities), stride)
            self.frames[unit] = 0

    def add(self, unit: str, t_s: Floats, si: Floats, quality: NDArray[np.uint8]) -> None:
        """Take k frames: times (k,), SI values (k, n), qualities (k, n)."""
        self.frames[unit] += len(t_s)
        trace = self.traces[unit]
        trace.add(t_s, si)
        for window in self._windows:
            if window.unit != unit:
                continue
            rows = (t_s >= window.from_s) & (t_s <= window.until_s)
            if rows.any():
                picked = quality[np.ix_(rows, window.columns(trace.places, trace.quantities))]
                self.counts[id(window)][0] += int(np.count_nonzero(np.isin(picked, window.codes)))
                self.counts[id(window)][1] += picked.size
