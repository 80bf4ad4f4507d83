"""The alarms that stand by what is stored: the last record of each, and the last value at its place. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from agent.view.about import about
from agent.view.voice import urgency
from agent.wire import CLOCK_SYNCHRONISED, Batch
from agent.wire.si import to_si

#: A batch, when it came (UTC in ns by the collector's clock), and what its schema says; None: not known.
Held = tuple[int, Batch, Mapping[str, Any] | None]


class Alarm(NamedTuple):
    """An alarm that is not over. `record`: its last one, and besides `unit`."""

    agent: str
    id: str
    record: dict[str, Any]


def standing(found: Iterable[tuple[str, str, str]]) -> list[Alarm]:
    """Return the alarms that are not over, by agent, the most urgent first.

    found: (agent, unit, record as JSON) of alarms, in the order of sealing. What is on trial is left out.
    """
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for agent, unit, text in found:
        record = {**json.loads(text), "unit": unit}
        told = (unit, record.get("detector", ""), record.get("location", ""))
        name = str(record.get("id") or ":".join(map(str, told)))  # 0.1.0 wrote no id
        last.pop((agent, name), None)
        if record.get("state") != "NORMAL" and not record.get("shadow"):
            last[agent, name] = record
    alarms = [Alarm(agent, name, record) for (agent, name), record in last.items()]
    return sorted(alarms, key=lambda alarm: (alarm.agent, urgency(alarm.record), -_raised(alarm.record)))


def _raised(record: Mapping[str, Any]) -> int:
    return record.get("utc_ns") or 0


def present(record: Mapping[str, Any], held: Iterable[Held], now_ns: int) -> dict[str, Any]:
    """Return the last value that is held of an alarm's place, as `voice` takes it; {}: none is.

    held: batches of its unit, the newest first. now_ns: by the collector's clock. The age is the longer one
    of two: since the batch came, and, where the agent's clock was synchronised, since it was read.
    """
    location, quantity = record.get("location", ""), record.get("quantity", "")
    for received_ns, batch, description in held if quantity else ():
        at = _at(location, quantity, description, batch)
        for row, value in _values(batch, description, at):
            within_ns = int(batch.boottime_ns[-1] - batch.boottime_ns[row])
            ages_ns = [now_ns - received_ns + within_ns, 0]
            if batch.clock[row] & CLOCK_SYNCHRONISED:
                ages_ns.append(now_ns - int(batch.utc_ns[row]))
            unit = str((description or {})["unit"][at[0]])
            return {"value": value, "unit": unit, "age_s": max(ages_ns) / 1e9, "seen": False, "held": True}
    return {}


def _at(location: str, quantity: str, description: Mapping[str, Any] | None, batch: Batch) -> list[int]:
    if description is None:
        return []
    columns = [description[key] for key in ("place", "quantity", "unit")]
    return about(location, quantity, *columns) if len(columns[0]) == batch.raw.shape[1] else []


def _values(batch: Batch, description: Any, at: list[int]) -> Iterator[tuple[int, float]]:
    """Yield what was good at some places, as (row, median), the newest first."""
    if not at:
        return
    values = to_si(description, batch.raw, batch.quality)[:, at]
    for row in range(len(values) - 1, -1, -1):
        good = values[row][np.isfinite(values[row])]
        if good.size:
            yield row, float(np.median(good))
