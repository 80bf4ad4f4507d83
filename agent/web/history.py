"""The history of a point in the buffer, beside its siblings: never more than a screenful."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agent.detect.channels import Floats
from agent.detect.places import within
from agent.detect.table import PRIORITY
from agent.quality import Quality
from agent.store.reading import Buffer
from agent.web.around import members, si_of, spread
from agent.wire import Batch

MOST_BATCHES = 400  # decoded for one plot; of a longer stretch every n-th is taken, and the page says so


@dataclass(frozen=True, slots=True)
class Series:
    """One point: `t_s` (n,) UTC, `value` (n,) SI, NaN where quality is not good; from `taken` of `there`
    batches. `low`, `middle` and `high` (n,) are the range and the median of its siblings, `siblings` of them.
    `limits`: the profile's, as (tier, low, high), infinite where there is none.
    """

    name: str
    place: str
    quantity: str
    unit: str
    t_s: Floats
    value: Floats
    taken: int
    there: int
    low: Floats
    middle: Floats
    high: Floats
    siblings: int = 0
    limits: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """An alarm that was raised at a place, or at one that holds it: when (UTC, s), its priority, and what."""

    t_s: float
    priority: int
    text: str


@dataclass(frozen=True, slots=True)
class History:
    """What the buffer holds of a place between two times (UTC, s)."""

    series: list[Series]
    marks: list[Mark]
    begin_s: float
    end_s: float


def read(path: Path, unit: str, place: str, quantity: str, begin_s: float, end_s: float) -> History:
    """Return the points of a unit at a place (of one quantity, or of all: "") between two UTC times.

    Raises agent.store.reading.BufferUnreadable.
    """
    from_ns, to_ns = int(begin_s * 1e9), int(end_s * 1e9)
    buffer = Buffer(path)
    try:
        batches, there = buffer.thinned(unit, from_ns, to_ns, MOST_BATCHES)
        found: dict[tuple[str, str], list[_Part]] = {}
        for batch in batches:
            said = buffer.description(batch.schema)
            if said is None:
                continue
            for i in _columns(said, place, quantity):
                found.setdefault((said["name"][i], said["quantity"][i]), []).append(_Part(batch, i, said))
        series = [_series(place, key, parts, len(batches), there) for key, parts in found.items()]
        marks = [
            Mark(utc_ns / 1e9, PRIORITY[severity], f"{detector}: {text}")
            for utc_ns, where, detector, severity, text in buffer.raised(unit, from_ns, to_ns)
            if within(place, where)
        ]
        return History(series, marks, begin_s, end_s)
    finally:
        buffer.close()


def _columns(said: dict[str, Any], place: str, quantity: str) -> list[int]:
    return [
        i
        for i, (here, what) in enumerate(zip(said["place"], said["quantity"], strict=True))
        if here == place and what and quantity in ("", what)
    ]


@dataclass(frozen=True, slots=True)
class _Part:
    """The column of a point in a batch."""

    batch: Batch
    column: int
    said: dict[str, Any]

    def values(self) -> tuple[Floats, Floats]:
        """Return its values (n,), and those of its siblings (n, m)."""
        places, quantities = self.said["place"], self.said["quantity"]
        where, what = places[self.column], quantities[self.column]
        others = [i for i in members(places, quantities, where, what)[0] if i != self.column]
        si = si_of(self.batch, self.said, [self.column, *others])
        return si[:, 0], si[:, 1:]

    @property
    def rests(self) -> Any:
        """Return where the point rested between its turns, bool (n,)."""
        return self.batch.quality[:, self.column] == Quality.STALE


def _series(place: str, key: tuple[str, str], parts: list[_Part], taken: int, there: int) -> Series:
    t_s = np.concatenate([part.batch.utc_ns / 1e9 for part in parts])
    both = [part.values() for part in parts]
    value = np.concatenate([own for own, _ in both])
    around = np.concatenate([np.stack(spread(others)) for _, others in both], axis=1)
    order = np.argsort(t_s, kind="stable")
    last = parts[-1]
    if last.said["poll"][last.column] == "state":
        # points that rest between their turns are no gap: only their turns are drawn
        order = order[~np.concatenate([part.rests for part in parts])[order]]
    middle, low, high = around[:, order]
    limits = last.said.get("limits", {}).get(str(last.column), {})
    return Series(
        *(key[0], place, key[1], last.said["unit"][last.column], t_s[order], value[order], taken, there),
        *(low, middle, high, both[-1][1].shape[1]),
        tuple((tier, float(a), float(b)) for tier, (a, b) in limits.items()),
    )
