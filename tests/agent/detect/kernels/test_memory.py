"""Memory that is seldom written is not taken before it is."""

import re
from pathlib import Path

from agent.detect.kernels.memory import untouched


def taken_mb() -> float:
    """Return what this process holds of memory that is nobody's file."""
    status = Path("/proc/self/status").read_text()
    return sum(int(kb) / 1e3 for kb in re.findall(r"Rss(?:Anon|Shmem):\s+(\d+)", status))


def test_what_is_only_read_takes_no_memory_and_what_is_written_takes_its_page() -> None:
    before = taken_mb()
    wide, narrow = untouched((1_000_000, 4), (1_000_000,))
    assert wide.sum() == narrow.sum() == 0.0
    assert taken_mb() - before < 10
    wide[:] = 1.0
    assert 30 < taken_mb() - before < 36
    assert narrow.sum() == 0.0


def test_a_unit_without_channels_has_arrays_all_the_same() -> None:
    empty, none = untouched((0, 3), (0,))
    assert (empty.shape, none.shape) == ((0, 3), (0,))
