"""What a gateway may still have to do is counted from what came, and from what did not."""

from agent.modbus.backlog import ROOM, WAITS_S, Backlog


def asked(backlog: Backlog, *times_s: float) -> Backlog:
    for at_s in times_s:
        backlog.unanswered(at_s, lost=False)
    return backlog


def test_each_question_without_an_answer_counts_one_after_the_other() -> None:
    backlog = Backlog(21)
    assert backlog.free_s < 0
    assert asked(backlog, 100.0, 100.3, 100.6).free_s == 100.0 + 3 * WAITS_S


def test_an_answer_says_that_the_line_is_beyond_what_was_asked_before() -> None:
    backlog = asked(Backlog(21), 100.0, 100.3, 100.6)
    backlog.answered(100.3, 102.0, late=True)
    assert backlog.waited_s == 102.0
    assert backlog.waits_s == ROOM * 1.0
    assert backlog.free_s == 102.0 + ROOM
    backlog.answered(102.1, 103.0)
    assert backlog.free_s < 0


def test_who_answers_at_once_shows_that_nothing_waits() -> None:
    backlog = asked(Backlog(21), 100.0, 100.3)
    backlog.answered(100.6, 100.61)
    assert backlog.free_s < 0
    assert backlog.waited_s < 0


def test_an_exception_of_the_gateway_says_how_long_it_waits() -> None:
    backlog = Backlog(21)
    backlog.answered(100.0, 103.0, dead=True)
    assert (backlog.waited_s, backlog.waits_s) == (103.0, ROOM * 3.0)
    assert backlog.free_s < 0


def test_what_a_unit_that_has_answered_lost_counts_alone() -> None:
    backlog = asked(Backlog(21), 100.0, 100.3)
    backlog.unanswered(101.0, lost=True)
    assert backlog.free_s == 101.0 + WAITS_S
    backlog.forget()
    assert backlog.free_s < 0


def test_a_late_answer_behind_more_than_is_kept_says_that_the_gateway_waits() -> None:
    backlog = asked(Backlog(2), *(100.0 + k for k in range(9)))
    backlog.answered(100.0, 112.0, late=True)
    assert (backlog.waited_s, backlog.waits_s) == (112.0, ROOM * 6.0)
