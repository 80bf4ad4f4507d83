"""What must be read in one reply."""

from dataclasses import dataclass

from drivers.quantities import Poll
from drivers.values import Span


@dataclass(frozen=True, slots=True)
class Need:
    """Addresses that must come in one reply, how often, and the pause to keep after reading them.

    `factors` say how they read, `counts` whether they are there: see `drivers.turns`.
    """

    span: Span
    poll: Poll = Poll.SAFETY
    pause_ms: float = 0.0
    factors: tuple[Span, ...] = ()
    counts: tuple[Span, ...] = ()

    @property
    def guards(self) -> tuple[Span, ...]:
        """What else must be known of them."""
        return (*self.factors, *self.counts)
