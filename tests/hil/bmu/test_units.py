"""A unit of a room, from before anybody asks it."""

from hil.bmu.units import build
from hil.scenario.events import Unmute
from hil.scenario.room import RoomUnitTable


def test_a_dead_unit_answers_nothing_until_it_is_unmuted() -> None:
    said = {"name": "a", "transport": "tcp", "listen": "127.0.0.1:0", "profile": "sunspec-lithium-ion"}
    source = {"rack": {"cells": 4}}
    tables = tuple(
        RoomUnitTable.model_validate({**said, "source": source, "dead": dead}) for dead in (False, True)
    )
    (well, dead), problems = build(tables)
    assert problems == []
    assert (well.answers, dead.answers) == (True, False)
    dead.happen(Unmute())
    assert dead.answers
