"""Whether the agent itself was awake: a silence that it slept through is not held against a unit. Pure.

A box that is suspended, a process that is stopped, or one that gets no time, reads nothing. When it goes on,
all units were last read long ago, and each of them is about to answer.
"""

import math

from agent.detect.knowledge import stale_s

STOPPED_S = 10.0  # between two looks that are meant to be a second apart
SHORT_S = 60.0  # of shorter sleeps only one in so long counts: an agent that gets no time must look at last
LEAST_S = 10.0  # for a unit to answer, however short its period


class Awake:
    """Follows the looks of an agent at its units. slow_s: how far apart they are meant to be at most."""

    def __init__(self, slow_s: float) -> None:
        self._stopped_s = max(STOPPED_S, STOPPED_S * slow_s)
        self._looked_s = math.inf
        self._since_s = -math.inf

    def look(self, t_s: float) -> None:
        """The agent looks at `t_s`."""
        slept_s = t_s - self._looked_s
        if slept_s > self._stopped_s and t_s - self._since_s > SHORT_S:
            self._since_s = t_s
        self._looked_s = t_s

    def fair(self, pace_s: float, t_s: float) -> bool:
        """Whether a unit has had the time to answer since the agent is awake."""
        return t_s - self._since_s > max(stale_s(pace_s), LEAST_S)
