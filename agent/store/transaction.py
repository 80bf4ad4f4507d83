"""One synchronous transaction: it counts when it is on disk, and the files are still at the path."""

import contextlib
import sqlite3
from collections.abc import Collection, Iterator

from agent.store.delivery import Delivery
from agent.store.ledger import Identity, Ledger
from agent.store.opened import Opened


@contextlib.contextmanager
def transaction(opened: Opened, who: Identity, deliveries: Collection[Delivery]) -> Iterator[Ledger]:
    """Yield the ledger to change, and commit it. Raises ERRORS and whatever the caller raises; then all is
    as before.

    The files are checked before, so that nothing is written into another's, and once more after COMMIT.
    """
    db = opened.db
    opened.check()
    db.execute("BEGIN IMMEDIATE")
    try:
        ledger = Ledger(db, who, [delivery.cursor for delivery in deliveries])
        yield ledger
        ledger.save()
        db.execute("COMMIT")
        opened.files.check(written=False)
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            if db.in_transaction:  # a full disk may have rolled it back already
                db.execute("ROLLBACK")
        raise
    finally:
        opened.files.note()
    for delivery in deliveries:
        delivery.committed(ledger)
