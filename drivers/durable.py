"""Files that are replaced whole: a power cut leaves the old content or the new one, never a half or none."""

import os
from pathlib import Path


def replace_whole(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Put `content` into `path`, never readable by more than `mode` (less the umask) says. OSError.

    In this order: written and synced under another name, renamed, and the folder synced. A rename that
    reaches the disk before the content is an empty file; one that the folder does not know of is undone.
    """
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk. OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
