"""An alarm to annunciate."""

import pytest

from agent.detect.alarms.states import AlarmEvent, AlarmState


@pytest.fixture
def hot() -> AlarmEvent:
    return AlarmEvent(
        detector="thermal-slope",
        severity="critical",
        state=AlarmState.NEW,
        location="cell5",
        quantity="temperature",
        value=1.4,
        limit=0.5,
        value_unit="K/min",
        text="cell5 heats 1.4 K/min faster than its siblings",
        t_s=10.0,
        name="thermal-slope:cell5",
    )
