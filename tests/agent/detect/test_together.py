"""Several units silent at once: when it is one alarm, and what it says."""

import pytest

from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import AlarmEvent
from agent.detect.together import Together, UnitContact


def units_of(*last_s: float | None, period_s: float = 1.0, buses: str = "aaaaaaaa") -> dict[str, UnitContact]:
    return {
        f"rack-{k}": UnitContact(s, period_s, f"rs485-{bus}")
        for k, (s, bus) in enumerate(zip(last_s, buses, strict=False))
    }


def states(events: list[AlarmEvent]) -> list[str]:
    return [event.state for event in events]


@pytest.mark.parametrize(
    ("last_s", "period_s", "raised"),
    [
        ((1000.0, 1000.0), 1.0, False),  # ten seconds of silence, however short the period
        ((999.9, 999.9), 1.0, True),
        ((999.9, 1000.1), 1.0, False),
        ((999.9,), 1.0, False),
        ((999.9, None), 1.0, False),
        ((None, None), 1.0, False),
        ((995.0, 995.0), 5.0, False),  # three polls
        ((994.9, 994.9), 5.0, True),
        ((900.0, 960.0), 1.0, True),  # within a minute of each other
        ((899.9, 960.0), 1.0, False),
        ((100.0, 900.0, 960.0), 1.0, True),
        ((100.0, 200.0, 300.0), 1.0, False),
    ],
)
def test_units_fell_silent_together_if_two_did_within_a_minute(
    last_s: tuple[float | None, ...], period_s: float, raised: bool
) -> None:
    events = Together().judge(1010.0, units_of(*last_s, period_s=period_s))
    assert states(events) == ["NEW"] * raised


def test_its_event_counts_the_units_and_names_them() -> None:
    (event,) = Together().judge(1010.0, units_of(990.0, 985.0, 1009.0))
    assert (event.detector, event.severity, event.state) == ("silent-together", "warning", "NEW")
    assert (event.value, event.limit, event.value_unit, event.t_s) == (2, 2.0, "units", 1010.0)
    assert event.text == (
        "2 units fell silent together (rack-0, rack-1), 25 s before this was raised; on rs485-a: a cable"
        " beyond the last unit that answers, or a common supply."
    )
    (event,) = Together().judge(1010.0, units_of(990.0, 985.0, 990.0))
    assert event.count == 1, "one alarm, of the site"


@pytest.mark.parametrize(
    ("last_s", "buses", "cause"),
    [
        ((990.0, 990.0), "aa", "all units of rs485-a: look at its adapter, cable and supply first"),
        ((990.0, 990.0, 1009.0), "aab", "all units of rs485-a: look at its adapter, cable and supply first"),
        ((990.0, 990.0, 1009.0), "aaa", "on rs485-a: a cable beyond the last unit that answers"),
        ((990.0, 990.0, None), "aaa", "on rs485-a: a cable beyond the last unit that answers"),
        ((990.0, 990.0, 1009.0), "aba", "on 2 buses: look for a common supply or switch"),
        ((990.0, 990.0), "ab", "on 2 buses: look for a common supply or switch"),
    ],
)
def test_the_cause_is_where_all_of_them_are(last_s: tuple[float | None, ...], buses: str, cause: str) -> None:
    (event,) = Together().judge(1010.0, units_of(*last_s, buses=buses))
    assert f"; {cause}" in event.text


@pytest.mark.parametrize(
    ("last_s", "over"),
    [
        ((990.0, 990.0, 1100.0), False),
        ((990.0, 1100.0, 1100.0), True),
        ((990.0, None, 1100.0), False),  # not heard since the start is no sign that it is over
        ((None, None, 1100.0), False),
        ((None, 1100.0, 1100.0), True),
        ((500.0, 990.0, 1100.0), False),  # further apart than what raises it
    ],
)
def test_it_is_over_when_at_most_one_is_silent(last_s: tuple[float | None, ...], over: bool) -> None:
    together = Together()
    assert states(together.judge(1010.0, units_of(990.0, 990.0, 990.0))) == ["NEW"]
    assert states(together.judge(1101.0, units_of(*last_s))) == ["CLEARED-NEW"] * over


def test_its_end_waits_for_nobody() -> None:
    together = Together()
    assert states(together.judge(1010.0, units_of(990.0, 990.0, 1010.0))) == ["NEW"]
    assert states(together.judge(1015.0, units_of(1014.0, 990.0, 1011.0))) == ["CLEARED-NEW"]


def test_it_waits_ten_seconds_for_a_unit_that_is_overdue() -> None:
    for overdue_s, t_s, raised in (
        (3.0, 1010.0, True),  # three polls are not overdue
        (3.5, 1010.0, False),
        (3.5, 1020.0, False),
        (3.5, 1020.5, True),
    ):
        together = Together()
        together.judge(1010.0, units_of(999.0, 999.0, 1010.0 - overdue_s))
        events = together.judge(t_s, units_of(999.0, 999.0, t_s - overdue_s))
        stood = bool(together.book.standing())
        assert stood == raised
        assert states(events) == ["NEW"] * (raised and t_s > 1010.0)


def test_who_answers_meanwhile_begins_the_wait_anew() -> None:
    together = Together()
    assert together.judge(1010.0, units_of(999.0, 999.0, 1006.0)) == []
    assert together.judge(1015.0, units_of(1014.0, 999.0, 1014.0)) == []
    assert together.judge(1025.0, units_of(1014.0, 1014.0, 1021.0)) == []
    assert together.judge(1035.0, units_of(1014.0, 1014.0, 1031.0)) == []
    assert states(together.judge(1035.5, units_of(1014.0, 1014.0, 1031.5))) == ["NEW"]


def test_an_alarm_that_was_kept_goes_on() -> None:
    book = AlarmBook()
    assert states(Together(book).judge(1010.0, units_of(990.0, 990.0))) == ["NEW"]
    after = Together(book)
    assert after.book is book
    assert after.judge(1020.0, units_of(None, None)) == []
    assert states(after.judge(1030.0, units_of(1029.0, 1029.0))) == ["CLEARED-NEW"]
    assert after.judge(1050.0, units_of(1029.0, 1049.0)) == []
    (again,) = after.judge(1050.0, units_of(1029.0, 800.0))
    assert again.state == "NEW", "it is not acknowledged: two that are silent are enough"
