"""When something happened by an agent's clock, as far as that was ever set. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from agent.wire.sound import is_time
from collector.facts.order import Told

Range = tuple[int, int]

Offsets = Mapping[str, int]  # boot id, in hex: UTC less boot time, ns
Boots = Mapping[bytes, Mapping[bytes, Range]]  # by epoch: the sequences that each boot spans


def offsets(told: Iterable[Told], numbers: Mapping[bytes, int]) -> dict[str, int]:
    """The offset of every boot whose clock was set in the end, as it was sealed last."""
    found: dict[str, int] = {}
    for one in sorted(told, key=lambda one: one.place(numbers)):
        try:
            said = json.loads(one.record)
            boot_id, offset_ns = said["boot_id"], said["offset_ns"]
            possible = is_time(offset_ns + said["boottime_ns"])
        except (ValueError, LookupError, TypeError):
            continue
        if isinstance(boot_id, str) and possible:
            found[boot_id] = offset_ns
    return found


def utc_ns(told: Told, record: Mapping[str, Any], boots: Boots, known: Offsets) -> int | None:
    """When it was by its boot's offset, else as its record says; None: it says nothing.

    Of a batch that several boots span nobody can tell of which boot it is.
    """
    spans = boots.get(told.epoch, {}).items()
    inside = [boot_id.hex() for boot_id, (first, last) in spans if first <= told.sequence <= last]
    boottime_ns, said_ns = record.get("boottime_ns"), record.get("utc_ns")
    if len(inside) == 1 and inside[0] in known and type(boottime_ns) is int:
        repaired_ns = boottime_ns + known[inside[0]]
        if is_time(repaired_ns):
            return repaired_ns
    return said_ns if is_time(said_ns) else None
