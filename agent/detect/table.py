"""What a row of the alarm table is, and the severities. Delays are seconds of good input."""

from dataclasses import dataclass

CRITICAL, WARNING, ADVICE = "critical", "warning", "advice"
TIERS = ("", ADVICE, WARNING, CRITICAL)  # by rising tier number: the one rank of severities
PRIORITY = {severity: rank for rank, severity in enumerate(reversed(TIERS[1:]), 1)}  # ISA-18.2: 1 is worst


@dataclass(frozen=True, slots=True)
class Row:
    """When a detector's score becomes an alarm of one severity, and when it ceases to be one.

    The alarm is raised when the score has been at or above `limit` for `on_delay_s`, and returns to normal
    when it has been below `limit - dead_band` for `off_delay_s`. A latched one also waits for somebody to
    acknowledge it. Where channels have limits of their own (see `declaration.Judged.limits`), `limit` is what
    holds where nobody gives one. frames: it takes at least so many of them, however far apart they are.
    """

    detector: str
    quantity: str
    severity: str
    limit: float
    unit: str
    on_delay_s: float
    off_delay_s: float
    dead_band: float
    latch: bool
    frames: int = 1
