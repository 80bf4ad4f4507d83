"""By which version a buffer was begun: whether a watch ran here before what this one refuses first."""

import sqlite3
from pathlib import Path

MARK = 2  # SQLite's user_version: 0 in what 0.1 began, and in what was begun in place of another


def mark(db: sqlite3.Connection) -> None:
    """Note that this version began the buffer, of a new installation."""
    db.execute(f"PRAGMA user_version = {MARK}")


def older(path: Path) -> bool:
    """Whether an older version may have begun the buffer at `path`: also where it cannot be read, for the
    watch that ran here goes on with a damaged one; not where there is none.
    """
    try:
        if not path.is_file():
            return False
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            (said,) = db.execute("PRAGMA user_version").fetchone()
        finally:
            db.close()
    except (sqlite3.Error, OSError):
        return True
    return bool(said < MARK)
