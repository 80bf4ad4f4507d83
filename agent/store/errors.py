"""How the buffer fails, and whose fault that is."""

import errno
import sqlite3
from pathlib import Path


class StoreError(Exception):
    """The buffer cannot be opened or written now; nothing of the call was stored. Worth trying again."""


class Implausible(StoreError):
    """An upstream says of this buffer what cannot be. Nothing was changed."""


class DiskTrouble(StoreError):
    """The disk itself refuses: it is full, read-only or broken. A person, not a setting, can mend that."""


class Exchanged(Exception):
    """The buffer's files are not the ones that were opened. `intact`: what was opened can still be read."""

    def __init__(self, text: str, intact: bool) -> None:
        super().__init__(text)
        self.intact = intact


DISK_ERRNOS = {errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO}
DISK_CODES = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR}

# Where SQLite's message quotes damaged text, Python's sqlite3 fails to decode it and raises this instead.
ERRORS = (sqlite3.Error, UnicodeDecodeError, Exchanged)


def is_damage(error: Exception) -> bool:
    """Whether the database's content is at fault."""
    codes = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    # "Could not decode to UTF-8 column": a blob that has become a text; of Python's making, without a code
    unreadable = isinstance(error, sqlite3.OperationalError) and not _primary_code(error)
    return isinstance(error, UnicodeDecodeError) or unreadable or _primary_code(error) in codes


def is_full(error: Exception) -> bool:
    """Whether the disk, or the cap, has no room."""
    return _primary_code(error) == sqlite3.SQLITE_FULL


def _primary_code(error: Exception) -> int:
    code: int = getattr(error, "sqlite_errorcode", None) or 0
    return code & 0xFF  # without what the extended one adds


def opening_failed(path: Path, error: Exception) -> StoreError:
    """Return what to raise where a buffer cannot be opened."""
    text = f"{path}: {getattr(error, 'strerror', None) or error}"
    if isinstance(error, OSError):
        return DiskTrouble(text) if error.errno in DISK_ERRNOS else StoreError(text)
    return DiskTrouble(text) if _primary_code(error) in DISK_CODES else StoreError(text)


def implausible(claimed: int, sealed: int, forgotten: int) -> Implausible:
    """Return what to raise where an upstream claims a sequence that this buffer cannot have forgotten."""
    return Implausible(
        f"says that it holds batch {claimed}, where this buffer has sealed {sealed}: {forgotten} more than"
        " there can be, unless another copy of this agent is alive. Nothing was changed, and nothing is sent;"
        " look at the collector's archive (cellwarden-collector audit)"
    )
