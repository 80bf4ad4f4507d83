"""Which figures a change of stored rows makes due. Pure."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from agent.wire import CLOCK_SIMULATED, CLOCK_SYNCHRONISED, Batch
from agent.wire.sound import is_time
from collector.figures.minute import minutes_of
from collector.rows import EventRow, Stream


class Placed(NamedTuple):
    """A batch with frames now lies in the minutes `minutes` of its unit, and in those of `gone` no more.

    may_move: frames of it belong elsewhere once the offset of its boot is known; offset_ns: by which it was
    placed.
    """

    stream: Stream
    sequence: int
    unit: str
    boot_id: bytes
    minutes: Sequence[int]
    gone: Sequence[int] = ()
    may_move: bool = False
    offset_ns: int | None = None


class Offset(NamedTuple):
    """UTC less boot time of a boot, as the event at `position` of batch `sequence` says."""

    boot_id: bytes
    sequence: int
    position: int
    offset_ns: int


def placed(stream: Stream, batch: Batch, offset_ns: int | None = None) -> Placed:
    """Where a batch with frames lies by its own clock, or by the offset of its boot."""
    by_itself = (batch.clock & (CLOCK_SYNCHRONISED | CLOCK_SIMULATED)) != 0
    minutes = minutes_of(batch.repaired(offset_ns))
    return Placed(
        stream,
        batch.sequence,
        batch.unit,
        batch.boot_id,
        minutes,
        may_move=not by_itself.all(),
        offset_ns=offset_ns,
    )


def offsets(events: Iterable[EventRow]) -> Iterator[Offset]:
    """What events say of clocks; what cannot be is passed over."""
    for event in events:
        if event.kind != "clock_offset":
            continue
        try:
            said = json.loads(event.record)
            boot_id, offset_ns = bytes.fromhex(said["boot_id"]), said["offset_ns"]
            possible = is_time(offset_ns + said["boottime_ns"])
        except (ValueError, LookupError, TypeError):
            continue
        if possible:
            yield Offset(boot_id, event.sequence, event.position, offset_ns)
