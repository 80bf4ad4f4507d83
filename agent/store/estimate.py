"""What a buffer will write and hold, before it exists. Pure but for `free_mb`.

Fitted to `cellwarden bench wire` and `cellwarden bench buffer`: noise of one register step on most values.
Restless values cost more, values that rest cost next to nothing.
"""

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent.store.database import PAGE_BYTES

DAY_S = 86_400
BATCH_BYTES, FIRST_BYTES_PER_VALUE, NEXT_BYTES_PER_VALUE = 180, 0.75, 0.25  # of a blob
COMMIT_FLASH_BYTES = 6_000  # pages that every commit writes
BATCH_FLASH_BYTES, FLASH_PER_BLOB_BYTE = 300, 3.56  # once in the WAL, once in pages of 4 KiB that it dirties
ROW_BYTES = 75  # of a batch beside its blob


#: Delivered batches stay on a tenth of the disk that is free, if [store] does not say otherwise: 60 MB are
#: less than a day of eight racks. No more than a quarter of `max_mb`: the whole file is checked at each
#: start, seconds for each 100 MB on a card, and what is healed must not push out what was never delivered.
HISTORY_OF_FREE, HISTORY_OF_MAX, HISTORY_LEAST_MB = 0.1, 0.25, 60.0


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Megabytes (10^6 bytes) per day: written to flash, and added to the buffer while nothing leaves it."""

    flash_mb_per_day: float
    stored_mb_per_day: float


def estimate(units: Iterable[tuple[int, float]], batch_s: float, batch_frames: int) -> DiskUse:
    """`units`: values per frame, and seconds between frames."""
    flash, stored = COMMIT_FLASH_BYTES * DAY_S / batch_s, 0.0
    for values, period_s in units:
        frames = min(max(1.0, batch_s / period_s), batch_frames)
        batches = DAY_S / (frames * period_s)
        blob = BATCH_BYTES + values * (FIRST_BYTES_PER_VALUE + NEXT_BYTES_PER_VALUE * frames)
        flash += batches * (BATCH_FLASH_BYTES + FLASH_PER_BLOB_BYTE * blob)
        stored += batches * PAGE_BYTES * _pages(int(blob) + ROW_BYTES)
    return DiskUse(flash / 1e6, stored / 1e6)


def _pages(payload: int) -> float:
    """Pages that a row takes, by the SQLite file format (section 1.6): what does not fit overflows."""
    usable = PAGE_BYTES - 8
    most, least, chunk = PAGE_BYTES - 35, (PAGE_BYTES - 12) * 32 // 255 - 23, PAGE_BYTES - 4
    if payload <= most:
        return 1 / (usable // (payload + 8))
    local = least + (payload - least) % chunk
    local = local if local <= most else least
    return 1 / (usable // (local + 12)) + (payload - local + chunk - 1) // chunk


def history_mb(path: Path, max_mb: float, said: float | None) -> float:
    """Megabytes below which delivered batches stay; `said` by [store], or by the disk's free space."""
    if said is not None:
        return said
    share_mb = 0.0
    with contextlib.suppress(OSError):  # a disk that says nothing will be told of elsewhere
        share_mb = min(HISTORY_OF_FREE * free_mb(path), HISTORY_OF_MAX * max_mb)
    return min(max_mb, max(HISTORY_LEAST_MB, share_mb))


def free_mb(path: Path) -> float:
    """Megabytes that the buffer may come to hold: what is free on its disk, and what it holds now."""
    folder = path.absolute().parent
    while not folder.exists():
        folder = folder.parent
    disk = os.statvfs(folder)
    own = path.stat().st_size if path.exists() else 0
    return (disk.f_bavail * disk.f_frsize + own) / 1e6
