"""On-delay, off-delay and dead band for all channels of a detector at once."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from agent.detect.channels import Codes, Floats
from agent.detect.kernels.arrays import Array, Group
from agent.detect.kernels.compiled import compiled
from agent.detect.kernels.memory import untouched
from agent.detect.limits import Limited
from agent.detect.table import Row

Rows = tuple[Row | None, ...]  # by tier

LIMIT, ON_DELAY, OFF_DELAY, DEAD_BAND, TIER, MOST, COLUMNS = range(7)

CHANGED = 0x80  # beside a tier: it is another one since this frame
BEGUN_S = 1e-30  # no time yet, and not none: too little to change any sum of seconds


class Delays(NamedTuple):
    """State of one detector over n channels.

    table (tiers, 6): LIMIT .. MOST of each tier that there is, ascending; MOST, s: what a frame counts for at
    most. limit, band (limited, tiers): LIMIT and DEAD_BAND of each channel; `limited` is n, or 0 where the
    table's hold for all. over_s (n, tiers), s: how long at or above each limit, 0 not. under_s (n,), s: how
    long below the standing tier's. tier (n,) uint8: state and output, the number of the standing tier, 0 for
    none, and CHANGED.
    """

    table: Floats
    limit: Floats
    band: Floats
    over_s: Floats
    under_s: Floats
    tier: Codes


DELAYS = Group(
    Delays,
    table=Array(("tiers", COLUMNS), first=None),
    limit=Array(("limited", "tiers"), first=None),
    band=Array(("limited", "tiers"), first=None),
    over_s=Array(("n", "tiers"), first=None),
    under_s=Array(("n",), first=None),
    tier=Array(("n",), np.uint8),
)


def new_delays(
    detectors: Sequence[tuple[int, Rows]], limited: Sequence[Limited | None] | None = None
) -> list[Delays]:
    """Return the state of detectors: of each its number of channels, and its rows by tier; limited: the
    limits of its channels, None where the rows' hold for all.

    Nearly all channels are below every limit for years, and memory is taken by those that are not.
    """
    tables = [_table(rows) for _, rows in detectors]
    counts = [n for n, _ in detectors]
    shapes = [(n, len(table)) for n, table in zip(counts, tables, strict=True)]
    seconds = untouched(*shapes, *((n,) for n in counts))
    over_s, under_s = seconds[: len(tables)], seconds[len(tables) :]
    found = []
    for table, over, under, own in zip(tables, over_s, under_s, limited or [None] * len(tables), strict=True):
        limit, band = _own(table, own)
        given = {"table": table, "limit": limit, "band": band, "over_s": over, "under_s": under}
        found.append(DELAYS.new(given=given, n=len(over), tiers=len(table), limited=len(limit)))
    return found


def _own(table: Floats, limited: Limited | None) -> tuple[Floats, Floats]:
    if limited is None:
        return np.zeros((0, len(table))), np.zeros((0, len(table)))
    tiers = table[:, TIER].astype(np.int64) - 1
    return np.ascontiguousarray(limited.limit[:, tiers]), np.ascontiguousarray(limited.dead_band[:, tiers])


@cache
def _table(rows: Rows) -> Floats:
    there_are = [(tier, row) for tier, row in enumerate(rows) if row is not None]
    table = [
        (row.limit, row.on_delay_s, row.off_delay_s, row.dead_band, tier, _most_s(row))
        for tier, row in there_are
    ]
    return np.array(table, float).reshape(-1, COLUMNS)


def _most_s(row: Row) -> float:
    return row.on_delay_s / (row.frames - 1) if row.frames > 1 else np.inf


@compiled  # no fastmath: it may delete the NaN test below
def debounce(
    counted_s: float, score: Floats, stride: int, heard: Floats, heard_stride: int, delays: Delays
) -> int:
    """
    Turn scores into tiers, with delays; return how many changed.

    Parameters
    ----------
    counted_s : float, s
        How much time this frame stands for as evidence: never more than a few polls, however long the gap.
    score : (n * stride,) float64
        One channel's score every `stride`. NaN: not known. Nothing is raised then, and nothing clears.
    stride : int
    heard : (n * heard_stride,) float64
        What the score is made of, one every `heard_stride`. NaN: this frame told nothing of it, and a score
        of earlier frames is no evidence for this one.
    heard_stride : int
    delays : Delays
        State and output.
    """
    table, over_s, under_s, tier = delays.table, delays.over_s, delays.under_s, delays.tier
    if _is_quiet(score, stride, delays):
        return 0
    own = delays.limit.shape[0] > 0
    count = 0
    for c in range(tier.size):
        x = score[c * stride]
        if np.isnan(x) or np.isnan(heard[c * heard_stride]):
            continue
        highest = 0
        for r in range(table.shape[0]):
            if x < (delays.limit[c, r] if own else table[r, LIMIT]):
                if over_s[c, r] > 0.0:  # else the page stays untouched
                    over_s[c, r] = 0.0
                continue
            over_s[c, r] = over_s[c, r] + min(counted_s, table[r, MOST]) if over_s[c, r] > 0.0 else BEGUN_S
            if over_s[c, r] >= table[r, ON_DELAY]:
                highest = int(table[r, TIER])
        standing = int(tier[c])
        if highest > standing:
            tier[c] = highest | CHANGED
            under_s[c] = 0.0
            count += 1
        elif standing > 0:
            at = 0
            while table[at, TIER] < standing and at < table.shape[0] - 1:
                at += 1
            limit = delays.limit[c, at] if own else table[at, LIMIT]
            if x < limit - (delays.band[c, at] if own else table[at, DEAD_BAND]):
                under_s[c] += counted_s
                if under_s[c] >= table[at, OFF_DELAY]:
                    tier[c] = CHANGED
                    under_s[c] = 0.0
                    count += 1
            else:
                under_s[c] = 0.0
    return count


@compiled
def _is_quiet(score: Floats, stride: int, delays: Delays) -> bool:
    """Does nothing stand or count, and no score reach a limit: so it is in nearly all frames.

    Each loop asks all channels for one thing: so a processor takes many at a time.
    """
    busy = 0
    for c in range(delays.tier.size):
        busy += delays.tier[c] > 0
    for over_s in delays.over_s.flat:
        busy += bool(over_s > 0.0)
    least = np.inf
    for r in range(delays.table.shape[0]):
        least = min(least, delays.table[r, LIMIT])
        for c in range(delays.limit.shape[0]):
            busy += score[c * stride] >= delays.limit[c, r]
    if delays.limit.shape[0] == 0:
        for c in range(delays.tier.size):
            busy += score[c * stride] >= least
    return busy == 0
