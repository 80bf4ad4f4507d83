"""Sets of sequence numbers, kept as the few ranges that they are."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class Ranges:
    """A set of integers as ascending ranges, both ends included; neighbours are merged."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    @classmethod
    def through(cls, last: int) -> "Ranges":
        """1 ... `last`; nothing where that is 0."""
        return cls([(1, last)] if last > 0 else [])

    def add(self, first: int, last: int | None = None) -> None:
        """Put `first` ... `last` (default: only `first`) into the set."""
        last = first if last is None else last
        if last < first:
            raise ValueError(f"a range from {first} to {last}")
        if not self._lasts or first > self._lasts[-1] + 1:  # in order, as nearly all are
            self._firsts.append(first)
            self._lasts.append(last)
            return
        lo = bisect_left(self._lasts, first - 1)  # the first range that touches or follows
        hi = bisect_right(self._firsts, last + 1)  # the first range that lies apart behind
        if lo < hi:
            first, last = min(first, self._firsts[lo]), max(last, self._lasts[hi - 1])
        self._firsts[lo:hi] = [first]
        self._lasts[lo:hi] = [last]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._firsts, self._lasts, strict=True)

    def __len__(self) -> int:
        """How many ranges."""
        return len(self._firsts)

    def __contains__(self, number: int) -> bool:
        at = bisect_left(self._lasts, number)
        return at < len(self._lasts) and self._firsts[at] <= number

    def covers(self, first: int, last: int) -> bool:
        """Whether all of a range is in the set."""
        at = bisect_left(self._lasts, last)
        return at < len(self._lasts) and self._firsts[at] <= first

    def around(self, number: int) -> tuple[int, int]:
        """The range that a number of the set lies in."""
        at = bisect_left(self._lasts, number)
        return self._firsts[at], self._lasts[at]

    @property
    def count(self) -> int:
        """How many numbers."""
        return sum(self._lasts) - sum(self._firsts) + len(self)

    @property
    def highest(self) -> int:
        """The largest number, 0 where there is none."""
        return self._lasts[-1] if self._lasts else 0

    def holes(self, start: int = 1) -> list[tuple[int, int]]:
        """Ranges between `start` and the highest number that are not in the set."""
        found, expected = [], start
        for first, last in self:
            if first > expected:
                found.append((expected, first - 1))
            expected = max(expected, last + 1)
        return found

    def minus(self, other: "Ranges") -> "Ranges":
        """The numbers of this set that are not in `other`."""
        left = Ranges()
        for first, last in self:
            at = bisect_left(other._lasts, first)
            while at < len(other) and other._firsts[at] <= last:
                if first < other._firsts[at]:
                    left.add(first, other._firsts[at] - 1)
                first = other._lasts[at] + 1
                at += 1
            if first <= last:
                left.add(first, last)
        return left

    def both(self, other: "Ranges") -> "Ranges":
        """The numbers that are in both sets."""
        return self.minus(self.minus(other))


def durable(accounted: Ranges, most: int, asked: Iterable[int] = ()) -> tuple[int, list[tuple[int, int]]]:
    """`(durable_through, missing)` of an acknowledgement; it never claims what is not accounted for.

    Where there are more than `most` holes, only the highest are told apart, and the lower ones as one, except
    around what was `asked` for: a sender whose alarms ran ahead of such a backlog must hear that they came.
    """
    holes = accounted.holes()
    if len(holes) <= most:
        return accounted.highest, holes
    told = Ranges([*list(accounted)[-max(1, most // 2) :], *((s, s) for s in asked if s in accounted)])
    return told.highest, told.holes()
