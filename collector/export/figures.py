"""Minute and hour figures as a table: a row for each value of each span."""

from collections.abc import Generator, Iterable
from contextlib import closing
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from collector.export.blocks import Wanted, chosen, texts
from collector.export.rows import utc_text
from collector.export.table import Part, Row, Table, Words
from collector.figures.figures import CLOCKS, HOUR_S, MINUTE_S, Arrays, Figures, Floats, Seconds

EVERY = {"1m": MINUTE_S, "1h": HOUR_S}
#: What is exported of a value's minute or hour, and of which kind it is.
COLUMNS = {
    "agent": "chosen",
    "unit": "chosen",
    "utc": "time",
    "clock": "text",
    "place": "chosen",
    "name": "chosen",
    **dict.fromkeys(Arrays.FLOATS, "real4"),
    "si_unit": "chosen",
    "good_s": "int",
}
SECOND_NS = 10**9


class FigureSource(Protocol):
    """What figures are read from: the part of an archive that is needed here."""

    def all_units(self) -> list[tuple[str, str]]:
        """Every (agent, unit) of which there are frames."""

    def minutes(self, agent: str, unit: str, from_s: int, to_s: int) -> Iterable[Figures]:
        """The minute figures of a unit in [from_s, to_s), in the order of time."""

    def hours(self, agent: str, unit: str, from_s: int, to_s: int) -> Iterable[Figures]:
        """The same of hours."""

    def description(self, digest: bytes | None) -> dict[str, Any] | None:
        """The content of a schema."""


class FigureBlock(NamedTuple):
    """m values of one span of a unit, which begins at utc_ns; in SI units, NaN where nothing was good."""

    agent: str
    unit: str
    utc_ns: int
    clock: str
    places: list[str]
    names: list[str]
    units: list[str]
    min: Floats
    max: Floats
    mean: Floats
    last: Floats
    good_s: Seconds


def figures(source: FigureSource, wanted: Wanted, every: str) -> Table:
    """Figures as a table; every: of `EVERY`."""

    def parts() -> Generator[Part, None, None]:
        with closing(figure_blocks(source, wanted, every)) as found:
            yield from map(_part, found)

    return Table("figure", COLUMNS, lambda: figure_rows(source, wanted, every), parts, _nothing)


def _part(block: FigureBlock) -> Part:
    each = np.arange(len(block.names))
    alone = np.zeros_like(each)
    return {
        "agent": Words([block.agent], alone),
        "unit": Words([block.unit], alone),
        "utc": alone + block.utc_ns,
        "clock": Words([block.clock], alone),
        "place": Words(block.places, each),
        "name": Words(block.names, each),
        "min": block.min,
        "max": block.max,
        "mean": block.mean,
        "last": block.last,
        "si_unit": Words(block.units, each),
        "good_s": block.good_s.astype(np.int64),
    }


def _nothing(part: Part) -> dict[str, NDArray[np.bool_]]:
    return {name: ~np.isfinite(np.asarray(part[name])) for name in Arrays.FLOATS}


def figure_blocks(source: FigureSource, wanted: Wanted, every: str) -> Generator[FigureBlock, None, None]:
    """What is wanted of each minute or hour (`EVERY`) that begins in the time, where that is anything."""
    read = source.minutes if EVERY[every] == MINUTE_S else source.hours
    from_s = -(-(wanted.from_ns or 0) // SECOND_NS)
    to_s = 2**53 if wanted.to_ns is None else -(-wanted.to_ns // SECOND_NS)
    for agent, unit in source.all_units():
        if wanted.agent in (None, agent) and wanted.unit in (None, unit):
            for figures in read(agent, unit, from_s, to_s):
                if block := _block(source.description(figures.schema) or {}, figures, wanted):
                    yield block


def _block(description: dict[str, Any], figures: Figures, wanted: Wanted) -> FigureBlock | None:
    arrays = figures.arrays
    if arrays is None:
        return None
    places, names, units = (texts(description.get(key), len(arrays.min)) for key in ("place", "name", "unit"))
    points = chosen(names, places, wanted)
    kept: NDArray[np.int64] = np.arange(len(names)) if points is None else np.array(points, np.int64)
    if not len(kept):
        return None
    return FigureBlock(
        figures.span.agent,
        figures.span.unit,
        figures.span.utc_s * SECOND_NS,
        CLOCKS[figures.clock],
        [places[j] for j in kept],
        [names[j] for j in kept],
        [units[j] for j in kept],
        *(getattr(arrays, name)[kept] for name in (*Arrays.FLOATS, "good_s")),
    )


def figure_rows(source: FigureSource, wanted: Wanted, every: str) -> Generator[Row, None, None]:
    """One row per value and span, under `COLUMNS`; where nothing was good, numbers are ""."""
    for block in figure_blocks(source, wanted, every):
        stamp = block.agent, block.unit, utc_text(block.utc_ns), block.clock
        for j, (place, name, unit) in enumerate(zip(block.places, block.names, block.units, strict=True)):
            low, high, mean, last = (_text(of[j]) for of in (block.min, block.max, block.mean, block.last))
            yield (*stamp, place, name, low, high, mean, last, unit, int(block.good_s[j]))


def _text(value: np.float32) -> str:
    return f"{value:.7g}" if np.isfinite(value) else ""
