"""On-delay, off-delay and dead band for all channels of a detector at once."""

from typing import NamedTuple

import numpy as np

from agent.detect.channels import Floats, Ints
from agent.detect.compiled import compiled
from agent.detect.rows import Row

LIMIT, ON_DELAY, OFF_DELAY, DEAD_BAND = range(4)


class Delays(NamedTuple):
    """State of one detector over n channels.

    table (n_tiers, 4): LIMIT .. DEAD_BAND per tier, ascending; a tier that does not exist has an infinite
    limit; row 0: no alarm. over_s (n, n_tiers), s: how long at or above each limit, -1 not. under_s (n,), s:
    how long below the standing tier's. tier (n,): state and output, the standing tier. changed (n + 1,):
    output, how many channels changed their tier, then which.
    """

    table: Floats
    over_s: Floats
    under_s: Floats
    tier: Ints
    changed: Ints


def new_delays(n: int, rows: tuple[Row | None, ...]) -> Delays:
    """Return the state of a detector with these rows by tier, over n channels."""
    table = np.full((len(rows), 4), np.inf)
    for r, row in enumerate(rows):
        if row is not None:
            table[r] = row.limit, row.on_delay_s, row.off_delay_s, row.dead_band
    return Delays(
        table,
        np.full((n, len(rows)), -1.0),
        np.zeros(n),
        np.zeros(n, np.int64),
        np.zeros(n + 1, np.int64),
    )


@compiled  # no fastmath: it may delete the NaN test below
def debounce(counted_s: float, score: Floats, stride: int, delays: Delays) -> int:
    """
    Turn scores into tiers, with delays; return how many changed.

    Parameters
    ----------
    counted_s : float, s
        How much time this frame stands for as evidence: never more than a few polls, however long the gap.
    score : (n * stride,) float64
        One channel's score every `stride`. NaN: not known. Nothing is raised then, and nothing clears.
    stride : int
    delays : Delays
        State and output.
    """
    table, over_s, under_s, tier = delays.table, delays.over_s, delays.under_s, delays.tier
    count = 0
    for c in range(tier.size):
        x = score[c * stride]
        if np.isnan(x):
            continue
        highest = 0
        for r in range(1, table.shape[0]):
            if x < table[r, LIMIT]:
                over_s[c, r] = -1.0
                continue
            over_s[c, r] = 0.0 if over_s[c, r] < 0.0 else over_s[c, r] + counted_s
            if over_s[c, r] >= table[r, ON_DELAY]:
                highest = r
        standing = tier[c]
        if highest > standing:
            tier[c] = highest
            under_s[c] = 0.0
        elif standing > 0 and x < table[standing, LIMIT] - table[standing, DEAD_BAND]:
            under_s[c] += counted_s
            if under_s[c] >= table[standing, OFF_DELAY]:
                tier[c] = 0
                under_s[c] = 0.0
        else:
            under_s[c] = 0.0
        if tier[c] != standing:
            count += 1
            delays.changed[count] = c
    delays.changed[0] = count
    return count
