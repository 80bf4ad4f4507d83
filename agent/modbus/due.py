"""How much of the time in which a unit was due to be asked it answered, asked or not. Pure.

Theory. From one cycle to the next lies a stretch of time in which one set of values was due. Of it counts as
answered what share of its reads was answered soundly: of those that were made, those that a lost answer let
drop, and those of unit ids that are left alone. Where nothing was asked (the unit is silent and left alone,
its port is closed, the agent slept) nothing was answered.
"""

from dataclasses import dataclass

from agent.modbus.verdict import Counters


@dataclass(slots=True)
class Due:
    """Since the unit is polled: `due_s` of time, of which `answered_s` were answered."""

    due_s: float = 0.0
    answered_s: float = 0.0
    unasked: int = 0  # reads of this stretch that were due and not made
    _begin_s: float | None = None
    _sound: int = 0
    _answers: int = 0

    @property
    def share(self) -> float | None:
        """Of the time since the unit is polled; 0 to 1, None: nothing was due yet."""
        return self.answered_s / self.due_s if self.due_s > 0.0 else None

    def cycle_begins(self, now_s: float, slept_s: float, counters: Counters) -> None:
        """End a stretch, and begin the next one. slept_s: the part of it in which cycles did not begin."""
        if self._begin_s is not None:
            sound = counters.sound - self._sound
            reads = counters.answers - self._answers + self.unasked
            span_s = now_s - self._begin_s
            self.due_s += span_s
            if reads:
                self.answered_s += max(span_s - slept_s, 0.0) * sound / reads
        self._begin_s, self.unasked = now_s, 0
        self._sound, self._answers = counters.sound, counters.answers
