"""A frame: what one unit said in one poll cycle."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.clock import Stamp


@dataclass(frozen=True, slots=True)
class Frame:
    """One unit, one poll cycle; not changed after it is made, its arrays neither.

    `stamp` is taken before the first request of the cycle, so no value is ever shown younger than it is.
    `raw` (n,) int64 holds the registers' own integers (0 where `quality` says that nothing was read);
    `quality` (n,) uint8 holds `agent.quality.Quality`. `schema` is the hash of the description that says how
    to read them.
    """

    unit: str
    rack: str
    schema: bytes
    stamp: Stamp
    raw: NDArray[np.int64]
    quality: NDArray[np.uint8]
