"""What each value of a unit showed at commissioning: over the last hour on disk, or in one reading."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from agent.detect.channels import Floats
from agent.quality import Quality
from agent.store.reading import Buffer, BufferUnreadable
from agent.wire import Batch
from agent.wire.si import to_si
from drivers.quantities import QUANTITIES

OVER_S = 3600
NO_FIGURES = {"state", "alarm_bits", "heartbeat"}
MOST_BATCHES = 60  # decoded of a unit, evenly over the hour: a site of 512 units waits for them


@dataclass(frozen=True, slots=True)
class Value:
    """What one value showed, in its unit; None: it was not read. read: in which share of the readings that
    asked for it.
    """

    place: str
    quantity: str
    unit: str
    median: float | None
    lowest: float | None
    highest: float | None
    read: float


@dataclass(frozen=True, slots=True)
class Shown:
    """What the values of a unit showed. begin, end: local times of the first and last of the readings."""

    readings: int
    begin: str
    end: str
    values: Sequence[Value]

    @classmethod
    def in_one_reading(cls, values: Sequence[Mapping[str, Any]]) -> "Shown":
        """Return what was shown just now: `place`, `quantity`, `quality` and `value` of each."""
        now = _local(datetime.now().timestamp())
        found = []
        for value in values:
            quantity = value["quantity"]
            if _is_figure(quantity):
                said = value["value"] if value["quality"] == "good" else None
                unit = value.get("unit", QUANTITIES[quantity].unit)
                found.append(Value(value["place"], quantity, unit, said, said, said, float(said is not None)))
        return cls(1, now, now, found)


def on_disk(database: Path) -> dict[str, Shown]:
    """Return what each unit showed in the last hour of which the agent's buffer has readings, by unit. A unit
    without readings is not in it; none is, where the buffer cannot be read.
    """
    try:
        with closing(Buffer(database)) as buffer:
            last = {batch.unit: batch for batch in buffer.latest()}
            found = {unit: _of_unit(buffer, batch) for unit, batch in last.items()}
    except BufferUnreadable:
        return {}
    return {unit: shown for unit, shown in found.items() if shown}


def _of_unit(buffer: Buffer, last: Batch) -> Shown | None:
    said = buffer.description(last.schema)
    if said is None:
        return None
    end_ns = int(last.utc_ns[-1])
    begin_ns = end_ns - OVER_S * 10**9
    batches = buffer.thinned(last.unit, begin_ns, end_ns + 1, MOST_BATCHES)[0]
    alike = [batch for batch in batches if batch.schema == last.schema]
    utc_ns = np.concatenate([batch.utc_ns for batch in alike])
    within = (utc_ns >= begin_ns) & (utc_ns <= end_ns)
    si = np.concatenate([to_si(said, batch.raw, batch.quality) for batch in alike])[within]
    asked = (np.concatenate([batch.quality for batch in alike]) != Quality.STALE)[within]
    values = []
    channels = zip(said["place"], said["quantity"], said["unit"], strict=True)
    for i, (place, quantity, unit) in enumerate(channels):
        if _is_figure(quantity):
            own = si[np.isfinite(si[:, i]), i]
            read = len(own) / max(int(asked[:, i].sum()), 1)
            values.append(Value(place, quantity, unit, *_three(own), read))
    times = utc_ns[within] / 1e9
    return Shown(len(times), _local(times.min()), _local(times.max()), values)


def _three(own: Floats) -> tuple[float | None, float | None, float | None]:
    """Return median, lowest and highest."""
    return (float(np.median(own)), float(own.min()), float(own.max())) if len(own) else (None, None, None)


def _is_figure(quantity: str) -> bool:
    return quantity in QUANTITIES and quantity not in NO_FIGURES


def _local(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s).astimezone().isoformat(" ", timespec="seconds")
