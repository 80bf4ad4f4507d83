"""One synchronous transaction: it counts when it is on disk, and the files are still at the path."""

import contextlib
from collections.abc import Collection, Iterator

from agent.store.atomic import atomic
from agent.store.delivery import Delivery
from agent.store.ledger import Identity, Ledger
from agent.store.opened import Opened


@contextlib.contextmanager
def transaction(opened: Opened, who: Identity, deliveries: Collection[Delivery]) -> Iterator[Ledger]:
    """Yield the ledger to change, and commit it. Raises ERRORS and whatever the caller raises; then all is
    as before.

    The files are checked before, so that nothing is written into another's, and once more after COMMIT.
    """
    opened.check()
    try:
        with atomic(opened.db):
            ledger = Ledger(opened.db, who, [delivery.cursor for delivery in deliveries])
            yield ledger
            ledger.save()
        opened.files.check(written=False)
    finally:
        opened.files.note()
    for delivery in deliveries:
        delivery.committed(ledger)
