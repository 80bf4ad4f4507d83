"""Achieved intervals: counted without being kept, and never told too short."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.intervals import RATIO, Intervals, Tally, bin_of, upper_s


@given(st.floats(0.001, 1e5))
def test_a_bin_is_never_shorter_than_its_intervals_and_hardly_longer(interval_s: float) -> None:
    upper = upper_s(bin_of(interval_s))
    assert interval_s <= upper * (1 + 1e-9)
    assert upper <= interval_s * RATIO * (1 + 1e-9)


@given(st.lists(st.floats(0.01, 30), min_size=1, max_size=60), st.floats(0.01, 1.0))
def test_quantiles_are_those_of_the_intervals_to_one_bin(gaps: list[float], q: float) -> None:
    intervals = Intervals(10.0)
    times = [100.0]
    for gap in gaps:
        times.append(times[-1] + gap)
    intervals.begin(times[0])
    for at_s in times[1:]:
        intervals.add(at_s)
    _, tally = intervals.take(times[-1])
    real = sorted(b - a for a, b in pairwise(times))
    exact = real[max(0, -(-round(q * len(real) * 1e9) // 10**9) - 1)]
    found = tally.quantile(q)
    assert found is not None
    assert exact * (1 - 1e-6) <= found <= exact * RATIO * (1 + 1e-6)
    assert tally.longest_s == pytest.approx(max(real))
    assert tally.misses == sum(gap > 10.0 for gap in real)


def test_an_interval_that_never_ends_is_one_miss_however_often_it_is_looked_at() -> None:
    intervals = Intervals(10.0)
    intervals.begin(0.0)
    _, quiet = intervals.take(5.0)
    assert (quiet.count, quiet.misses) == (0, 0)
    since_s, first = intervals.take(3600.0)
    assert (since_s, first.misses, first.longest_s) == (5.0, 1, 3600.0)
    _, second = intervals.take(7200.0)
    assert (second.misses, second.longest_s) == (0, 7200.0)
    assert intervals.misses == 1
    intervals.add(7300.0)
    intervals.add(7320.0)
    assert intervals.misses == 2


def test_what_was_taken_is_still_in_what_came_so_far_and_looking_takes_nothing() -> None:
    intervals = Intervals(10.0)
    intervals.begin(100.0)
    for at_s in (101.0, 102.0, 114.0):
        intervals.add(at_s)
    assert intervals.so_far(115.0)[1].count == 3
    intervals.take(115.0)
    intervals.add(116.0)
    since_s, tally = intervals.so_far(130.0)
    assert (since_s, tally.count, tally.misses, tally.longest_s) == (100.0, 4, 2, 14.0)
    assert intervals.take(130.0)[1].misses == 1


def test_hours_add_up_to_a_day() -> None:
    hours = []
    for longest in (1.0, 12.0):
        tally = Tally(10.0, longest_s=longest, misses=int(longest > 10))
        tally.bins[bin_of(longest)] = 3600
        hours.append(tally)
    day = Tally.sum(hours, 10.0)
    assert (day.count, day.misses, day.longest_s) == (7200, 1, 12.0)
    assert day.quantile(0.4) == pytest.approx(1.0, rel=0.02)
