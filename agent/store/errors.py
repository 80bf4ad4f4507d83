"""How the buffer fails, and whose fault that is."""

import sqlite3


class StoreError(Exception):
    """The buffer cannot be opened or written now; nothing of the call was stored. Worth trying again."""


DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
FULL = {sqlite3.SQLITE_FULL}


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code, without what the extended one adds; 0 where there is none."""
    code: int = getattr(error, "sqlite_errorcode", None) or 0
    return code & 0xFF
