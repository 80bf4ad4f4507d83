"""Range sets against Python's own sets."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.ranges import Ranges, durable

spans = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 6)).map(lambda p: (p[0], p[0] + p[1])), max_size=12
)


def members(ranges: list[tuple[int, int]]) -> set[int]:
    return {n for first, last in ranges for n in range(first, last + 1)}


@given(spans)
def test_ranges_hold_what_was_added_and_never_touch(added: list[tuple[int, int]]) -> None:
    ranges, naive = Ranges(added), members(added)
    assert members(list(ranges)) == naive
    assert ranges.count == len(naive)
    assert ranges.highest == max(naive, default=0)
    assert members(ranges.holes()) == set(range(1, ranges.highest + 1)) - naive
    assert all(n in ranges for n in naive)
    assert not any(n in ranges for n in range(1, 60) if n not in naive)
    pairs = list(ranges)
    assert all(last + 1 < first for (_, last), (first, _) in pairwise(pairs))


@given(spans, st.integers(1, 50), st.integers(0, 9))
def test_a_range_is_covered_where_all_of_it_is_held(
    added: list[tuple[int, int]], first: int, more: int
) -> None:
    assert Ranges(added).covers(first, first + more) == (members([(first, first + more)]) <= members(added))


@given(spans, spans)
def test_minus(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    assert members(list(Ranges(one).minus(Ranges(other)))) == members(one) - members(other)


@given(spans, st.integers(0, 4), st.sets(st.integers(1, 46), max_size=5))
def test_an_acknowledgement_covers_what_was_asked_and_never_what_is_missing(
    added: list[tuple[int, int]], most: int, asked: set[int]
) -> None:
    accounted = Ranges(added)
    through, missing = durable(accounted, most, asked)
    assert through == accounted.highest
    assert len(missing) <= most + 1 + len(asked)
    covered = set(range(1, through + 1)) - members(missing)
    assert covered <= members(added)
    assert covered >= asked & members(added)
    if len(accounted.holes()) <= most:
        assert covered == members(added)


def test_a_backward_range_is_an_error() -> None:
    with pytest.raises(ValueError, match="a range from 5 to 4"):
        Ranges([(5, 4)])
