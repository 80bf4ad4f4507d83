"""How kernels are compiled: they own no memory, and what is done per channel is part of its caller.

numba counts references: whoever takes an array out of a named tuple counts twice. That was more than half of
the time of a frame, for arrays that outlive every kernel (see `memory`). Without the count a kernel cannot
allocate either: one that tries is refused when it is compiled. Division by zero gives what IEEE 754 says.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

_njit: Any = numba.njit  # numba's stubs leave `_nrt` out
_Kernel = TypeVar("_Kernel", bound=Callable[..., Any])


def compiled(function: _Kernel) -> _Kernel:
    """Compile a kernel that is called by others."""
    made: _Kernel = _njit(error_model="numpy", _nrt=False)(function)
    return made


def inlined(function: _Kernel) -> _Kernel:
    """Compile what is done for each channel: a call that hands over named tuples copies a kilobyte."""
    made: _Kernel = _njit(error_model="numpy", _nrt=False, forceinline=True)(function)
    return made
