"""How much stays in the buffer: history is forgotten and batches are dropped to keep it below its bounds."""

import logging
from dataclasses import dataclass

from agent.store.ballast import BALLAST_BYTES
from agent.store.ledger import Ledger

log = logging.getLogger(__name__)

FREED_AT_ONCE = 256 * 1024  # so that a full buffer does not drop, and report, with every commit
NEAR_BYTES = 4 * FREED_AT_ONCE  # to a bound: a buffer that drops stays within this of it
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


@dataclass(frozen=True, slots=True)
class Full:
    """A buffer at its bound, in bytes, whose oldest batches are dropped: so many wait for `upstreams`, which
    lack the oldest. `disk`: the bound is what the disk has.
    """

    bound_bytes: int
    disk: bool
    batches: int
    upstreams: tuple[str, ...]


def fullness(ledger: Ledger, max_bytes: int, disk_bytes: int | None) -> Full | None:
    """Return in what way a buffer is full, None: it is not. disk_bytes: what the disk leaves it, if low."""
    most = max_bytes if disk_bytes is None else min(max_bytes, max(SMALL_BYTES, disk_bytes))
    if ledger.used_bytes() < most - min(NEAR_BYTES, most // 4):
        return None
    waits = {name: ranges for name, ranges in ledger.waiting().items() if ranges.count}
    if not waits:
        return None
    oldest = min(first for ranges in waits.values() for first, _ in ranges)
    behind = tuple(name for name, ranges in waits.items() if oldest in ranges)
    return Full(most, most < max_bytes, max(waits[name].count for name in behind), behind)
