"""All of it or nothing: a transaction of SQLite."""

import contextlib
import sqlite3
from collections.abc import Iterator


@contextlib.contextmanager
def atomic(db: sqlite3.Connection) -> Iterator[None]:
    """Commit what is done within; where that raises, or the commit does, all is as before. Raises ERRORS."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            if db.in_transaction:  # a full disk may have rolled it back already
                db.execute("ROLLBACK")
        raise
