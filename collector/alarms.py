"""The alarms that stand by what a collector holds, for people and for programs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from agent.view.voice import voice
from agent.wire.schema import unusable
from collector.archive import Archive
from collector.standing import Held, present, standing

LOGGED = 5  # alarms of an agent that fell silent
LOOKED_AT = 60  # batches of a unit, for a value that is read seldom


def held_alarms(archive: Archive, agent: str | None, now: datetime) -> Iterator[dict[str, Any]]:
    """Yield each alarm that stands with its parts, `agent` and `record`, by agent, the most urgent first.

    agent: only this one. now: in the zone of whoever reads it.
    """
    for alarm in standing(archive.alarms(agent)):
        record = alarm.record
        held = present(record, _held(archive, alarm.agent, record["unit"]), round(now.timestamp() * 1e9))
        said = voice({**record, "present": held}, now)
        yield {
            "agent": alarm.agent,
            "id": alarm.id,
            **{key: record.get(key, "") for key in ("unit", "location", "severity", "state")},
            **{key: getattr(said, key) for key in ("first", "place", "action", "left", "below")},
            "present": held,
            "record": record,
        }


def last_words(archive: Archive, agent: str, now: datetime) -> list[str]:
    """Return the first lines of an agent's alarms that stand, for the log once it is silent."""
    found = [f"{one['severity']} {one['state']} {one['first']}" for one in held_alarms(archive, agent, now)]
    more = [f"and {len(found) - LOGGED} more: cellwarden-collector alarms"] if len(found) > LOGGED else []
    return found[:LOGGED] + more


def _held(archive: Archive, agent: str, unit: str) -> Iterator[Held]:
    for received_ns, batch in archive.newest(agent, unit, LOOKED_AT):
        description = archive.description(batch.schema)
        yield received_ns, batch, None if description is None or unusable(description) else description


def alarm_lines(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the list as text: an agent, and below it each alarm's first line, and what stands below that."""
    if not found:
        yield "no alarm stands"
    before = None
    for alarm in found:
        if alarm["agent"] != before:
            yield alarm["agent"]
        before = alarm["agent"]
        yield f"  {alarm['severity']} {alarm['state']} {alarm['first']}"
        yield from (f"    {text}" for text in alarm["below"])
