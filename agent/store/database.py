"""The file: opened, guarded against a second agent, checked, and put aside when it is damaged.

WAL and synchronous=FULL: what was committed survives a power cut. One connection writes; SQLite before 3.51.3
can corrupt a WAL that two connections write or checkpoint. Readers open it `mode=ro`.
"""

import contextlib
import fcntl
import os
import sqlite3
from pathlib import Path

from agent.store.cursors import read_cursors, withheld_from
from agent.store.errors import ERRORS, StoreError
from agent.store.schema import NewerVersion, migrate
from agent.wire.batch import decode_batch
from agent.wire.errors import WireError
from agent.wire.limits import UNBOUNDED
from agent.wire.ranges import Ranges

PAGE_BYTES = 1024  # a third of the flash writes of 4 KiB pages at 1.5 kB batches
CACHE_KIB = 512  # what is written once and read once needs no more; SQLite's 2 MB take an hour to fill up
WAL_PAGES = 1000  # the WAL is copied into the database at this length, and begins anew
QUARANTINED_KEPT = 2

PRAGMAS = (
    f"page_size = {PAGE_BYTES}",
    "journal_mode = WAL",
    "synchronous = FULL",
    f"wal_autocheckpoint = {WAL_PAGES}",
    f"journal_size_limit = {2 * WAL_PAGES * PAGE_BYTES}",
    f"cache_size = -{CACHE_KIB}",
    "temp_store = MEMORY",
    "cell_size_check = ON",
)


class Lock:
    """One agent per database, for as long as the process lives. SQLite's own locks would let two in.

    The file also names the database's epoch, for a database that is too damaged to tell it.
    """

    def __init__(self, database: Path) -> None:
        path = database.with_name(database.name + "-lock")
        self._handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        pid, epoch = [*os.pread(self._handle, 100, 0).decode(errors="replace").split(), "", ""][:2]
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._handle)
            raise StoreError(
                f"{database}: process {pid or 'unknown'} uses this buffer; stop that agent, "
                "or give this one another [store] path"
            ) from error
        self.epoch: bytes | None = None
        with contextlib.suppress(ValueError):
            self.epoch = bytes.fromhex(epoch) if len(epoch) == 32 else None

    def note(self, epoch: bytes) -> None:
        """Write down who holds the lock, and the epoch of what it guards."""
        with contextlib.suppress(OSError):  # on a full disk the lock alone must do
            os.pwrite(self._handle, f"{os.getpid():<10} {epoch.hex()}\n".encode(), 0)

    def release(self) -> None:
        """Let another agent in."""
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = -1


def connect(path: Path, max_bytes: int) -> sqlite3.Connection:
    """Open, check and migrate. Raises StoreError, sqlite3.Error (see `is_damage`), OSError."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)  # the WAL inherits it
    _check_versions(path)
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        try:
            for pragma in PRAGMAS:
                db.execute(f"PRAGMA {pragma}")
            _check(db)
            migrate(db)
            _balance(db)
        except (ValueError, TypeError, LookupError) as error:  # a row holds what no version writes
            raise damaged(repr(error)) from error
        except sqlite3.OperationalError as error:  # so does the header, or the name of a table
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) != sqlite3.SQLITE_ERROR:
                raise
            raise damaged(str(error)) from error
        # over the cap comes room for one group commit: what it takes is dropped in the same transaction
        db.execute(f"PRAGMA max_page_count = {(max_bytes + headroom(max_bytes)) // PAGE_BYTES}")
    except NewerVersion as error:
        db.close()
        raise StoreError(f"{path}: {error}") from error
    except BaseException:
        db.close()
        raise
    return db


def headroom(max_bytes: int) -> int:
    """Bytes over the cap that one transaction may take before it drops the oldest."""
    return max(1024 * 1024, max_bytes // 8)


def _check_versions(path: Path) -> None:
    """Look at what SQLite would only open for reading: file format versions (bytes 18 and 19) above 2."""
    with path.open("rb") as file:
        versions = file.read(20)[18:]
    if max(versions, default=0) > 2:
        raise damaged("its header names a file format that there is not")


def _check(db: sqlite3.Connection) -> None:
    # not quick_check, which reads the same pages but would trust an index that no longer finds the alarms
    (said,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    if said != "ok":
        raise damaged(str(said).replace("\n", " "))


def _balance(db: sqlite3.Connection) -> None:
    """Count batches against the account: a flipped bit may change a number and leave the page sound."""
    sealed, epoch = db.execute("SELECT last_sequence, epoch FROM account").fetchone()
    if epoch_of_batches(db) not in (None, epoch):
        raise damaged("its batches are of another epoch than its account")
    for cursor in read_cursors(db):
        wanted = Ranges.through(sealed).minus(cursor.settled).minus(cursor.forgotten)
        count = "SELECT count(*) FROM batch WHERE sequence BETWEEN ? AND ? AND priority IN (0, 1, 2)"
        pending = sum(db.execute(count, ends).fetchone()[0] for ends in wanted)
        kept_back = withheld_from(db, cursor, sealed).count
        settled = cursor.acknowledged + cursor.dropped + kept_back
        if cursor.settled.count != settled or sealed != settled + cursor.forgotten.count + pending:
            sums = f"{sealed} sealed, {cursor.acknowledged} acknowledged, {pending} pending"
            sums += f", {cursor.dropped} dropped, {kept_back} withheld"
            raise damaged(f"its account with upstream {cursor.upstream.name} does not balance: {sums}")


def epoch_of_batches(db: sqlite3.Connection) -> bytes | None:
    """The epoch of the last batch that can be read: a batch has a checksum, and the account has none."""
    with contextlib.suppress(*ERRORS):
        for (blob,) in db.execute(
            "SELECT blob FROM batch WHERE sequence > 0 ORDER BY sequence DESC LIMIT 10"
        ):
            with contextlib.suppress(WireError, TypeError):
                return decode_batch(blob, UNBOUNDED).epoch
    return None


def damaged(text: str) -> sqlite3.DatabaseError:
    """What SQLite itself would raise."""
    error = sqlite3.DatabaseError(text)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def quarantine(path: Path) -> Path:
    """Put a damaged database aside for a person to look at; the oldest of several are deleted."""
    name = f"{path.name}-quarantine-"
    numbers = [int(n) for p in path.parent.glob(f"{name}*") if (n := p.name.removeprefix(name)).isdecimal()]
    number = max(numbers, default=0) + 1
    aside = path.with_name(f"{name}{number}")
    # the WAL first: a new database beside an old WAL would take its pages for its own
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    for old in sorted(numbers)[: 1 - QUARANTINED_KEPT]:
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):  # what cannot be deleted stays; a new one must begin
                path.with_name(f"{name}{old}{suffix}").unlink()
    return aside
