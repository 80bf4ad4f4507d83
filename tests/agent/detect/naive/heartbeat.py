"""The heartbeats of a unit, told plainly: one heartbeat after the other, and all that it has done."""

from dataclasses import dataclass
from math import inf


@dataclass
class Beat:
    """One heartbeat. promised_s: within what time it must move; None: nobody said."""

    promised_s: float | None
    steps: int = 0
    longest_s: float = 0.0  # between two steps

    @property
    def limit_s(self) -> float:
        """For how long it may stand still."""
        if self.promised_s is not None:
            return self.promised_s
        return inf if self.steps <= 5 else max(5 * self.longest_s, 30.0)

    def take(
        self, still_s: float, unmoved: float, gap_s: float, dt_s: float, stood: bool, good: bool
    ) -> bool:
        """Take a frame; return whether it stands still. unmoved: reads in which it had not moved. stood:
        whether it did in the frame before.
        """
        if still_s == 0:
            self.steps += 1
            if self.steps >= 2:  # nobody knows what was before the first
                self.longest_s = max(self.longest_s, gap_s)
        if not good:
            return stood
        if self.promised_s is not None:
            return still_s >= self.promised_s + dt_s and unmoved >= 2
        return still_s >= self.limit_s
