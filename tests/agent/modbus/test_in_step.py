"""What is asked of a connection after a request without an answer."""

import pytest

from agent.modbus.in_step import DEAF, InStep
from agent.modbus.verdict import Verdict
from drivers.registers import Area, Read

A, B = Read(Area.HOLDING, 100, 3), Read(Area.HOLDING, 200, 3)
SINGLE, BITS = Read(Area.INPUT, 7, 1), Read(Area.COIL, 0, 20)


def test_after_a_lost_answer_another_shape_goes_first_and_its_answer_ends_that() -> None:
    step = InStep()
    assert step.first(1, B) is None
    step.unanswered(1, A, 0.0)
    assert step.first(1, A) is None, "an answer to either is of the right registers"
    assert step.first(2, B) is None, "another unit answers under its own id"
    shorter = step.first(1, B)
    assert shorter == Read(Area.HOLDING, 200, 1)
    step.answered(1, shorter, 1.0, Verdict.SOUND)
    assert step.first(1, B) is None


def test_what_may_be_the_answer_before_shows_nothing() -> None:
    step = InStep()
    step.unanswered(1, A, 0.0)
    step.answered(1, A, 1.0, Verdict.SOUND)  # the late one, perhaps
    assert step.first(1, A) is not None
    assert step.is_behind(1, bytes((3, 6)) + bytes(6))
    assert not step.is_behind(1, bytes((3, 4)) + bytes(4))
    shorter = Read(Area.HOLDING, 200, 2)
    step.answered(1, shorter, 2.0, Verdict.ILLEGAL)  # an exception looks like any: A's, perhaps
    assert step.first(1, B) is None, "what may still come is shorter"
    assert step.first(1, Read(Area.HOLDING, 300, 2)) is not None


def test_a_late_answer_under_its_own_number_is_owed_no_more() -> None:
    step = InStep()
    step.unanswered(1, A, 0.0)
    step.came_late(1, A, Verdict.GATEWAY)
    assert step.first(1, B) is not None, "the gateway has given up; the unit has not"
    step.came_late(1, A, Verdict.SOUND)
    assert step.first(1, B) is None


def test_where_nothing_is_shorter_the_other_table_is_asked_of_bits_too() -> None:
    step = InStep()
    step.unanswered(1, SINGLE, 0.0)
    assert step.first(1, Read(Area.INPUT, 9, 1)) == Read(Area.HOLDING, 9, 1)
    step.unanswered(2, BITS, 0.0)
    step.unanswered(2, Read(Area.COIL, 0, 1), 0.0)
    assert step.first(2, Read(Area.COIL, 40, 20)) == Read(Area.COIL, 40, 9), "another byte"
    step = InStep()
    step.unanswered(2, BITS, 0.0)
    assert step.first(2, Read(Area.COIL, 40, 20)) == Read(Area.COIL, 40, 1)


def test_however_often_nothing_comes_there_is_a_shape_to_ask() -> None:
    step, asked = InStep(), Read(Area.COIL, 0, 1)
    for n in range(50):
        step.unanswered(1, asked, float(n))
        asked = step.first(1, Read(Area.COIL, 99, 1)) or asked


@pytest.mark.parametrize("verdict", [Verdict.BUSY, Verdict.FAILED, Verdict.GATEWAY, Verdict.ILLEGAL])
def test_after_an_exception_the_answer_may_follow_all_the_same(verdict: Verdict) -> None:
    step = InStep()
    step.answered(1, A, 0.0, verdict)
    assert step.first(1, A) is None
    assert step.first(1, B) is not None


def test_a_refusal_where_something_is_owed_is_the_answer_to_that() -> None:
    """Else who refuses all that its plan lacks would never be asked what stands behind a refused block."""
    step = InStep()
    step.answered(1, A, 0.0, Verdict.ILLEGAL)
    step.answered(1, Read(Area.HOLDING, 200, 1), 1.0, Verdict.ILLEGAL)
    assert step.first(1, B) is None


def test_what_the_unit_has_answered_before_is_asked_first_the_shortest_of_it() -> None:
    step, two, four = InStep(), Read(Area.HOLDING, 7, 2), Read(Area.INPUT, 9, 4)
    for read in (two, four, A):
        step.answered(1, read, 0.0, Verdict.SOUND)
    step.unanswered(1, A, 1.0)
    assert step.first(1, B) == two
    step.unanswered(1, two, 2.0)
    assert step.first(1, B) == Read(Area.HOLDING, 200, 1), "shorter than the other"


def test_a_unit_that_answers_nothing_but_its_plan_is_not_asked_for_more_of_it() -> None:
    step = InStep()
    asked = 0
    for _ in range(DEAF):
        step.unanswered(1, A, 0.0)
        step.answered(1, A, 0.0, Verdict.SOUND)
        while first := step.first(1, B):
            asked += 1
            step.unanswered(1, first, 0.0)
            step.shown(1, first, heard=False)
        step.answered(1, B, 0.0, Verdict.SOUND)
    assert asked <= 2 * DEAF
    step.unanswered(1, A, 0.0)
    assert step.first(1, B) is None
    step.answered(1, known := Read(Area.INPUT, 9, 4), 0.0, Verdict.SOUND)
    step.unanswered(1, A, 0.0)
    assert step.first(1, B) == known, "which it is known to answer"


def test_who_is_away_or_has_once_answered_another_read_is_asked_as_ever() -> None:
    away, hears = InStep(), InStep()
    away.unanswered(1, A, 0.0)
    hears.shown(1, Read(Area.HOLDING, 200, 1), heard=True)
    for step in (away, hears):
        for _ in range(3 * DEAF):
            first = step.first(1, B) or B
            step.unanswered(1, first, 0.0)
            step.shown(1, first, heard=False)
            if step is hears:
                step.answered(1, A, 0.0, Verdict.SOUND)
            step.unanswered(1, A, 0.0)
        assert step.first(1, B) not in (None, A)
