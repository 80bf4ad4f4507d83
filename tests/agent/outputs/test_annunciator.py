"""What drops the relay, and what does not."""

from dataclasses import replace

import pytest

from agent.detect.alarms.states import AlarmEvent, AlarmState
from agent.outputs.annunciator import Annunciator

HOT = (
    "rack-1 cell 5, NEW: TAKE LOAD AND CHARGE OFF. Do not open it."
    " Cell 5 heats 1.4 K/min faster than its siblings"
)


@pytest.fixture
def seen() -> Annunciator:
    annunciator = Annunciator(["rack-1"])
    annunciator.sight("rack-1", "LIVE")
    return annunciator


def test_nothing_is_well_before_every_unit_was_seen() -> None:
    annunciator = Annunciator(["rack-1", "rack-2"])
    annunciator.sight("rack-1", "LIVE")
    assert annunciator.reasons(0.0) == ["rack-2: NEVER"]


@pytest.mark.parametrize(
    ("change", "heard"),
    [
        ({}, True),
        ({"state": AlarmState.ACK}, True),  # acknowledged, but it stands
        ({"state": AlarmState.CLEARED_NEW}, True),  # over, but nobody knows of it
        ({"state": AlarmState.SHELVED}, False),
        ({"state": AlarmState.OUT_OF_SERVICE}, False),
        ({"severity": "warning"}, False),
    ],
)
def test_a_critical_alarm_is_heard_until_it_is_over_and_acknowledged(
    seen: Annunciator, hot: AlarmEvent, change: dict[str, str], heard: bool
) -> None:
    seen.alarms("rack-1", [replace(hot, **change)])
    assert bool(seen.reasons(0.0)) is heard
    seen.alarms("rack-1", [])
    assert seen.reasons(0.0) == []


@pytest.mark.parametrize(("knowledge", "dropped"), [("PARTIAL", False), ("STALE", False), ("BLIND", True)])
def test_a_unit_out_of_sight_is_no_all_is_well(seen: Annunciator, knowledge: str, dropped: bool) -> None:
    seen.sight("rack-1", knowledge)
    assert bool(seen.reasons(0.0)) is dropped


def test_a_test_alarm_ends_by_itself_and_hides_no_alarm(seen: Annunciator, hot: AlarmEvent) -> None:
    seen.test(until_s=20.0)
    seen.alarms("rack-1", [hot])
    assert seen.reasons(19.9) == [HOT, "drill"]
    assert seen.reasons(20.0) == [HOT]
