"""How broad a test is. What differs by a seed alone, or by how long the same goes on, runs as a sample of it;
all of it where CELLWARDEN_LONG is set: `CELLWARDEN_LONG=1 scripts/test`, before a release.
"""

import os
from typing import TypeVar

LONG = "CELLWARDEN_LONG" in os.environ

Extent = TypeVar("Extent")


def sampled(sample: Extent, whole: Extent) -> Extent:
    """Return which of the two this run is for."""
    return whole if LONG else sample
