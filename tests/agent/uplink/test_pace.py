"""How much at once, and when again."""

from agent.uplink.pace import MAX_REQUEST_BYTES, MIN_REQUEST_BYTES, RETRY_CEILING_S, Pace


def test_requests_grow_on_a_fast_link_and_shrink_on_a_slow_one() -> None:
    pace = Pace(1.0)
    for _ in range(10):
        pace.answered(0.0, 0.01, with_backlog=False)
    assert pace.max_bytes == MAX_REQUEST_BYTES
    for _ in range(10):
        pace.answered(0.0, 5.0, with_backlog=False)
    assert pace.max_bytes == MIN_REQUEST_BYTES
    pace.answered(0.0, 0.7, with_backlog=False)  # a satellite's round trip alone makes no request smaller
    assert pace.max_bytes == MIN_REQUEST_BYTES


def test_a_backlog_takes_its_share_of_the_links_time_and_no_more() -> None:
    pace, now_s, busy_s = Pace(0.25), 0.0, 0.0
    for _ in range(100):
        now_s = max(now_s, pace.backlog_at_s) + 0.2
        busy_s += 0.2
        pace.answered(now_s, 0.2, with_backlog=True)
    assert abs(busy_s / pace.backlog_at_s - 0.25) < 1e-9


def test_waiting_grows_to_a_ceiling_is_spread_and_begins_anew_after_an_answer() -> None:
    pace = Pace(1.0)
    waits_s = [pace.failed(chance=1.0) for _ in range(12)]
    assert waits_s[0] < waits_s[3] < waits_s[-1] == RETRY_CEILING_S
    assert pace.failed(chance=0.0) == 0.1
    pace.answered(0.0, 0.1, with_backlog=False)
    assert pace.failed(chance=1.0) == waits_s[0]


def test_those_who_were_told_when_to_come_back_do_not_come_together() -> None:
    assert [Pace(1.0).failed(chance, retry_after_s=10.0) for chance in (0.0, 0.5, 1.0)] == [10.0, 15.0, 20.0]
