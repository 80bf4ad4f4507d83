"""How the arrays of kernels are declared: once. By that they are made, opened, and kept over a restart.

A kernel reaches its arrays by address (see `memory`), and an address has no shape. Whoever makes an array and
whoever opens it must agree on one, and do: both take it from its declaration, a row of a `Group`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from agent.detect.kernels.compiled import without_wrappers
from agent.detect.kernels.memory import float64s, int64s, uint8s, untouched

Numbers = NDArray[Any]
#: An axis: a number of columns; a size by name ("cells": one per cell); a size and so many more.
Axis = int | str | tuple[str, int]

#: What an array may hold, and what takes its address for a pointer to that.
POINTERS = {np.dtype(np.float64): "float64s", np.dtype(np.int64): "int64s", np.dtype(np.uint8): "uint8s"}
_OPENING = {"carray": numba.carray, "float64s": float64s, "int64s": int64s, "uint8s": uint8s}  # type: ignore[attr-defined]  # numba's stubs leave it out


class Part(NamedTuple):
    """A part of the restart state. When its arrays come to mean something else, its version rises: what a
    version before kept is dropped then.
    """

    name: str
    version: int


@dataclass(frozen=True, slots=True)
class Array:
    """One array.

    first: what it holds before the first frame; None: whoever makes the group gives it. kept: the part of the
    restart state that it belongs to; None: each frame makes it anew. clock: columns that are times of the
    clock. seldom: most of it is never written, and takes no memory until it is.
    """

    shape: tuple[Axis, ...]
    dtype: type = np.float64
    first: float | None = 0.0
    kept: Part | None = None
    clock: tuple[int, ...] = ()
    seldom: bool = False

    def lengths(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """Return its shape in numbers."""
        axes = [(axis, 0) if isinstance(axis, str) else axis for axis in self.shape]
        return tuple(axis if isinstance(axis, int) else sizes[axis[0]] + axis[1] for axis in axes)

    def opening(self, at: str) -> str:
        """Return the expression that opens it at an address, in terms of its sizes."""
        axes = [f"{axis[0]} + {axis[1]}" if isinstance(axis, tuple) else str(axis) for axis in self.shape]
        return f"carray({POINTERS[np.dtype(self.dtype)]}({at}), ({', '.join(axes)},))"


class Group:
    """Arrays that a kernel takes as one named tuple, `made`: one row per field, in its order.

    made: None where the group is one array, which a kernel takes as it is. Raises ValueError for a
    declaration that contradicts itself.
    """

    def __init__(self, made: Any, **arrays: Array) -> None:
        self.made, self.arrays = made, arrays
        if not made and len(arrays) != 1:
            raise ValueError(
                f"a group of {len(arrays)} arrays ({', '.join(arrays)}) needs a named tuple as its first "
                f"argument; without one a group is one array"
            )
        self.name = made.__name__ if made else next(iter(arrays))
        if made and tuple(arrays) != made._fields:
            raise ValueError(f"{self.name}: declares {', '.join(arrays)}; has {', '.join(made._fields)}")
        for name, array in arrays.items():
            if np.dtype(array.dtype) not in POINTERS:
                kinds = ", ".join(str(dtype) for dtype in POINTERS)
                raise ValueError(
                    f"{self.name}.{name}: no kernel opens {array.dtype.__name__}; there are {kinds}"
                )
            if not isinstance(array.shape, tuple) or not array.shape:
                raise ValueError(
                    f'{self.name}.{name}: its shape is a tuple of axes, as ("cells",), not {array.shape!r}'
                )
        used = [axis for array in arrays.values() for axis in array.shape]
        names = [axis if isinstance(axis, str) else axis[0] for axis in used if not isinstance(axis, int)]
        self.sizes = tuple(dict.fromkeys(names))

    def new(self, *, given: Mapping[str, Numbers] | None = None, **sizes: int) -> Any:
        """Return its arrays as they are before the first frame.

        Raises ValueError for a size that is missing, and for an array `given` that is not as declared.
        """
        if set(sizes) != set(self.sizes):
            raise ValueError(f"{self.name}: its sizes are {self.sizes}, not {tuple(sizes)}")
        given = given or {}
        if strange := set(given) - set(self.arrays):
            raise ValueError(f"{self.name}: has no {', '.join(sorted(strange))}")
        made = [self._new(name, array.lengths(sizes), given.get(name)) for name, array in self.arrays.items()]
        return self.made(*made) if self.made else made[0]

    def _new(self, name: str, shape: tuple[int, ...], given: Numbers | None) -> Numbers:
        array = self.arrays[name]
        if (given is None) == (array.first is None):
            raise ValueError(f"{self.name}.{name}: {'not given' if given is None else 'given, and declared'}")
        if given is None and array.seldom:
            return untouched(shape)[0]
        if given is None:
            return np.full(shape, array.first, array.dtype)
        if given.shape != shape or given.dtype != array.dtype:
            raise ValueError(
                f"{self.name}.{name}: {given.dtype} {given.shape}, declared {np.dtype(array.dtype)} {shape}"
            )
        return given

    @cached_property
    def opener(self) -> Any:
        """A kernel that opens the group: its sizes, in the order of `sizes`, then the addresses."""
        opened = [array.opening(f"at[{i}]") for i, array in enumerate(self.arrays.values())]
        value = f"made({', '.join(opened)})" if self.made else opened[0]
        return defined(f"open_{self.name}", (*self.sizes, "at"), value, {**_OPENING, "made": self.made})


def defined(name: str, parameters: tuple[str, ...], value: str, known: Mapping[str, Any]) -> Any:
    """Return a kernel of one expression: numba compiles no loop over a tuple of different types."""
    space = dict(known)
    exec(f"def {name}({', '.join(parameters)}):\n    return {value}", space)
    # not `compiled`, whose kernels return no arrays
    return without_wrappers(space[name], error_model="numpy")


def columns(*widths: int) -> tuple[int, ...]:
    """Return the first of each of so many columns side by side, and then how many they are together."""
    return (0, *accumulate(widths))
