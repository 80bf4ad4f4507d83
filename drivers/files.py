"""Files that people write, read whole or refused in a line: never waited for, never endless."""

import errno
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

MOST_BYTES = 1 << 20  # of a configuration: a thousand units take a fifth of it
MOST_BUNDLE_BYTES = 16 << 20  # of certificates
_KINDS = {stat.S_IFIFO: "a FIFO", stat.S_IFDIR: "a folder", stat.S_IFSOCK: "a socket"}
#: A key of so many parts takes the parser minutes and all memory; people write three.
_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_LONG_KEY = re.compile(rf"(?:^|[\s\[{{,]){_PART}(?:[ \t]*\.[ \t]*{_PART}){{100}}", re.MULTILINE)


def must_be_file(path: Path, most_bytes: int = MOST_BUNDLE_BYTES) -> None:
    """Raise OSError, with a `strerror` for people, where opening or reading `path` could go on for ever."""
    try:
        found = path.stat()
    except ValueError:
        raise OSError(errno.EINVAL, "no file can have this name", str(path)) from None
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "a device")
        raise OSError(errno.EINVAL, f"is {kind}, and a file is wanted", str(path))
    if found.st_size > most_bytes:
        size = f"{found.st_size / 1e6:.1f} MB large, and {most_bytes / 1e6:.1f} MB is the most"
        raise OSError(errno.EFBIG, size, str(path))


def read_text(path: Path) -> str:
    """Return what a file of text says. Raises OSError as `must_be_file`, and UnicodeDecodeError."""
    must_be_file(path, MOST_BYTES)
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), encoding="utf-8-sig") as file:
        return file.read(MOST_BYTES + 1)  # without the mark that Windows editors begin with


def parse_toml(text: str) -> dict[str, Any]:
    """Return what TOML says. Raises tomllib.TOMLDecodeError, and nothing else, in bounded time."""
    if _LONG_KEY.search(text):
        raise tomllib.TOMLDecodeError("a key of more than 100 parts")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise tomllib.TOMLDecodeError("brackets are nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits, a date that is none
        raise tomllib.TOMLDecodeError(str(error).partition(":")[0]) from None
