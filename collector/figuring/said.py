"""What the process that makes figures says to its collector, and hears."""

from typing import NamedTuple

from collector.figures.work import Work

LENGTH_BYTES = 8  # before each pickle
KEPT, NOT_KEPT = b"kept\n", b"not kept\n"


class Said(NamedTuple):
    """A piece to keep; None: there is nothing to do. behind_ns: since when the oldest frames wait for their
    minute, by the collector's clock; None: none do.
    """

    work: Work | None
    behind_ns: int | None
