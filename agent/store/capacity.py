"""How much stays in the buffer: history is forgotten and batches are dropped to keep it below its bounds."""

import logging

from agent.store.ballast import BALLAST_BYTES
from agent.store.ledger import Ledger

log = logging.getLogger(__name__)

FREED_AT_ONCE = 256 * 1024  # so that a full buffer does not drop, and report, with every commit
SMALL_BYTES = BALLAST_BYTES // 2  # below this the database may grow though the disk is low


def keep_below(ledger: Ledger, limit_bytes: int, reason: str) -> None:
    """Free what is over a limit: history first, then the oldest batches, which are dropped for a reason."""
    excess = ledger.used_bytes() - limit_bytes
    if excess > 0:
        dropped = ledger.drop(excess + FREED_AT_ONCE, reason)
        if dropped:
            log.error("%s: %d batches were dropped before they were delivered", reason, dropped)


def keep_history_below(ledger: Ledger, history_bytes: int) -> None:
    """Forget the oldest delivered batches where the buffer is well above what history may take."""
    if ledger.used_bytes() > history_bytes + FREED_AT_ONCE:
        ledger.forget(ledger.used_bytes() - history_bytes)
