"""How much at once, and when again."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.uplink.pace import (
    LIMIT_S,
    MAX_REQUEST_BYTES,
    MIN_REQUEST_BYTES,
    RETRY_CEILING_S,
    RETRY_FLOOR_S,
    Pace,
)


def test_requests_grow_on_a_fast_link_and_shrink_on_a_slow_one() -> None:
    pace = Pace(1.0)
    for _ in range(10):
        pace.answered(0.0, 0.01, with_backlog=False)
    assert pace.max_bytes == MAX_REQUEST_BYTES
    for _ in range(10):
        pace.answered(0.0, 5.0, with_backlog=False)
    assert pace.max_bytes == MIN_REQUEST_BYTES
    pace.answered(0.0, 0.7, with_backlog=False)
    assert pace.max_bytes == MIN_REQUEST_BYTES


def test_what_every_request_takes_on_a_link_makes_none_smaller() -> None:
    pace = Pace(1.0)
    for _ in range(10):
        pace.answered(0.0, 3.0, with_backlog=False)  # the line's delay alone
    assert pace.max_bytes == MAX_REQUEST_BYTES
    for _ in range(10):  # 9.6 kbit/s, too
        pace.answered(0.0, 3.0 + 8 * pace.max_bytes / 9600, with_backlog=True)
    assert pace.max_bytes == MIN_REQUEST_BYTES


def test_an_alarm_waits_longer_for_an_answer_on_a_link_that_is_known_as_slow() -> None:
    pace = Pace(1.0)
    assert pace.yield_s(5.0) == 5.0
    pace.answered(0.0, 6.4, with_backlog=True)
    assert pace.yield_s(5.0) == 12.8


def test_a_backlog_takes_its_share_of_the_links_time_and_no_more() -> None:
    pace, now_s, busy_s = Pace(0.25), 0.0, 0.0
    for _ in range(100):
        now_s = max(now_s, pace.backlog_at_s) + 0.2
        busy_s += 0.2
        pace.answered(now_s, 0.2, with_backlog=True)
    assert abs(busy_s / pace.backlog_at_s - 0.25) < 1e-9


def waits_s(pace: Pace, chance: float, **answer: float) -> float:
    pace.failed(0.0, chance, **answer)
    pace.no_alarm()
    return pace.wait_s(0.0)


def test_waiting_grows_to_a_ceiling_is_spread_and_begins_anew_after_an_answer() -> None:
    pace = Pace(1.0)
    waited_s = [waits_s(pace, 1.0) for _ in range(12)]
    assert waited_s[0] < waited_s[3] < waited_s[-1] == RETRY_CEILING_S
    assert waits_s(pace, 0.0) == RETRY_FLOOR_S
    pace.answered(0.0, 0.1, with_backlog=False)
    assert pace.wait_s(0.0) == 0.0
    assert waits_s(pace, 1.0) == waited_s[0]


def test_those_who_were_told_when_to_come_back_do_not_come_together() -> None:
    assert [waits_s(Pace(1.0), chance, retry_after_s=10.0) for chance in (0.0, 0.5, 1.0)] == [
        10.0,
        15.0,
        20.0,
    ]


@pytest.mark.parametrize(("said_s", "least_s", "most_s"), [(0.0, 1.0, 2.0), (math.inf, 600.0, 1200.0)])
def test_nobody_is_told_to_come_at_once_or_never(said_s: float, least_s: float, most_s: float) -> None:
    assert waits_s(Pace(1.0), 0.0, retry_after_s=said_s) == least_s
    assert waits_s(Pace(1.0), 1.0, retry_after_s=said_s) == most_s


@given(
    st.lists(st.sampled_from(["alarm", "failed", "told", "pause", "too large"]), max_size=30), st.floats(0, 1)
)
def test_whatever_happens_two_requests_that_failed_are_a_second_apart(
    happens: list[str], chance: float
) -> None:
    pace, now_s, tried_s = Pace(1.0), 0.0, -1.0
    for what in happens:
        if what == "alarm":
            pace.alarm(now_s)
            continue
        now_s += pace.wait_s(now_s)
        assert now_s - tried_s >= RETRY_FLOOR_S - 1e-9
        pace.begun(now_s)
        tried_s = now_s
        if what == "pause":
            pace.pause(now_s)
        elif what == "too large":
            pace.too_large(now_s, 3, 0)
        else:
            pace.failed(now_s, chance, 0.0 if what == "told" else None)


@pytest.mark.parametrize("retry_after_s", [None, 600.0])
def test_an_alarm_is_tried_within_a_second_then_often_and_then_more_and_more_seldom(
    retry_after_s: float | None,
) -> None:
    """Against a collector that answers the same for ever."""
    pace, now_s = Pace(1.0), 0.0
    pace.begun(now_s)
    pace.failed(now_s, 1.0, retry_after_s)
    pace.no_alarm()
    now_s = sealed_s = 0.4
    pace.alarm(now_s)
    tries_s = []
    while now_s - sealed_s < 4 * 3600:
        now_s += pace.wait_s(now_s)
        tries_s.append(now_s - sealed_s)
        pace.begun(now_s)
        pace.failed(now_s, 1.0, retry_after_s)
    assert tries_s[0] <= 1.0
    pauses_s = [b - a for a, b in pairwise(tries_s)]
    assert max(b - a for a, b in pairwise(tries_s) if b <= 600) == pytest.approx(5.0)
    assert all(a <= b + 1e-9 for a, b in pairwise(pauses_s)) or retry_after_s is None
    assert max(pauses_s) <= 60.0
    assert pauses_s[-1] == pytest.approx(60.0 if retry_after_s else RETRY_CEILING_S)


def test_an_alarm_that_was_sealed_while_a_request_failed_does_not_wait_for_its_turn() -> None:
    pace = Pace(1.0)
    pace.begun(0.0)
    pace.alarm(0.3)
    pace.failed(0.5, 1.0, 600.0)
    assert pace.wait_s(0.5) == 0.5
    assert pace.only_alarms(1.0)


def test_what_fails_before_a_request_begins_is_tried_no_more_often_for_an_alarm() -> None:
    pace, now_s = Pace(1.0), 100.0
    pace.alarm(now_s)
    tries = 0
    while now_s < 130.0:
        now_s += pace.wait_s(now_s)
        tries += 1
        assert tries < 20
        pace.failed(now_s, 1.0)


def test_an_alarm_that_was_taken_ends_no_retry_after_but_a_back_off_of_our_own() -> None:
    pace = Pace(1.0)
    pace.failed(0.0, 0.0, 600.0)
    pace.alarm(1.0)
    pace.answered(1.0, 0.1, with_backlog=False)
    assert pace.only_alarms(599.0)
    assert pace.wait_s(1.0) == 0.0  # there may be more alarms
    pace.no_alarm()
    assert pace.wait_s(1.0) == 599.0
    pace.failed(2.0, 0.0)  # nor does a failure of another kind
    assert pace.held(599.0)
    pace.answered(600.0, 0.1, with_backlog=False)
    pace.failed(600.0, 1.0)
    pace.answered(600.5, 0.1, with_backlog=False)
    assert not pace.only_alarms(600.5)


def test_an_alarm_has_little_patience_and_more_each_time_and_on_a_slow_link() -> None:
    pace, now_s = Pace(1.0), 0.0
    pace.alarm(now_s)
    begun_s = []
    for _ in range(4):  # nobody answers
        now_s += pace.wait_s(now_s)
        begun_s.append(now_s)
        pace.begun(now_s)
        now_s += pace.patience_s
        pace.failed(now_s, 1.0)
    assert begun_s == [0.0, 6.0, 17.0, 38.0]
    pace.answered(now_s, 4.0, with_backlog=False)
    assert pace.patience_s == 16.0


def test_a_limit_that_was_met_is_remembered_for_an_hour() -> None:
    pace = Pace(1.0)
    assert pace.too_large(0.0, 256, 1)
    assert pace.too_large(1.0, 128, 1)
    for now_s in range(2, 10):
        pace.answered(now_s, 0.01, with_backlog=False)
    assert pace.max_batches == 64
    assert not pace.too_large(10.0, 1, 1)
    for _ in range(9):
        pace.answered(LIMIT_S + 11.0, 0.01, with_backlog=False)
    assert pace.max_batches == 256
