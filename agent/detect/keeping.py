"""The arrays that outlive a restart, as plain bytes: what was learned, and how far each judgement has come.

To the detectors a restart is a gap: what is kept here is all that a gap of the same length would have left.
It is kept in parts, each with a version of its own: a release that changes what the columns of one part mean
raises that version, and drops that part alone.
"""

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.detect.channels import Floats
from agent.detect.kernels.arrays import Part
from agent.detect.kernels.banks import Banks
from agent.detect.kernels.slope import JUDGED_S
from agent.detect.unit_arrays import arrays_of

Arrays = Sequence[NDArray[Any]]
Parts = dict[str, list[Any]]  # by name: version, bytes


def one_version_each(parts: dict[Part, list[str]]) -> dict[Part, list[str]]:
    """Return the parts. ValueError: two have one name, and one would be kept in place of the other."""
    names = Counter(part.name for part in parts)
    for part, paths in parts.items():
        if names[part.name] > 1:
            raise ValueError(
                f"{', '.join(paths)}: kept as part {part.name} of version {part.version}, and others as "
                f"another version of it; declare a part of another name, or raise the version of all"
            )
    return parts


def _parts() -> dict[Part, list[str]]:
    parts: dict[Part, list[str]] = {}
    for path, array in arrays_of():
        if array.kept:
            parts.setdefault(array.kept, []).append(path)
    return one_version_each(parts)


#: Part -> its arrays in `Banks`.
PARTS = _parts()
#: Columns that are times of the clock. They are counted from the last frame, so that single precision has no
#: end of digits to keep.
TIMES = {path: array.clock for path, array in arrays_of() if array.clock}


def layout_digest(places: Sequence[str], quantities: Sequence[str], resolution: Floats) -> str:
    """Return a short hash of who is where: what was learned of one layout says nothing about another."""
    said = (tuple(places), tuple(quantities), np.asarray(resolution, np.float64).tobytes())
    return blake2b(repr(said).encode(), digest_size=8).hexdigest()


def pack(banks: Banks, t_s: float) -> Parts:
    """Return what the detectors know at `t_s`, s, the time of their last frame."""
    parts = {}
    for (name, version), paths in PARTS.items():
        arrays = [attrgetter(path)(banks) for path in paths]
        for path, columns in TIMES.items():
            if path in paths:
                arrays[paths.index(path)] = _later(attrgetter(path)(banks), columns, -t_s)
        parts[name] = [version, pack_arrays(arrays)]
    return parts


def unpack(banks: Banks, parts: Parts, t_s: float) -> list[str]:
    """Put parts back, the last frame being at `t_s`; return the names of those that do not fit any more."""
    unfit = []
    for (name, version), paths in PARTS.items():
        arrays = [attrgetter(path)(banks) for path in paths]
        if not unpack_arrays(parts.get(name), version, arrays):
            unfit.append(name)
            continue
        for path, columns in TIMES.items():
            if path in paths:
                array = arrays[paths.index(path)]
                array[...] = _later(array, columns, t_s)
    for scales in (banks.scales, banks.group_scales):
        scales[:, JUDGED_S] = np.inf  # fits are not kept: they are made with the first frame
    return unfit


def _later(array: Floats, columns: Sequence[int], by_s: float) -> Floats:
    moved = array.copy()
    moved[:, columns] += by_s
    return moved


def pack_arrays(arrays: Arrays) -> bytes:
    """Return arrays in single precision, column by column, and of each the first bytes of all numbers, then
    the second ones: like stands beside like, and so it compresses.
    """
    with np.errstate(over="ignore"):  # a value beyond all measure is infinite
        numbers = [np.ascontiguousarray(_columns(array).astype("<f4")) for array in arrays]
    return b"".join(part.reshape(-1, 1).view(np.uint8).T.tobytes() for part in numbers)


def unpack_arrays(part: Any, version: int | str, arrays: Arrays) -> bool:
    """Fill arrays with a part of this version; False where it is none, and then nothing was changed."""
    if not isinstance(part, list) or len(part) != 2 or part[0] != version:
        return False
    body = part[1]
    if not isinstance(body, bytes) or len(body) != 4 * sum(array.size for array in arrays):
        return False
    first = 0
    for array in arrays:
        quarters = np.frombuffer(body, np.uint8, 4 * array.size, first).reshape(4, -1)
        numbers = np.ascontiguousarray(quarters.T).view("<f4")
        columns = _columns(array)
        numbers = numbers.reshape(columns.shape)
        other = columns != numbers  # what is as it was is not written: its pages may be untouched
        columns[other] = numbers[other]
        first += 4 * array.size
    return True


def _columns(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view of an array (n, ...) as (columns, n)."""
    width = array.size // len(array) if len(array) else 0
    return array.reshape(len(array), width).T
