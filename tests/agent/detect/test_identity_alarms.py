"""The two alarms of identity, without a wire."""

from agent.detect import identity
from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import Action, AlarmEvent


def of(event: AlarmEvent) -> tuple[object, ...]:
    return event.detector, event.severity, event.state, event.text, event.t_s, event.since_s


def test_a_wrong_unit_is_an_alarm_until_the_right_one_answers() -> None:
    book = AlarmBook()
    (raised,) = identity.judge(book, "it is another one", 10.0)
    assert of(raised) == ("identity", "warning", "NEW", "it is another one", 10.0, 10.0)
    assert (raised.value, raised.limit, raised.value_unit, raised.name) == (1.0, 1.0, "", "identity:")
    assert identity.judge(book, "it is another one", 11.0) == []
    (gone,) = identity.judge(book, "", 12.0)
    assert of(gone) == ("identity", "warning", "CLEARED-NEW", "it is another one", 12.0, 10.0)
    assert identity.judge(book, "", 13.0) == []


def test_an_exchange_is_raised_and_over_at_once_and_waits_to_be_acknowledged() -> None:
    book = AlarmBook()
    raised, gone = identity.exchanged(book, "A1 is now B2", 10.0)
    text = "A1 is now B2; what was learned of the old one is dropped, limits are judged as before"
    assert of(raised) == ("exchanged", "advice", "NEW", text, 10.0, 10.0)
    assert of(gone) == ("exchanged", "advice", "CLEARED-NEW", text, 10.0, 10.0)
    assert not book.standing()
    (over,) = book.do(Action.ACKNOWLEDGE, raised.name, 20.0)
    assert over.state == "NORMAL"
    assert book.empty()
