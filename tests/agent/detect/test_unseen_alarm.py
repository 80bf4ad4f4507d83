"""The alarm of a unit that is not read: when it comes and goes, to the second."""

import pytest

from agent.detect.alarms.book import AlarmBook
from agent.detect.unseen import Unseen

LIMIT_S = 64.0


def said(
    unseen: Unseen, t_s: float, heard_s: float | None, *, limit_s: float = LIMIT_S, named: bool = False
) -> list[str]:
    return [event.state for event in unseen.judge(t_s, heard_s, limit_s, "does not answer", named=named)]


@pytest.mark.parametrize("begin_s", [0.0, 1e9, -50.0])
def test_a_unit_that_never_answers_is_late_from_its_limit_on(begin_s: float) -> None:
    unseen = Unseen(AlarmBook())
    assert not unseen.lost(1e12), "it was not looked for yet"
    assert said(unseen, begin_s, None) == []
    assert said(unseen, begin_s + LIMIT_S, None) == []
    assert not unseen.lost(begin_s + LIMIT_S)
    assert unseen.lost(begin_s + LIMIT_S + 0.5)
    (event,) = unseen.judge(begin_s + LIMIT_S + 0.5, None, LIMIT_S, "no reply", named=False)
    assert (event.detector, event.severity, event.state, event.name) == ("blind", "warning", "NEW", "unseen:")
    assert (event.value, event.limit, event.value_unit) == (LIMIT_S + 0.5, LIMIT_S, "s")
    assert (event.t_s, event.since_s) == (begin_s + LIMIT_S + 0.5, begin_s)
    assert event.text.startswith(f"not seen for {LIMIT_S + 0.5:.0f} s when this was raised: no reply. ")
    assert (event.location, event.quantity) == ("", "")
    assert said(unseen, begin_s + 2 * LIMIT_S, None) == [], "it stands"


def test_it_is_raised_once() -> None:
    unseen = Unseen(AlarmBook())
    said(unseen, 0.0, None)
    assert said(unseen, 100.0, None) == ["NEW"]
    before = unseen.book.to_plain()
    assert said(unseen, 101.0, None) == []
    assert unseen.book.to_plain() == before


def test_age_counts_from_the_last_reading() -> None:
    unseen = Unseen(AlarmBook())
    assert said(unseen, 0.0, None) == []
    assert said(unseen, 50.0, 40.0) == []
    assert said(unseen, 60.0, 30.0) == [], "what was heard before says nothing new"
    assert said(unseen, 40.0 + LIMIT_S, 40.0) == []
    assert said(unseen, 40.5 + LIMIT_S, 40.0) == ["NEW"]


@pytest.mark.parametrize(("back_s", "over"), [(9.9, False), (10.0, True), (10.1, True)])
def test_it_is_over_when_the_unit_was_seen_for_ten_seconds(back_s: float, over: bool) -> None:
    unseen = Unseen(AlarmBook())
    said(unseen, 0.0, None)
    assert said(unseen, 100.0, None) == ["NEW"]
    assert said(unseen, 101.0, 100.0) == []
    assert said(unseen, 100.0 + back_s + 1.0, 100.0 + back_s) == ["CLEARED-NEW"] * over
    assert said(unseen, 130.0, 100.0 + back_s) == []


def test_a_unit_that_is_lost_again_must_be_seen_for_ten_seconds_again() -> None:
    unseen = Unseen(AlarmBook())
    said(unseen, 0.0, None)
    assert said(unseen, 100.0, None) == ["NEW"]
    assert said(unseen, 101.0, 100.0) == []
    assert said(unseen, 200.0, 100.0) == []
    assert said(unseen, 201.0, 200.0) == []
    assert said(unseen, 211.0, 210.0) == ["CLEARED-NEW"]


def test_a_standing_alarm_waits_for_a_reading() -> None:
    book = AlarmBook()
    before = Unseen(book)
    said(before, 0.0, None)
    said(before, 100.0, None)
    after = Unseen(book)
    assert said(after, 110.0, None) == []
    assert said(after, 111.0, 111.0) == []
    assert said(after, 121.0, 121.0) == ["CLEARED-NEW"]


def test_another_alarm_that_says_why_is_enough() -> None:
    unseen = Unseen(AlarmBook())
    said(unseen, 0.0, None)
    assert said(unseen, 100.0, None, named=True) == []
    assert said(unseen, 101.0, None) == ["NEW"]


@pytest.mark.parametrize(
    ("before_s", "limit_s", "raised_after_s"),
    [
        (0.0, 60.0, 60.0),
        (20.0, 60.0, 40.0),
        (50.0, 60.0, 10.0),
        (1e9, 60.0, 10.0),  # it has ten seconds to answer after a start
        (1e9, 5.0, 5.0),
    ],
)
def test_what_it_was_looked_for_before_a_restart_counts(
    before_s: float, limit_s: float, raised_after_s: float
) -> None:
    unseen = Unseen(AlarmBook(), before_s)
    assert said(unseen, 1000.0, None, limit_s=limit_s) == []
    assert said(unseen, 1000.0 + raised_after_s, None, limit_s=limit_s) == []
    assert said(unseen, 1000.5 + raised_after_s, None, limit_s=limit_s) == ["NEW"]


@pytest.mark.parametrize(
    ("age_s", "kept_s"),
    [(0.0, 0.0), (8.0, 0.0), (8.25, 8.0), (9.75, 9.0), (LIMIT_S, LIMIT_S), (1e6, LIMIT_S)],
)
def test_whole_seconds_in_vain_are_kept_from_an_eighth_of_the_limit_on(age_s: float, kept_s: float) -> None:
    for begin_s in (0.0, 1024.0):
        unseen = Unseen(AlarmBook())
        assert unseen.in_vain_s(begin_s + age_s) == 0.0
        said(unseen, begin_s, None)
        assert unseen.in_vain_s(begin_s + age_s) == kept_s
        assert said(unseen, begin_s + LIMIT_S + 1.0, None) == ["NEW"]
        assert unseen.in_vain_s(begin_s + age_s) == 0.0, "its alarm says so"


def test_of_one_that_is_read_in_part_it_says_so() -> None:
    unseen = Unseen(AlarmBook())
    said(unseen, 0.0, None)
    (event,) = unseen.judge(
        100.0, None, LIMIT_S, "never answers holding 200, 10 long", named=False, part=True
    )
    assert event.text.startswith(
        "read only in part for 100 s when this was raised: never answers holding 200"
    )
    assert (event.detector, event.severity, event.name) == ("blind", "warning", "unseen:")
