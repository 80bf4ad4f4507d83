"""An open buffer: its database, and what is kept beside it on the disk."""

import contextlib
import os
import sqlite3
import time
from collections import deque
from pathlib import Path

from agent.store.ballast import BALLAST_BYTES, Ballast
from agent.store.carry import Left, Tell, begin_beside
from agent.store.database import PAGE_BYTES, Lock, connect
from agent.store.errors import ERRORS, StoreError, is_full
from agent.store.files import BufferFiles
from agent.store.place import must_be_a_file

LOW_DISK_BYTES = 2 * BALLAST_BYTES  # with less than this free the database grows no more
FOREIGN_MOST, FOREIGN_S = 3, 3600.0  # how often it is believed that others write into the files


class Opened:
    """The lock is held from the beginning; `db` and `files` are there after `connect` and `watch`."""

    db: sqlite3.Connection
    files: BufferFiles

    def __init__(self, path: Path, max_bytes: int) -> None:
        must_be_a_file(path)
        self.path, self._max_bytes = path, max_bytes
        self.ballast = Ballast(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = Lock(path)
        self._foreign_s: deque[float] = deque(maxlen=FOREIGN_MOST)  # when others wrote into the files

    def connect(self) -> None:
        """Open the database. Raises what `agent.store.database.connect` does."""
        self.db = connect(self.path, self._max_bytes)

    def watch(self) -> None:
        """Take the files for those that are open from now on."""
        self.files = BufferFiles(self.path, self.db)

    def close(self) -> None:
        """Close the database, then let another agent in."""
        self.db.close()
        self.lock.release()

    def check(self) -> None:
        """Raise Exchanged; file times that change by themselves are believed only now and then."""
        often = len(self._foreign_s) == FOREIGN_MOST and time.monotonic() - self._foreign_s[0] < FOREIGN_S
        self.files.check(written=not often)

    def begin_beside(self, left: Left, tell: Tell) -> dict[int, int]:
        """Go on with a new database at the path, with what the open one leaves; return the new sequences by
        the old ones. Where that raises, all is as it was, but for ballast that was given up.
        """
        lock = self.lock
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self.files.locked:
                lock = Lock(self.path)
            db, moved = begin_beside(self.path, self._max_bytes, left, tell)
        except (*ERRORS, OSError, StoreError) as error:
            if lock is not self.lock:
                lock.release()
            if is_full(error):
                self.ballast.release()
            raise
        if lock is not self.lock:
            self.lock.release()
        self.db, self.lock, self.ballast = db, lock, Ballast(self.path)
        if not left.intact:
            self._foreign_s.append(time.monotonic())
        return moved

    def size_bytes(self) -> int:
        """Bytes of the database."""
        (pages,) = self.db.execute("PRAGMA page_count").fetchone()
        return int(pages) * PAGE_BYTES

    def disk_is_low(self) -> bool:
        """Whether the database should grow no more; a disk that does not answer is not low."""
        with contextlib.suppress(OSError):
            disk = os.statvfs(self.path.parent)
            return disk.f_bavail * disk.f_frsize < LOW_DISK_BYTES
        return False
