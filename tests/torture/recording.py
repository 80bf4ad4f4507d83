"""A SQLite VFS between the real store and the real disk: it records what is written and synced.

The code under test is the agent's own: Python's sqlite3, the system's SQLite, agent/store. The VFS is the
unix one with six functions in front of it, registered as the default of this process, where SQLite is a
shared library.
"""

import _sqlite3
import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p, cast, string_at
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OK, IOERR_FSYNC, FULL = 0, 10 | 4 << 8, 13

Close = CFUNCTYPE(c_int, c_void_p)
Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
Sync = CFUNCTYPE(c_int, c_void_p, c_int)
# the path as a pointer: SQLite keeps it, and a copy would be gone
Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, POINTER(c_int))
Delete = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)


class Methods(Structure):
    """sqlite3_io_methods, version 3."""

    _fields_ = (
        ("version", c_int),
        ("close", Close),
        ("read", c_void_p),
        ("write", Write),
        ("truncate", Truncate),
        ("sync", Sync),
        ("rest", c_void_p * 13),
    )


class Vfs(Structure):
    """sqlite3_vfs, version 3."""

    _fields_ = (
        ("version", c_int),
        ("file_bytes", c_int),
        ("max_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", Open),
        ("delete", Delete),
        ("rest", c_void_p * 14),
    )


@dataclass(frozen=True, slots=True)
class Op:
    """One thing that SQLite asked of the disk: "write", "truncate", "sync", "delete" or "create"."""

    kind: str
    file: str
    offset: int = 0
    data: bytes = b""


@dataclass
class Tape:
    """What happened, in order; `fault(op)` may return a SQLite result code in place of letting it happen."""

    ops: list[Op] = field(default_factory=list)
    fault: Callable[[Op], int] = lambda op: OK

    def take(self, op: Op) -> int:
        """Record an operation, or fail it. What fails to sync may have reached the disk all the same."""
        code = self.fault(op)
        if code == OK:
            self.ops.append(op)
        return code


def library() -> ctypes.CDLL | None:
    """The shared library that this process's sqlite3 uses; None where it is built in."""
    _ = _sqlite3
    for line in Path("/proc/self/maps").read_text().splitlines():
        name = line.rpartition(" ")[2]
        if os.path.basename(name).startswith("libsqlite3.so"):
            return ctypes.CDLL(name)
    return None


@contextmanager
def recording(tape: Tape) -> Iterator[Tape]:
    """Let every database that is opened from here on run over `tape`."""
    sqlite = library()
    assert sqlite, "this Python has its SQLite built in: no VFS can be put in front of it"
    sqlite.sqlite3_vfs_find.restype = POINTER(Vfs)
    sqlite.sqlite3_vfs_register.argtypes = (POINTER(Vfs), c_int)
    sqlite.sqlite3_vfs_unregister.argtypes = (POINTER(Vfs),)
    unix = sqlite.sqlite3_vfs_find(None)
    ours = _front(unix, tape)
    sqlite.sqlite3_vfs_register(ctypes.byref(ours), 1)
    try:
        yield tape
    finally:
        sqlite.sqlite3_vfs_unregister(ctypes.byref(ours))
        sqlite.sqlite3_vfs_register(unix, 1)


def _front(unix: Any, tape: Tape) -> Vfs:
    real = unix.contents
    names: dict[int, str] = {}
    tables: dict[int, Methods] = {}  # by the address of the methods that they stand in front of

    @Open
    def open_(vfs: int, path: int | None, file: int, flags: int, out: Any) -> int:
        name = string_at(path).decode() if path else ""
        there = not name or os.path.exists(name)
        code = int(real.open(ctypes.addressof(real), path, file, flags, out))
        methods = cast(file, POINTER(c_void_p))
        if code == OK and name and methods[0]:
            names[file] = os.path.basename(name)
            if not there:
                tape.take(Op("create", names[file]))
            if methods[0] not in tables:
                tables[methods[0]] = _wrap(cast(methods[0], POINTER(Methods)).contents, names, tape)
            methods[0] = ctypes.addressof(tables[methods[0]])
        return code

    @Delete
    def delete(vfs: int, path: bytes, sync_folder: int) -> int:
        code = int(real.delete(ctypes.addressof(real), path, sync_folder))
        if code == OK:
            tape.take(Op("delete", os.path.basename(path).decode()))
        return code

    ours = Vfs()
    ctypes.pointer(ours)[0] = real
    ours.name = b"recording"
    ours.next = None
    ours.open, ours.delete = open_, delete
    return ours


def _wrap(real: Methods, names: dict[int, str], tape: Tape) -> Methods:
    @Close
    def close(file: int) -> int:
        names.pop(file, None)
        return int(real.close(file))

    @Write
    def write(file: int, data: int, size: int, offset: int) -> int:
        code = tape.take(Op("write", names[file], offset, string_at(data, size)))
        return code or int(real.write(file, data, size, offset))

    @Truncate
    def truncate(file: int, size: int) -> int:
        return tape.take(Op("truncate", names[file], size)) or int(real.truncate(file, size))

    @Sync
    def sync(file: int, flags: int) -> int:
        return tape.take(Op("sync", names[file])) or int(real.sync(file, flags))

    ours = Methods()
    ctypes.pointer(ours)[0] = real
    ours.close, ours.write, ours.truncate, ours.sync = close, write, truncate, sync
    return ours
