"""Which answers make a capture read a block in halves."""

import pytest

from agent.cli.capture.reading import Said
from agent.modbus.ports import NO_REPLY
from agent.quality import Quality
from drivers.registers import Area, Read, Reply
from drivers.told import CLOSED

READ = Read(Area.HOLDING, 0, 8)


@pytest.mark.parametrize(
    ("code", "halves"),
    [(1, True), (2, True), (3, True), (4, True), (5, False), (6, False), (10, False), (11, False)],
)
def test_a_refused_block_is_read_in_halves_and_one_of_a_unit_that_is_busy_or_away_is_not(
    code: int, halves: bool
) -> None:
    assert Said(READ, Reply((), Quality.REFUSED, code), 0.1, f"exception {code}").refused is halves


def test_a_closed_connection_counts_as_a_refusal_and_silence_does_not() -> None:
    assert Said(READ, NO_REPLY, None, CLOSED).refused
    assert not Said(READ, NO_REPLY, None, "no answer").refused
