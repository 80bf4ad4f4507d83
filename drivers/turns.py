"""In which order a unit is read, so that no value is scaled, or counted, by what was read at another time.

The words of one request are of one time. A value whose scale factor comes in another request is taken only if
the factor was the same before and after it: first come the reads that bring factors for others, then those
others, then the factors again. A count says which values exist, not what they mean, so it is read after them
only: what it was before them is known from the last cycle, or from connecting. The reads of one turn may be
asked at once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from drivers.needs import Need
from drivers.values import Span, contains

BEFORE, AMONG, AFTER = range(3)


@dataclass(frozen=True, slots=True)
class Turn:
    """A read and its turn. `again`: it is made only for the guards of other reads."""

    span: Span
    turn: int
    again: bool = False


def in_turn(
    reads: Mapping[Span, Sequence[Need]],
    known: Sequence[Span],
    reads_of: Callable[[Iterable[Span]], list[Span]],
) -> list[Turn]:
    """Return `reads` in turn, and between them what their guards want besides.

    reads: and the needs in each. known: reads that were made in earlier turns of the same
    cycle. reads_of: how guards are read that are in none of the reads.
    """
    factors, counts, apart = set[Span](), set[Span](), set[Span]()
    homes: dict[Need, list[Span]] = {}
    for read, needs in reads.items():
        for need in needs:
            homes.setdefault(need, []).append(read)
    for need, held_by in homes.items():
        home = max(held_by, key=lambda read: sum(contains(read, guard) for guard in need.guards))
        factors.update(guard for guard in need.factors if not contains(home, guard))
        counts.update(guard for guard in need.counts if not contains(home, guard))
        apart.update(home for guard in need.guards if not contains(home, guard))
    free = [read for read in reads if read not in apart]
    first = [read for read in free if any(contains(read, guard) for guard in factors)]
    last = [r for r in free if r not in first and any(contains(r, guard) for guard in counts)]
    before = [guard for guard in factors if not any(contains(read, guard) for read in (*known, *first))]
    after = [guard for guard in factors | counts if not any(contains(read, guard) for read in last)]
    return [
        *(Turn(span, BEFORE, again=True) for span in reads_of(before)),
        *(Turn(span, BEFORE) for span in first),
        *(Turn(span, AMONG) for span in reads if span not in (*first, *last)),
        *(Turn(span, AFTER) for span in last),
        *(Turn(span, AFTER, again=True) for span in reads_of(after)),
    ]
