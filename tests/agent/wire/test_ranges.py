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


def test_minus_takes_out_each_range_that_lies_inside_of_one() -> None:
    whole = Ranges([(1, 9), (12, 14)])
    assert list(whole.minus(Ranges([(3, 3), (5, 6), (8, 8), (14, 20)]))) == [
        (1, 2), (4, 4), (7, 7), (9, 9), (12, 13),
    ]  # fmt: skip
    assert list(whole.minus(Ranges([(0, 1), (9, 12)]))) == [(2, 8), (13, 14)]
    assert list(whole.minus(whole)) == []
    assert list(whole.minus(Ranges())) == list(whole)


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


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ([(1, 3), (5, 5)], [(1, 3), (5, 5)]),
        ([(1, 3), (4, 5)], [(1, 5)]),
        ([(4, 5), (1, 3)], [(1, 5)]),
        ([(5, 6), (1, 3)], [(1, 3), (5, 6)]),
        ([(1, 3), (5, 6), (9, 9), (3, 8)], [(1, 9)]),
        ([(1, 3), (7, 8), (4, 5)], [(1, 5), (7, 8)]),
        ([(1, 3), (7, 8), (5, 5)], [(1, 3), (5, 5), (7, 8)]),
        ([(1, 9), (3, 4)], [(1, 9)]),
        ([(0, 0)], [(0, 0)]),
    ],
)
def test_neighbours_become_one(added: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    ranges = Ranges(added)
    assert list(ranges) == expected
    assert len(ranges) == len(expected)


def test_one_number_is_a_range_and_an_empty_set_has_none() -> None:
    ranges = Ranges()
    assert (list(ranges), ranges.highest, ranges.count, ranges.holes(), 1 in ranges) == ([], 0, 0, [], False)
    ranges.add(7)
    assert list(ranges) == [(7, 7)]
    assert ranges.holes() == [(1, 6)]
    assert [ranges.holes(start) for start in (6, 7, 8)] == [[(6, 6)], [], []]
    assert Ranges([(2, 3), (6, 7), (9, 9)]).holes(3) == [(4, 5), (8, 8)]


def test_with_too_many_holes_only_the_highest_are_told_apart() -> None:
    odd = Ranges([(n, n) for n in range(2, 22, 2)])  # ten holes: 1, 3, ... 19
    assert durable(odd, 10) == (20, [(n, n) for n in range(1, 20, 2)])
    assert durable(odd, 9) == (20, [(1, 13), (15, 15), (17, 17), (19, 19)])
    assert durable(odd, 4) == (20, [(1, 17), (19, 19)])
    assert durable(odd, 1) == durable(odd, 0) == durable(odd, 2) == durable(odd, 3) == (20, [(1, 19)])
    assert durable(odd, 4, [6, 7]) == (20, [(1, 5), (7, 17), (19, 19)])
    assert durable(Ranges(), 0) == (0, [])


def test_through_is_all_up_to_a_number_and_nothing_of_none() -> None:
    assert [list(Ranges.through(last)) for last in (0, 1, 7)] == [[], [(1, 1)], [(1, 7)]]
