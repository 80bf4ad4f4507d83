"""Minute figures from frames. Pure, and the same whatever the order in which batches came."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.detect.places import EXTREMES, TEMPERATURES, VOLTAGES, judged_as
from agent.quality import Quality
from agent.wire import CLOCK_REPAIRED, CLOCK_SIMULATED, CLOCK_SYNCHRONISED, Batch
from agent.wire.schema import unusable, width
from agent.wire.si import Scale
from collector.figures.figures import CLOCKS, MINUTE_S, Arrays, Extremes, Figures, Floats, Seconds, Span

SECOND_NS = 10**9
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
_GOOD = int(Quality.GOOD)


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """What a schema says of its `m` values, as far as figures need it.

    safety: masks (m,) of the temperatures, and of the voltages, of cells or modules, where there are any.
    hot: positions of the temperatures of the battery. cells: those of the voltages of its cells, and how
    these are read.
    """

    scale: Scale
    safety: tuple[Bools, ...]
    hot: Ints
    cells: Ints
    cell_scale: Scale

    @classmethod
    def of(cls, description: dict[str, Any] | None) -> "Channels | None":
        """None where the schema is not here, or cannot be used."""
        if description is None or unusable(description):
            return None
        quantities = [EXTREMES.get(name, name) for name in description["quantity"]]
        masks = (np.isin(quantities, kinds) for kinds in (TEMPERATURES, VOLTAGES))
        scale = Scale.of(description, width(description))
        judged = judged_as(description["place"], description["quantity"])
        hot, cells = (np.flatnonzero(np.isin(judged, kinds)) for kinds in (TEMPERATURES, ("cell_voltage",)))
        safety = tuple(mask for mask in masks if mask.any())
        return cls(scale, safety, hot, cells, scale.only(cells))

    @property
    def m(self) -> int:
        """How many values a frame has."""
        return len(self.scale.scale)


def minutes_of(batch: Batch) -> list[int]:
    """The minutes, each by its first second of UTC, in which a batch has frames."""
    return (np.unique(batch.utc_ns // (MINUTE_S * SECOND_NS)) * MINUTE_S).tolist()  # type: ignore[no-any-return]


def minute_figures(
    agent: str, unit: str, batches: Sequence[Batch], minutes: Sequence[int], channels: Channels | None
) -> Iterator[Figures]:
    """The figures of some minutes of a unit.

    Parameters
    ----------
    batches : Batch
        All that have frames in these minutes, of one schema and so many values in a frame, with their
        clocks repaired. Frames that came twice count once.
    minutes : int, s of UTC
        Of which figures are wanted; there are none of a minute without frames.
    """
    utc_ns, boottime_ns = (
        np.concatenate([getattr(b, k) for b in batches]) for k in ("utc_ns", "boottime_ns")
    )
    boot = np.repeat(_ranks([b.boot_id for b in batches]), [b.frames for b in batches])
    wanted = np.isin(utc_ns // (MINUTE_S * SECOND_NS) * MINUTE_S, list(minutes))
    order = np.lexsort((boottime_ns, boot, utc_ns))
    order = order[wanted[order]]
    same = (boot[order[1:]] == boot[order[:-1]]) & (boottime_ns[order[1:]] == boottime_ns[order[:-1]])
    order = order[np.concatenate((np.ones(min(len(order), 1), np.bool_), ~same))]
    if not len(order):
        return
    utc_ns = utc_ns[order]
    raw, quality, clock = (
        np.concatenate([getattr(b, k) for b in batches])[order] for k in ("raw", "quality", "clock")
    )
    yield from _figures(agent, unit, batches[0].schema or b"", channels, utc_ns, raw, quality, clock)


def _figures(
    agent: str,
    unit: str,
    schema: bytes,
    channels: Channels | None,
    utc_ns: Ints,
    raw: Ints,
    quality: NDArray[np.uint8],
    clock: NDArray[np.uint8],
) -> Iterator[Figures]:
    """Of frames (n,) in the order of time, each once."""
    good = quality == _GOOD
    numbers = channels.scale.numbers(raw) if channels else None
    if numbers is not None:
        good &= np.isfinite(numbers)
    second = utc_ns // SECOND_NS
    minute = second // MINUTE_S
    starts, second_starts = _starts(minute), _starts(second)
    good_s = _any(good, second_starts)  # (seconds, m)
    of_second = minute[second_starts]
    in_minute = _starts(of_second)
    counted = np.add.reduceat(good_s, in_minute, dtype=np.uint16)
    data_s = np.add.reduceat(good_s.any(axis=1), in_minute, dtype=np.int64)
    safety_s = _safety(good_s, channels.safety, in_minute) if channels and channels.safety else None
    worst = np.maximum.reduceat(_clocks(clock), starts)
    frames = np.diff(starts, append=len(raw))
    arrays = (
        _arrays(channels.scale, numbers, good, starts, counted)
        if channels and numbers is not None
        else [None] * len(starts)
    )
    spreads = _spreads(channels, numbers, good, starts) if channels and numbers is not None else None
    for i, start in enumerate(starts.tolist()):
        utc_s = int(minute[start]) * MINUTE_S
        safe_s = None if safety_s is None else int(safety_s[i])
        yield Figures(
            span=Span(MINUTE_S, agent, unit, utc_s),
            schema=schema,
            frames=int(frames[i]),
            data_s=int(data_s[i]),
            safety_s=safe_s,
            data_minutes=int(data_s[i] > 0),
            safety_minutes=None if safe_s is None else int(safe_s > 0),
            clock=int(worst[i]),
            extremes=_extremes(utc_s, channels, arrays[i], None if spreads is None else spreads[i]),
            arrays=arrays[i],
        )


def _arrays(
    scale: Scale, numbers: NDArray[np.float64], good: Bools, starts: Ints, counted: Seconds
) -> list[Arrays | None]:
    """Of each minute: `numbers` and `good` are (n, m), minutes begin at frames `starts`."""
    whole = bool(good.all())
    ends = np.append(starts[1:], len(numbers))
    lows = numbers if whole else np.where(good, numbers, np.inf)
    highs = numbers if whole else np.where(good, numbers, -np.inf)
    terms = numbers if whole else np.where(good, numbers, 0.0)
    low, high = np.minimum.reduceat(lows, starts), np.maximum.reduceat(highs, starts)
    with np.errstate(all="ignore"):
        mean = np.add.reduceat(terms, starts) / np.add.reduceat(good, starts, dtype=np.int64)
    if whole:
        last = numbers[ends - 1]
    else:
        at = np.maximum.reduceat(np.where(good, np.arange(len(good))[:, None], 0), starts)
        last = np.take_along_axis(numbers, at, axis=0)
    found = scale.si(np.stack((low, high, mean, last)))
    found[:, counted == 0] = np.nan
    lowest, highest = (
        np.minimum(found[0], found[1]),
        np.maximum(found[0], found[1]),
    )  # a scale may be negative
    with np.errstate(all="ignore"):  # beyond a 32-bit float: infinite
        columns = [column.astype(np.float32) for column in (lowest, highest, found[2], found[3])]
    low, high, middle, newest = columns
    return [Arrays(low[i], high[i], middle[i], newest[i], counted[i]) for i in range(len(starts))]


def _spreads(channels: Channels, numbers: NDArray[np.float64], good: Bools, starts: Ints) -> Floats | None:
    """The largest spread of cell voltages within one frame of each minute; NaN: never two of them."""
    if len(channels.cells) < 2:
        return None
    read = good[:, channels.cells]
    volts = channels.cell_scale.si(numbers[:, channels.cells])
    high = np.where(read, volts, -np.inf).max(axis=1)
    low = np.where(read, volts, np.inf).min(axis=1)
    with np.errstate(all="ignore"):
        spread = np.where(read.sum(axis=1) >= 2, high - low, np.nan)
        found: Floats = np.fmax.reduceat(spread, starts).astype(np.float32)
    return found


def _extremes(
    utc_s: int, channels: Channels | None, arrays: Arrays | None, spread: np.float32 | None
) -> Extremes:
    if channels is None or arrays is None:
        return Extremes()
    wide: tuple[float | None, int | None] = (None, None)
    if spread is not None and np.isfinite(spread):
        wide = float(spread), utc_s
    highs = arrays.max[channels.hot]
    read = np.flatnonzero(np.isfinite(highs))
    if not len(read):
        return Extremes(None, None, None, *wide)
    at = read[highs[read].argmax()]
    return Extremes(float(highs[at]), int(channels.hot[at]), utc_s, *wide)


def _safety(good_s: Bools, masks: tuple[Bools, ...], starts: Ints) -> Ints:
    """The seconds of each minute in which at least half of each kind was good."""
    seen = np.ones(len(good_s), np.bool_)
    for mask in masks:
        seen &= 2 * good_s[:, mask].sum(axis=1) >= mask.sum()
    return np.add.reduceat(seen, starts, dtype=np.int64)


def _clocks(clock: NDArray[np.uint8]) -> Ints:
    """The index into CLOCKS of each frame."""
    simulated, repaired, synchronised = (
        (clock & bit) != 0 for bit in (CLOCK_SIMULATED, CLOCK_REPAIRED, CLOCK_SYNCHRONISED)
    )
    words = [CLOCKS.index(word) for word in ("simulated", "repaired", "synchronised")]
    return np.select([simulated, repaired, synchronised], words, CLOCKS.index("unsynchronised"))


def _any(good: Bools, starts: Ints) -> Bools:
    return good if len(starts) == len(good) else np.logical_or.reduceat(good, starts)


def _starts(numbers: Ints) -> Ints:
    """Where each run of equal numbers begins."""
    return np.concatenate(([0], np.flatnonzero(numbers[1:] != numbers[:-1]) + 1))


def _ranks(ids: Sequence[bytes]) -> Ints:
    """The place of each id in their order."""
    order = {one: rank for rank, (one, _) in enumerate(groupby(sorted(ids)))}
    return np.array([order[one] for one in ids], np.int64)
