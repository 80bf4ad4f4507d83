"""A file that is only there to be deleted: the way back from a disk that others have filled.

On a full disk even DELETE fails, for the WAL cannot grow. What this file held is room for the WAL.
"""

import contextlib
import os
from pathlib import Path

BALLAST_BYTES = 2 * 1024 * 1024
REFILL_FACTOR = 4  # how many ballasts must be free before one is taken again


class Ballast:
    """`BALLAST_BYTES` beside the database, taken while the disk has plenty."""

    def __init__(self, database: Path, size: int = BALLAST_BYTES) -> None:
        self._path = database.with_name(database.name + "-ballast")
        self._size = size
        self.there = self._path.exists()

    def take(self) -> None:
        """Fill the file if it is missing and the disk has room to spare; else do nothing."""
        if self.there:
            return
        with contextlib.suppress(OSError):
            disk = os.statvfs(self._path.parent)
            if disk.f_bavail * disk.f_frsize < REFILL_FACTOR * self._size:
                return
            handle = os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600)
            try:
                os.posix_fallocate(handle, 0, self._size)
                self.there = True
            finally:
                os.close(handle)

    def release(self) -> bool:
        """Delete the file; return whether there was one."""
        if not self.there:
            return False
        with contextlib.suppress(OSError):
            self._path.unlink()
        self.there = False
        return True
