"""Whether the buffer's files are still the ones that were opened, and nobody else wrote into them.

SQLite never looks again: what was deleted, replaced or restored under an open connection is written on, and
gone when the process ends. Only names are looked at, by stat: closing another descriptor of an open database
would drop the locks that SQLite holds on it.
"""

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import NamedTuple

from agent.store.errors import ERRORS, Exchanged

WRITTEN = ("", "-wal", "-lock")  # by nobody but this agent; the -shm is written by readers, too
SUFFIXES = (*WRITTEN, "-shm")


class _Seen(NamedTuple):
    """A file, and how it was written last."""

    file: tuple[int, int]  # device and inode
    written: tuple[int, int]  # time in ns, size


class BufferFiles:
    """The files of one open connection, as they were when it was made and when this agent wrote last."""

    def __init__(self, database: Path, db: sqlite3.Connection) -> None:
        self._path, self._db = database, db
        self._opened = {suffix: seen for suffix in SUFFIXES if (seen := self._look(suffix))}
        self._written: dict[str, tuple[int, int]] = {}
        self._version: int | None = None
        self._version = self._data_version()
        self.note()

    def note(self) -> None:
        """Take the files as they are now for this agent's own writing."""
        with contextlib.suppress(OSError):
            self._written = {suffix: seen.written for suffix in WRITTEN if (seen := self._look(suffix))}

    def check(self, written: bool = True) -> None:
        """Raise Exchanged where the files are no more what they were; `written`: nor may be written into.

        A disk that answers no more says nothing of who is on it.
        """
        with contextlib.suppress(OSError):
            now = {suffix: self._look(suffix) for suffix in self._opened}
            moved = [
                f"{self._path.name}{suffix} {'is another file' if now[suffix] else 'is gone'}"
                for suffix, opened in self._opened.items()
                if (seen := now[suffix]) is None or seen.file != opened.file
            ]
            if moved:
                raise Exchanged(", ".join(moved), intact=True)
            foreign = [
                f"{self._path.name}{suffix} was written by another process"
                for suffix, then in self._written.items()
                if (seen := now[suffix]) and seen.written != then
            ]
            if written and (foreign or self._data_version() != self._version):
                what = ", ".join(foreign) or f"{self._path.name} was changed by another process"
                raise Exchanged(what, intact=False)

    @property
    def locked(self) -> bool:
        """Whether the lock at the path is the one that is held."""
        now = self._look("-lock")
        return now is not None and now.file == self._opened["-lock"].file

    def _look(self, suffix: str) -> _Seen | None:
        try:
            found = os.stat(f"{self._path}{suffix}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        return _Seen((found.st_dev, found.st_ino), (found.st_mtime_ns, found.st_size))

    def _data_version(self) -> int | None:
        """It changes when another connection commits, or the -shm is not what SQLite left."""
        with contextlib.suppress(*ERRORS):  # whoever writes next meets the same trouble
            (version,) = self._db.execute("PRAGMA data_version").fetchone()
            return int(version)
        return self._version
