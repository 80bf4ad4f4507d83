"""Whether what a collector commits is still there for anyone: its database's files, and room on its disk."""

import os
import shutil
import sqlite3
from pathlib import Path

LEAST_FREE_BYTES = 256 * 1024  # a few batches
TRIAL_BYTES = 8 * 1024


class DatabaseFiles:
    """The files of an open database. SQLite goes on writing to those that were deleted or replaced."""

    def __init__(self, database: Path) -> None:
        self.database = database
        named = (database.with_name(database.name + suffix) for suffix in ("", "-wal", "-shm"))
        self._opened = {path: identity for path in named if (identity := _identity(path))}

    def check(self) -> None:
        """Raise sqlite3.OperationalError where one of them is gone, or another one."""
        for path, identity in self._opened.items():
            if _identity(path) != identity:
                raise sqlite3.OperationalError(
                    f"{path.name} was deleted or replaced under this collector: put it back, or restart the"
                    " collector"
                )

    def check_room(self) -> None:
        """Raise sqlite3.OperationalError where the disk is full, though the last commit found room."""
        free = shutil.disk_usage(self.database.parent).free
        if free < LEAST_FREE_BYTES:
            raise sqlite3.OperationalError(f"disk full: {free // 1024} KiB free: make room")


def try_to_write(db: sqlite3.Connection, size: int) -> None:
    """Write and remove so many bytes, or a page or two, within the caller's transaction."""
    db.execute("CREATE TABLE trial (content BLOB)")
    db.execute("INSERT INTO trial VALUES (zeroblob(?))", [max(size, TRIAL_BYTES)])
    db.execute("DROP TABLE trial")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
