"""How kernels are compiled: they own no memory, and what is done per channel is part of its caller.

numba counts references: whoever takes an array out of a named tuple counts twice. That was more than half of
the time of a frame, for arrays that outlive every kernel (see `memory`). Without the count a kernel cannot
allocate either: one that tries is refused when it is compiled. Division by zero gives what IEEE 754 says.

For each kernel numba also compiles two wrappers, by which Python and C may call it. To open named tuples of
arrays there is much to compile, and no kernel calls them: only what Python itself calls has them.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

_njit: Any = numba.njit  # numba's stubs leave `_nrt` out
_Kernel = TypeVar("_Kernel", bound=Callable[..., Any])


def compiled(function: _Kernel) -> _Kernel:
    """Compile a kernel that is called by others."""
    return without_wrappers(function, error_model="numpy", _nrt=False)


def inlined(function: _Kernel) -> _Kernel:
    """Compile what is done for each channel: a call that hands over named tuples copies a kilobyte."""
    return without_wrappers(function, error_model="numpy", _nrt=False, forceinline=True)


def without_wrappers(function: _Kernel, **options: object) -> _Kernel:
    """Compile a kernel: without wrappers where another kernel calls it; what Python calls has its own."""
    made: Any = _njit(**options)(function)
    if hasattr(made, "get_call_template"):  # else numba is switched off
        bare = _njit(**options, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
        made.get_call_template, made.get_overload = bare.get_call_template, bare.get_overload
    kernel: _Kernel = made
    return kernel
