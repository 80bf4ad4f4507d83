"""Alarms that a unit itself reports: raised at once, over after a while, unmoved by what was not read."""

import numpy as np
import pytest

from agent.detect.reported import Reported
from agent.quality import Quality
from drivers.connect import assume
from drivers.profile.load import parse_profile

LAYOUT = assume(
    parse_profile(
        """
        schema = 1
        model = "tiny"
        topology = { modules = 2 }
        [[point]]
        name = "mode"
        address = 9
        values = { 0 = "idle", 2 = { text = "fault", severity = "critical" } }
        [[point]]
        name = "module_alarms"
        address = 0
        count = 2
        place = "module"
        alarms = { 3 = "over-temperature", 4 = "fan" }
        """
    )
)
GOOD = np.zeros(3, np.uint8)


class Told:
    """A unit's alarms, frame by frame."""

    def __init__(self):
        self.reported = Reported(LAYOUT.places, LAYOUT.quantities, LAYOUT.sayings, LAYOUT.alarms)

    def __call__(self, t_s, *raw, quality=GOOD):
        events = self.reported.judge(float(t_s), np.array(raw, np.int64), quality)
        return [(e.state, e.severity, e.location, e.text) for e in events]


@pytest.fixture
def told():
    return Told()


HOT = ("warning", "module2", "The unit itself reports for module2: over-temperature.")


def test_each_alarm_is_told_once_with_its_place_and_severity(told):
    assert told(0, 0, 0, 0) == []
    assert told(1, 0, 0, 8) == [("NEW", *HOT)]
    assert told(2, 0, 0, 8) == []
    assert told(3, 2, 0, 24) == [
        ("NEW", "critical", "", "The unit itself reports: fault."),
        ("NEW", "warning", "module2", "The unit itself reports for module2: fan."),
    ]


def test_an_alarm_that_flickers_is_one_and_ends_when_it_stayed_away(told):
    told(0, 0, 0, 8)
    for t_s in range(1, 100):
        assert told(t_s, 0, 0, 8 * (t_s % 2)) == []
    gone = {t_s: told(t_s, 0, 0, 0) for t_s in range(100, 200)}
    assert {t_s: said for t_s, said in gone.items() if said} == {160: [("CLEARED-NEW", *HOT)]}


def test_what_was_not_read_neither_raises_nor_ends_an_alarm(told):
    silent = np.full(3, Quality.NO_REPLY, np.uint8)
    told(0, 0, 0, 8)
    for t_s in range(1, 200):
        assert told(t_s, 0, 0, 0, quality=silent) == []
    assert [e.location for e in told.reported.book.active()] == ["module2"]
    assert told(200, 0, 0, 8) == []
