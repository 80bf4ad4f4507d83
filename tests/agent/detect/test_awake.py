"""An agent that slept: what it may hold against a unit when it goes on."""

import pytest

from agent.detect.awake import Awake


def looked(*times: float, slow_s: float = 1.0) -> Awake:
    awake = Awake(slow_s)
    for t_s in times:
        awake.look(t_s)
    return awake


def test_a_start_is_no_sleep_and_neither_is_a_slow_look() -> None:
    assert looked().fair(1.0, 0.0)
    assert looked(0.0).fair(1.0, 0.0)
    assert looked(0.0, 10.0).fair(1.0, 10.0)
    assert looked(0.0, 900.0, slow_s=90.0).fair(1.0, 900.0)
    assert not looked(0.0, 901.0, slow_s=90.0).fair(1.0, 901.0)


@pytest.mark.parametrize(("pace_s", "time_s"), [(1.0, 10.0), (3.0, 10.0), (5.0, 15.0), (60.0, 180.0)])
def test_after_a_sleep_a_unit_has_three_polls_and_ten_seconds_to_answer(pace_s: float, time_s: float) -> None:
    awake = looked(0.0, 1.0, 3601.0)
    assert not awake.fair(pace_s, 3601.0 + time_s)
    assert awake.fair(pace_s, 3601.1 + time_s)


def test_an_agent_that_sleeps_again_and_again_looks_at_last() -> None:
    awake = Awake()
    fair = [awake.fair(1.0, t_s) for t_s in (11.0 * k for k in range(40)) if awake.look(t_s) is None]
    assert fair[:2] == [True, False]
    assert fair.count(True) > 20
