"""On-delay, off-delay and dead band for all channels of a detector at once."""

import numpy as np
from numba import njit

from agent.detect.channels import Floats, Ints
from agent.detect.rows import Row

LIMIT, ON_DELAY, OFF_DELAY, DEAD_BAND = range(4)


@njit(cache=True)  # no fastmath: it may delete the NaN test below
def debounce(
    counted_s: float, score: Floats, table: Floats, over_s: Floats, under_s: Floats, tier: Ints, changed: Ints
) -> int:
    """
    Turn scores into tiers, with delays.

    Parameters
    ----------
    counted_s : float, s
        How much time this frame stands for as evidence: never more than a few polls, however long the gap.
    score : (n,) float64
        NaN: not known. Nothing is raised then, and nothing clears.
    table : (n_tiers, 4) float64
        LIMIT .. DEAD_BAND per tier, ascending; a tier that does not exist has an infinite limit. Row 0: no
        alarm.
    over_s : (n, n_tiers), under_s : (n,) float64, s
        State: how long at or above each limit (-1: not), and how long below the standing tier's.
    tier : (n,) int64
        State and output: the standing tier.
    changed : (n,) int64
        Output: the channels whose tier changed.

    Returns
    -------
    int
        How many entries of `changed` are valid.
    """
    count = 0
    for c in range(score.size):
        x = score[c]
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
            changed[count] = c
            count += 1
    return count


def table_of(rows: tuple[Row | None, ...]) -> Floats:
    """Return the (n_tiers, 4) table of a detector's rows."""
    table = np.full((len(rows), 4), np.inf)
    for r, row in enumerate(rows):
        if row is not None:
            table[r] = row.limit, row.on_delay_s, row.off_delay_s, row.dead_band
    return table
