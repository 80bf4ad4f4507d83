"""Stored values as arrays: a block is what of one batch is wanted."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.wire import Batch
from agent.wire.schema import unusable, width
from agent.wire.si import to_si


class ExportSource(Protocol):
    """What values are read from. `tell`: takes a line for each thing that cannot be read, and why."""

    tell: Callable[[str], None]

    def batches(
        self, agent: str | None, unit: str | None, from_ns: int | None, to_ns: int | None
    ) -> Iterator[tuple[str, Batch]]:
        """Batches with frames that may lie in [from_ns, to_ns), as (agent, batch), in time order."""

    def description(self, digest: bytes | None) -> dict[str, Any] | None:
        """The content of a schema."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which values: of one agent, of one unit, of frames in [from_ns, to_ns); None: whatever there is. name,
    place: patterns, as the shell has them.
    """

    agent: str | None = None
    unit: str | None = None
    from_ns: int | None = None
    to_ns: int | None = None
    name: str = "*"
    place: str = "*"


class Block(NamedTuple):
    """n frames of m values. utc_ns, clock, boottime_ns: (n,); places, names, units: m texts, empty without a
    schema; si: (n, m) in these units, NaN where not good; raw, quality: (n, m).
    """

    agent: str
    unit: str
    utc_ns: NDArray[np.int64]
    clock: NDArray[np.uint8]
    boottime_ns: NDArray[np.int64]
    places: list[str]
    names: list[str]
    units: list[str]
    si: NDArray[np.float64]
    raw: NDArray[np.int64]
    quality: NDArray[np.uint8]


def blocks(source: ExportSource, wanted: Wanted) -> Generator[Block, None, None]:
    """What is wanted of each batch, where that is anything."""
    for agent, batch in source.batches(wanted.agent, wanted.unit, wanted.from_ns, wanted.to_ns):
        block = _block(source, agent, batch)
        frames, points = _frames(block, wanted), chosen(block.names, block.places, wanted)
        if not frames.all() or points is not None:
            block = _part(block, frames, points)
        if block.raw.size:
            yield block


def _block(source: ExportSource, agent: str, batch: Batch) -> Block:
    m = batch.raw.shape[1]
    description = source.description(batch.schema) or {}
    places, names, units = (texts(description.get(key), m) for key in ("place", "name", "unit"))
    try:
        si = to_si(description, batch.raw, batch.quality)
    except (KeyError, ValueError, TypeError):  # no schema yet, or not one that fits: the raw numbers remain
        si = np.full(batch.raw.shape, np.nan)
        if description and not unusable(description):
            source.tell(
                f"{agent} epoch {batch.epoch.hex()} batch {batch.sequence} stays raw numbers: {m} values in a"
                f" frame, its schema describes {width(description)}"
            )
    return Block(
        agent,
        batch.unit,
        batch.utc_ns,
        batch.clock,
        batch.boottime_ns,
        places,
        names,
        units,
        si,
        batch.raw,
        batch.quality,
    )


def _frames(block: Block, wanted: Wanted) -> NDArray[np.bool_]:
    within = np.ones(block.utc_ns.size, bool)
    if wanted.from_ns is not None:
        within &= block.utc_ns >= wanted.from_ns
    if wanted.to_ns is not None:
        within &= block.utc_ns < wanted.to_ns
    return within


def chosen(names: list[str], places: list[str], wanted: Wanted) -> list[int] | None:
    """Which values of a frame; None: all."""
    if wanted.name == wanted.place == "*":
        return None
    return [
        j
        for j, (name, place) in enumerate(zip(names, places, strict=True))
        if fnmatchcase(name, wanted.name) and fnmatchcase(place, wanted.place)
    ]


def _part(block: Block, frames: NDArray[np.bool_], points: list[int] | None) -> Block:
    kept = [*range(len(block.names))] if points is None else points
    return Block(
        block.agent,
        block.unit,
        block.utc_ns[frames],
        block.clock[frames],
        block.boottime_ns[frames],
        [block.places[j] for j in kept],
        [block.names[j] for j in kept],
        [block.units[j] for j in kept],
        block.si[frames][:, kept],
        block.raw[frames][:, kept],
        block.quality[frames][:, kept],
    )


def texts(column: object, m: int) -> list[str]:
    """A column of a schema, of m values; empty texts where it has no such one."""
    fits = isinstance(column, list) and len(column) == m
    return [str(text) for text in column] if fits and isinstance(column, list) else [""] * m
