"""How the buffer fails, and whose fault that is."""

import sqlite3


class StoreError(Exception):
    """The buffer cannot be opened or written now; nothing of the call was stored. Worth trying again."""


# Where SQLite's message quotes damaged text, Python's sqlite3 fails to decode it and raises this instead.
ERRORS = (sqlite3.Error, UnicodeDecodeError)


def is_damage(error: Exception) -> bool:
    """Whether the database's content is at fault."""
    codes = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return isinstance(error, UnicodeDecodeError) or _primary_code(error) in codes


def is_full(error: Exception) -> bool:
    """Whether the disk, or the cap, has no room."""
    return _primary_code(error) == sqlite3.SQLITE_FULL


def _primary_code(error: Exception) -> int:
    code: int = getattr(error, "sqlite_errorcode", None) or 0
    return code & 0xFF  # without what the extended one adds
