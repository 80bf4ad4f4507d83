"""The alarm of safety points that a unit refuses, without a wire."""

from agent.detect import refused
from agent.detect.alarms.book import AlarmBook

POINTS = [f"cell_voltage_{k} (holding {k})" for k in range(1, 10)]


def test_refused_safety_points_are_an_advice_that_names_them_until_they_are_answered() -> None:
    book = AlarmBook()
    assert refused.judge(book, [], 16, 5.0) == []
    (raised,) = refused.judge(book, POINTS[:2], 16, 10.0)
    assert (raised.detector, raised.severity, raised.state, raised.value) == (
        "refused-point",
        "advice",
        "NEW",
        2.0,
    )
    assert raised.text == (
        "the unit refuses cell_voltage_1 (holding 1), cell_voltage_2 (holding 2): not watched. A wrong "
        "profile, another firmware, or fewer sensors: see its manual, and leave out of the profile what it "
        "does not have"
    )
    (gone,) = refused.judge(book, [], 16, 12.0)
    assert (gone.state, gone.t_s, gone.since_s) == ("CLEARED-NEW", 12.0, 10.0)


def test_it_is_a_warning_where_half_of_all_are_refused_and_names_the_first_few() -> None:
    (raised,) = refused.judge(AlarmBook(), POINTS, 18, 10.0)
    assert raised.severity == "warning"
    assert "cell_voltage_6 (holding 6) and 3 more: not watched" in raised.text


def test_an_alarm_that_stands_says_what_is_refused_now() -> None:
    book = AlarmBook()
    refused.judge(book, POINTS[:2], 16, 10.0)
    assert refused.judge(book, POINTS[1:2], 16, 11.0) == []
    (alarm,) = book.active()
    assert alarm.text.startswith("the unit refuses cell_voltage_2 (holding 2): not watched")
    (worse,) = refused.judge(book, POINTS, 16, 12.0)
    assert (worse.severity, worse.state) == ("warning", "NEW")
