"""What is asked of a connection after a request without an answer."""

from agent.modbus.in_step import InStep
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
    assert shorter == Read(Area.HOLDING, 200, 2)
    step.answered(1, shorter, 1.0, refused=False)
    assert step.first(1, B) is None


def test_what_may_be_the_answer_before_shows_nothing() -> None:
    step = InStep()
    step.unanswered(1, A, 0.0)
    step.answered(1, A, 1.0, refused=False)  # the late one, perhaps
    assert step.first(1, A) is not None
    assert step.is_behind(1, bytes((3, 6)) + bytes(6))
    assert not step.is_behind(1, bytes((3, 4)) + bytes(4))
    step.answered(
        1, Read(Area.HOLDING, 200, 2), 2.0, refused=True
    )  # an exception looks like any: A's, perhaps
    assert step.first(1, B) is None, "what may still come is shorter"
    assert step.first(1, Read(Area.HOLDING, 300, 2)) is not None


def test_a_late_answer_under_its_own_number_is_owed_no_more() -> None:
    step = InStep()
    step.unanswered(1, A, 0.0)
    step.came_late(1, A)
    assert step.first(1, B) is None


def test_where_nothing_is_shorter_the_other_table_is_asked_and_bits_by_whole_bytes() -> None:
    step = InStep()
    step.unanswered(1, SINGLE, 0.0)
    assert step.first(1, Read(Area.INPUT, 9, 1)) == Read(Area.HOLDING, 9, 1)
    step.unanswered(2, BITS, 0.0)
    assert step.first(2, Read(Area.COIL, 40, 20)) == Read(Area.COIL, 40, 16)


def test_however_often_nothing_comes_there_is_a_shape_to_ask() -> None:
    step, asked = InStep(), Read(Area.COIL, 0, 1)
    for n in range(50):
        step.unanswered(1, asked, float(n))
        asked = step.first(1, Read(Area.COIL, 99, 1)) or asked
