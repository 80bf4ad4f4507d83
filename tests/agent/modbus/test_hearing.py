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


def test_where_only_strangers_were_asked_a_gateway_may_wait_for_each() -> None:
    hearing = Hearing(5.0)
    hearing.begin(100.0)
    assert [hearing.missed(100.0 + k, unit_id=k) for k in range(1, 21)] == [""] * 20
    assert [hearing.missed(at_s, unit_id=1) for at_s in (123.9, 124.0)] == ["", "22 requests unanswered"]


def test_who_has_answered_on_the_connection_tells_sooner() -> None:
    hearing = Hearing(5.0)
    hearing.begin(100.0)
    hearing.heard(100.0, unit_id=1)
    assert [hearing.missed(100.0 + k, unit_id=k) for k in (4, 3, 2)] == [""] * 3
    assert hearing.missed(105.0, unit_id=1) == "4 requests unanswered"
    hearing.begin(110.0)
    assert [hearing.missed(110.0 + 3 * k, unit_id=k) for k in (1, 2)] == ["", ""]
    assert hearing.missed(116.5, unit_id=3) == ""
