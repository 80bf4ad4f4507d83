"""What is to be sent next: alarms, the black box, what is fresh, the backlog; and what is healed, behind."""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import starmap
from typing import NamedTuple

from agent.store.black_box import BLACK_BOX, EVENTS, ROUTINE
from agent.wire.ranges import Ranges

_URGENT = "AND priority < 2"  # the words of the index of all that is not routine


class PendingBatch(NamedTuple):
    """A sealed batch that its upstream has not acknowledged."""

    sequence: int
    priority: int
    schema: bytes | None
    blob: bytes
    healed: bool = False  # it had been acknowledged, and was lost again


def in_order(
    db: sqlite3.Connection,
    known: Ranges,
    last_sequence: int,
    fresh_after: int,
    backlog: bool,
    most: int,
    only_alarms: bool,
    healing: Ranges,
) -> Iterator[PendingBatch]:
    """Batches whose sequence is not `known` at the upstream, in the order of sending.

    Fresh is what was sealed after `fresh_after`; the rest comes last, where `backlog`. Of what is healed,
    alarms and black boxes follow those that are live, and all else comes last of all.
    """
    everything = Ranges.through(last_sequence)
    wanted = list(everything.minus(known).minus(healing))
    healed = list(healing.minus(known))
    yield from _select(db, EVENTS, _URGENT, wanted, most)
    if only_alarms:
        return
    yield from _select(db, BLACK_BOX, _URGENT, wanted, most)
    for priority in (EVENTS, BLACK_BOX):
        yield from _as_healed(_select(db, priority, _URGENT, healed, most))
    yield from _select(db, ROUTINE, "", ((max(a, fresh_after + 1), b) for a, b in wanted), most)
    if backlog:
        yield from _select(db, ROUTINE, "", ((a, min(b, fresh_after)) for a, b in wanted), most)
    yield from _as_healed(_select(db, ROUTINE, "", healed, most))


def first_of(batches: Iterable[PendingBatch], max_batches: int, max_bytes: int) -> list[PendingBatch]:
    """Return the first batches within both bounds; the very first whatever its size."""
    found: list[PendingBatch] = []
    size = 0
    for batch in batches:
        size += len(batch.blob)
        if found and (len(found) == max_batches or size > max_bytes):
            break
        found.append(batch)
    return found


def _as_healed(batches: Iterable[PendingBatch]) -> Iterator[PendingBatch]:
    return (batch._replace(healed=True) for batch in batches)


def _select(
    db: sqlite3.Connection, priority: int, index: str, ranges: Iterable[tuple[int, int]], most: int
) -> Iterator[PendingBatch]:
    select = (
        f"SELECT sequence, priority, schema, blob FROM batch WHERE priority = {priority} {index}"
        " AND sequence BETWEEN ? AND ? ORDER BY sequence LIMIT ?"
    )
    for first, last in ranges:
        if first <= last:
            yield from starmap(PendingBatch, db.execute(select, [first, last, most]).fetchall())
