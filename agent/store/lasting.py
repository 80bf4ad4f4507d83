"""For how long the frames of some batches last, whatever the clock did meanwhile. Pure."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

LEAST_NS = 60 * 10**9  # that may lie between two batches, however short they are


class Look(NamedTuple):
    """A batch with frames: its sequence, and the UTC of its first frame and of its last, ns."""

    sequence: int
    first_ns: int
    last_ns: int


def marks(first: int, last: int, most: int) -> list[int]:
    """Return at most so many sequences of a range, evenly, its ends among them."""
    return sorted({first + (last - first) * k // (most - 1) for k in range(most)})


def lasting_ns(looks: Sequence[Look]) -> int:
    """Return the time from the first frame to the last of batches, of which these were looked at, in order.

    A clock that jumped between two of them makes the time between them absurd: none goes on for longer than
    twice the batches that lie there, or four times as long as usual. One that goes back adds nothing.
    """
    if not looks:
        return 0
    steps = [(b.first_ns - a.first_ns, b.sequence - a.sequence) for a, b in pairwise(looks)]
    own_ns = median(max(0, one.last_ns - one.first_ns) for one in looks)
    usual_ns = median(max(0, step_ns) / count for step_ns, count in steps) if steps else 0
    most_ns = max(2 * own_ns + LEAST_NS, 4 * usual_ns)
    steps.append((looks[-1].last_ns - looks[-1].first_ns, 1))
    return int(sum(min(max(0, step_ns), count * most_ns) for step_ns, count in steps))
