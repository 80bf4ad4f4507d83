"""Whether a buffer can lie where [store] says."""

import errno
import os
import stat
import tempfile
from pathlib import Path

from agent.store.files import SUFFIXES


def must_be_a_file(path: Path) -> None:
    """Raise OSError where something else is at `path`: a folder, a device, a FIFO."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(number, f"{path} is a folder" if stat.S_ISDIR(mode) else f"{path} is no file")


def try_to_write(path: Path) -> None:
    """Raise OSError where no buffer could be opened, or made with the folders above it; nothing is left."""
    must_be_a_file(path)  # before a name is made of it
    for file in (path.with_name(path.name + suffix) for suffix in SUFFIXES):
        must_be_a_file(file)
        if file.exists():
            os.close(os.open(file, os.O_RDWR))
    folder = path.absolute().parent
    while not folder.exists():
        folder = folder.parent
    with tempfile.TemporaryFile(dir=folder):
        pass
