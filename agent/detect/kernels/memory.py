"""Arrays that kernels reach by address.

Each array that is passed to a kernel costs about 0.2 us and a small allocation by numba (a MemInfo), per
call. A unit has some seventy. Its kernel is therefore called with addresses, and opens the arrays itself,
with neither. Whoever holds the addresses must hold the arrays too, and never replace one.
"""

import contextlib
import ctypes
import math
import mmap
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numba import config, types
from numba.extending import intrinsic

from agent.detect.channels import Floats, Ints


def table_of(rows: Sequence[Sequence[int]]) -> tuple[Ints, tuple[int, int, int]]:
    """Return rows of numbers as an array, padded to one width, and how a kernel finds it: rows, columns,
    address.
    """
    numbers = np.zeros((len(rows), max(map(len, rows))), np.int64)
    for row, values in zip(numbers, rows, strict=True):
        row[: len(values)] = values
    (address,) = addresses([numbers])
    return numbers, (*numbers.shape, address)


def addresses(arrays: Iterable[np.ndarray[Any, Any]]) -> tuple[int, ...]:
    """Return where the data of contiguous arrays is."""
    found = []
    for array in arrays:
        if not array.flags.c_contiguous:
            raise ValueError("only contiguous arrays can be opened by address")
        found.append(int(array.__array_interface__["data"][0]))  # `ctypes.data` leaves a cycle behind
    return tuple(found)


def untouched(*shapes: tuple[int, ...]) -> tuple[Floats, ...]:
    """Return float64 zeros for what is seldom written, on pages that take no memory until they are."""
    sizes = [math.prod(shape) for shape in shapes]
    if not sum(sizes):
        return tuple(map(np.zeros, shapes))
    pages = mmap.mmap(-1, 8 * sum(sizes), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # shared ones fill when read
    with contextlib.suppress(OSError):  # a kernel without huge pages, of which one would hold all
        pages.madvise(mmap.MADV_NOHUGEPAGE)
    numbers = np.frombuffer(pages, np.float64)
    parts = np.split(numbers, np.cumsum(sizes)[:-1])
    return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))


_POINTER: Any = types.CPointer


def _to_pointer(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    return builder.inttoptr(args[0], context.get_value_type(signature.return_type))


def _float64s(typing_context: Any, address: Any) -> Any:
    return _POINTER(types.float64)(types.intp), _to_pointer


def _int64s(typing_context: Any, address: Any) -> Any:
    return _POINTER(types.int64)(types.intp), _to_pointer


def _uint8s(typing_context: Any, address: Any) -> Any:
    return _POINTER(types.uint8)(types.intp), _to_pointer


# In a kernel: take an address as a pointer, for `numba.carray`.
float64s: Any = intrinsic(_float64s)
int64s: Any = intrinsic(_int64s)
uint8s: Any = intrinsic(_uint8s)

if getattr(config, "DISABLE_JIT", 0):  # the same in plain Python, for the benchmark
    float64s, int64s, uint8s = (
        partial(lambda kind, address: ctypes.cast(int(address), ctypes.POINTER(kind)), kind)
        for kind in (ctypes.c_double, ctypes.c_int64, ctypes.c_uint8)
    )
