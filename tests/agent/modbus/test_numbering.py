"""How a device makes the numbers of its answers, by what it answered."""

import pytest

from agent.modbus.numbering import OTHER, Numbering

ASKED = (7001, 7002, 7003)


@pytest.mark.parametrize(
    ("came", "text"),
    [
        ((2, 2, 2), "always answers under transaction id 2"),
        ((0, 7001, 7002), "answers under the transaction id of the request before"),
        ((41, 42, 43), "numbers its answers itself, one after the other"),
        ((0xFFFF, 0, 1), "numbers its answers itself, one after the other"),
        ((41, 40, 43), OTHER),
        ((41, 42), OTHER),
    ],
)
def test_three_answers_show_how_a_device_makes_their_numbers(came: tuple[int, ...], text: str) -> None:
    numbering = Numbering()
    for asked, number in zip(ASKED, came, strict=False):
        numbering.other(asked, number)
    assert numbering.text == text
    assert str(numbering.detail).startswith(f"{came[0]} for 7001, {came[1]} for 7002")


def test_an_answer_under_its_own_number_begins_anew_unless_that_is_the_one_it_always_has() -> None:
    numbering = Numbering()
    for asked in ASKED:
        numbering.other(asked, 7004)
    numbering.own(7004)
    assert numbering.text == "always answers under transaction id 7004"
    numbering.own(7005)
    assert numbering.text == OTHER
    assert not numbering.detail
