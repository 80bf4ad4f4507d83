"""An agent that slept: what it may hold against a unit when it goes on."""

import pytest

from agent.detect.awake import Awake


def looked(*times: float, slow_s: float = 0.05) -> Awake:
    awake = Awake(slow_s)
    for t_s in times:
        awake.look(t_s)
    return awake


@pytest.mark.parametrize("begin_s", [0.0, -50.0, 1e6])
def test_a_start_is_no_sleep_and_neither_is_a_slow_look(begin_s: float) -> None:
    assert Awake(1.0).fair(1.0, begin_s)
    assert looked(begin_s).fair(1.0, begin_s)
    assert looked(begin_s, begin_s + 10.0).fair(1.0, begin_s + 10.0)
    assert not looked(begin_s, begin_s + 10.5).fair(1.0, begin_s + 10.5)
    assert looked(begin_s, begin_s + 900.0, slow_s=90.0).fair(1.0, begin_s + 900.0)
    assert not looked(begin_s, begin_s + 901.0, slow_s=90.0).fair(1.0, begin_s + 901.0)


@pytest.mark.parametrize(("pace_s", "time_s"), [(1.0, 10.0), (3.0, 10.0), (5.0, 15.0), (60.0, 180.0)])
def test_after_a_sleep_a_unit_has_three_polls_and_ten_seconds_to_answer(pace_s: float, time_s: float) -> None:
    awake = looked(0.0, 1.0, 3601.0)
    assert not awake.fair(pace_s, 3601.0 + time_s)
    assert awake.fair(pace_s, 3601.1 + time_s)


def test_each_long_sleep_counts_and_of_short_ones_one_in_a_minute() -> None:
    after_two_hours = looked(0.0, 3600.0, 3601.0, 7201.0)
    assert not after_two_hours.fair(1.0, 7205.0)
    assert not looked(0.0, 100.0, 105.0, 166.0).fair(1.0, 170.0), "61 s"
    assert looked(0.0, 100.0, 105.0, 160.0).fair(1.0, 160.0), "55 s, and 60 s after the last"
    assert not looked(0.0, 100.0, 105.0, 165.0).fair(1.0, 165.0), "60 s, and 65 s after the last"


def test_an_agent_that_gets_no_time_looks_at_last() -> None:
    awake = Awake(0.05)
    fair = [awake.fair(1.0, t_s) for t_s in (11.0 * k for k in range(40)) if awake.look(t_s) is None]
    assert fair[:2] == [True, False]
    assert fair.count(True) > 20
