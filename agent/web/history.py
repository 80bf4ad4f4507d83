"""The history of a point in the buffer: read beside the agent, and never more than a screenful."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.quality import Quality
from agent.store.reading import Buffer
from agent.wire import Batch
from agent.wire.si import to_si

MOST_BATCHES = 400  # decoded for one plot; of a longer stretch every n-th is taken, and the page says so


@dataclass(frozen=True, slots=True)
class Series:
    """One point: `t_s` (n,) UTC, `value` (n,) SI, NaN where quality is not good; from `taken` of `there`
    batches.
    """

    name: str
    place: str
    quantity: str
    unit: str
    t_s: NDArray[np.float64]
    value: NDArray[np.float64]
    taken: int
    there: int


def read(path: Path, unit: str, place: str, quantity: str, begin_s: float, end_s: float) -> list[Series]:
    """Return the points of a unit at a place (of one quantity, or of all: "") between two UTC times.

    Raises agent.store.reading.BufferUnreadable.
    """
    buffer = Buffer(path)
    try:
        batches, there = buffer.thinned(unit, int(begin_s * 1e9), int(end_s * 1e9), MOST_BATCHES)
        found: dict[tuple[str, str], list[tuple[Batch, int, dict[str, Any]]]] = {}
        for batch in batches:
            said = buffer.description(batch.schema)
            if said is None:
                continue
            for i in _columns(said, place, quantity):
                found.setdefault((said["name"][i], said["quantity"][i]), []).append((batch, i, said))
        return [_series(place, key, parts, len(batches), there) for key, parts in found.items()]
    finally:
        buffer.close()


def _columns(said: dict[str, Any], place: str, quantity: str) -> list[int]:
    return [
        i
        for i, (here, what) in enumerate(zip(said["place"], said["quantity"], strict=True))
        if here == place and what and quantity in ("", what)
    ]


def _series(
    place: str, key: tuple[str, str], parts: list[tuple[Batch, int, dict[str, Any]]], taken: int, there: int
) -> Series:
    t_s = np.concatenate([batch.utc_ns / 1e9 for batch, _, _ in parts])
    value = np.concatenate([to_si(said, batch.raw, batch.quality)[:, i] for batch, i, said in parts])
    order = np.argsort(t_s, kind="stable")
    # points that rest between their turns are no gap: only their turns are drawn
    rests = np.concatenate([batch.quality[:, i] == Quality.STALE for batch, i, _ in parts])[order]
    state = parts[0][2]["poll"][parts[0][1]] == "state"
    kept = order[~rests] if state else order
    unit = parts[0][2]["unit"][parts[0][1]]
    return Series(key[0], place, key[1], unit, t_s[kept], value[kept], taken, there)
