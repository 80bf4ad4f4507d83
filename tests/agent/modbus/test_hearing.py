"""A connection is made anew where nothing is answered: not after one lost reply, and not at once."""

from agent.modbus.hearing import Hearing


def test_it_takes_three_requests_in_a_row_and_the_time() -> None:
    hearing = Hearing(5.0)
    hearing.heard(100.0)
    assert [hearing.missed(at_s) for at_s in (101.0, 102.0, 103.0, 104.9)] == [""] * 4
    assert hearing.missed(105.0) == "5 requests unanswered"


def test_two_requests_are_too_few_however_long_they_take() -> None:
    hearing = Hearing(5.0)
    hearing.heard(100.0)
    assert [hearing.missed(at_s) for at_s in (120.0, 140.0, 160.0)] == ["", "", "3 requests unanswered"]


def test_an_answer_begins_it_anew() -> None:
    hearing = Hearing(5.0)
    hearing.heard(100.0)
    hearing.missed(101.0)
    hearing.missed(102.0)
    hearing.heard(103.0)
    assert [hearing.missed(at_s) for at_s in (109.0, 110.0)] == ["", ""]
    assert hearing.missed(111.0)
