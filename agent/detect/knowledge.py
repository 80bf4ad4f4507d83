"""How much is known of a unit, in the words of the status page; nothing of the battery's condition. Pure."""

from enum import StrEnum

STALE_POLLS = 3  # missed polls
BLIND_S, BLIND_POLLS = 60.0, 4  # the longer of the two: seconds count, and one poll more than for STALE


class Knowledge(StrEnum):
    """Worst last."""

    LIVE = "LIVE"
    PARTIAL = "PARTIAL"
    STALE = "STALE"
    BLIND = "BLIND"
    NEVER = "NEVER"


WORST_LAST = tuple(Knowledge)
SEEN = frozenset({Knowledge.LIVE, Knowledge.PARTIAL})
UNSEEN = frozenset({Knowledge.BLIND, Knowledge.NEVER})  # the battery may be in any state


def stale_s(period_s: float) -> float:
    """Return the age at which a unit's values are stale."""
    return STALE_POLLS * period_s


def blind_s(period_s: float) -> float:
    """Return the age at which nothing can be said any more: of a unit, or of one of its values."""
    return max(BLIND_POLLS * period_s, BLIND_S)
