"""Whether the agent itself was awake: a silence that it slept through is not held against a unit. Pure.

A box that is suspended, a process that is stopped, or one that gets no time, reads nothing. When it goes on,
all units were last read long ago, and each of them is about to answer.
"""

from agent.detect.knowledge import stale_s

STOPPED_S = 10.0  # between two looks that are meant to be a second apart
RENEWED_S = 60.0  # an agent that sleeps again and again must look at last
LEAST_S = 10.0  # for a unit to answer, however short its period


class Awake:
    """Follows the looks of an agent at its units. slow_s: how far apart they are meant to be at most."""

    def __init__(self, slow_s: float = 1.0) -> None:
        self._stopped_s = STOPPED_S * max(slow_s, 1.0)
        self._looked_s: float | None = None
        self._since_s = float("-inf")

    def look(self, t_s: float) -> None:
        """The agent looks at `t_s`."""
        gap_s = 0.0 if self._looked_s is None else t_s - self._looked_s
        if gap_s > self._stopped_s and t_s - self._since_s > gap_s + RENEWED_S:
            self._since_s = t_s
        self._looked_s = t_s

    def fair(self, pace_s: float, t_s: float) -> bool:
        """Whether a unit has had the time to answer since the agent is awake."""
        return t_s - self._since_s > max(stale_s(pace_s), LEAST_S)
