"""Memory that is seldom written is not taken before it is."""

import re
from pathlib import Path

import numba
import numpy as np
import pytest

from agent.detect.channels import Floats
from agent.detect.kernels.memory import addresses, float64s, int64s, table_of, uint8s, untouched


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


def test_arrays_follow_one_another_each_with_its_own_numbers() -> None:
    first, second, third = untouched((2, 3), (4,), (1, 1))
    assert [part.shape for part in (first, second, third)] == [(2, 3), (4,), (1, 1)]
    for number, part in enumerate((first, second, third)):
        assert not part.any()
        part[:] = number
    assert (first.sum(), second.sum(), third.sum()) == (0.0, 4.0, 2.0)


def test_rows_of_any_length_are_one_table_padded_with_zeros() -> None:
    numbers, (rows, columns, address) = table_of([[1, 2], [], [3, 4, 5]])
    assert numbers.tolist() == [[1, 2, 0], [0, 0, 0], [3, 4, 5]]
    assert (rows, columns, address) == (3, 3, numbers.ctypes.data)


def test_an_array_with_holes_is_not_opened_by_address() -> None:
    wide = np.zeros((4, 4))
    assert addresses([wide, wide[1:]]) == (wide.ctypes.data, wide.ctypes.data + 32)
    with pytest.raises(ValueError, match="only contiguous arrays"):
        addresses([wide, wide[:, ::2]])


@numba.njit
def _read(floats: int, ints: int, codes: int, out: Floats) -> None:
    carray = numba.carray  # type: ignore[attr-defined]
    out[0] = carray(float64s(floats), (3,))[1]
    out[1] = carray(int64s(ints), (3,))[1]
    out[2] = carray(uint8s(codes), (3,))[1]


def test_a_kernel_finds_numbers_of_each_kind_behind_their_addresses() -> None:
    arrays = [np.array([0.5, 1.5, 2.5]), np.array([1, -(2**40), 3]), np.array([1, 200, 3], np.uint8)]
    out = np.zeros(3)
    _read(*addresses(arrays), out)
    assert out.tolist() == [1.5, -(2.0**40), 200.0]
