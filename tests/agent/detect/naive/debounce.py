"""Delays and dead bands, told plainly: one channel, a number of seconds per tier."""

import math

from agent.detect.table import Row


class Debounced:
    """One channel of a detector: its tier, and for how long each limit has been reached, None while below."""

    def __init__(self, rows: tuple[Row | None, ...]) -> None:
        self.rows = {tier: row for tier, row in enumerate(rows) if row}
        self.over_s: dict[int, float | None] = dict.fromkeys(self.rows)
        self.under_s, self.tier = 0.0, 0

    def take(self, counted_s: float, x: float) -> int:
        """Take a score that stands for so many seconds, NaN: not known; return the tier."""
        if math.isnan(x):
            return self.tier
        highest = 0
        for tier, row in self.rows.items():
            over_s = self.over_s[tier]
            counts_s = min(counted_s, row.on_delay_s / (row.frames - 1)) if row.frames > 1 else counted_s
            self.over_s[tier] = over_s = (
                None if x < row.limit else 0.0 if over_s is None else over_s + counts_s
            )
            highest = tier if over_s is not None and over_s >= row.on_delay_s else highest
        standing = self.rows.get(self.tier)
        if highest > self.tier:
            self.tier, self.under_s = highest, 0.0
        elif standing and x < standing.limit - standing.dead_band:
            self.under_s += counted_s
            if self.under_s >= standing.off_delay_s:
                self.tier, self.under_s = 0, 0.0
        else:
            self.under_s = 0.0
        return self.tier
