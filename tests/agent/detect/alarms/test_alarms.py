"""The states of an alarm, and one cause as one alarm."""

import pytest

from agent.detect.alarms.states import Action, AlarmEvent, AlarmState, next_state
from tests.agent.detect.racks import feed, healthy, raised, watch_of


@pytest.mark.parametrize(
    ("start", "story", "end"),
    [
        (AlarmState.NORMAL, [Action.RAISE], AlarmState.NEW),
        (AlarmState.NEW, [Action.ACKNOWLEDGE, Action.CLEAR], AlarmState.NORMAL),
        (AlarmState.NEW, [Action.CLEAR], AlarmState.CLEARED_NEW),
        (AlarmState.NEW, [Action.CLEAR, Action.ACKNOWLEDGE], AlarmState.NORMAL),
        (AlarmState.NEW, [Action.CLEAR, Action.RAISE], AlarmState.NEW),
        (AlarmState.ACK, [Action.RAISE], AlarmState.NEW),  # worse than what was acknowledged
        (AlarmState.NEW, [Action.SHELVE, Action.CLEAR, Action.RAISE], AlarmState.SHELVED),
        (AlarmState.NEW, [Action.REMOVE, Action.RAISE, Action.ACKNOWLEDGE], AlarmState.OUT_OF_SERVICE),
    ],
)
def test_states_follow_what_happens(start: AlarmState, story: list[Action], end: AlarmState) -> None:
    state = start
    for what in story:
        state = next_state(state, what, standing=True)
    assert state is end


@pytest.mark.parametrize("standing", [True, False])
def test_what_was_put_aside_comes_back_as_its_condition_is(standing: bool) -> None:
    expected = AlarmState.NEW if standing else AlarmState.NORMAL
    assert next_state(AlarmState.SHELVED, Action.UNSHELVE, standing) is expected
    assert next_state(AlarmState.OUT_OF_SERVICE, Action.RETURN, standing) is expected


def test_a_place_that_heats_raises_one_alarm_however_many_sensors_follow() -> None:
    watch = watch_of(0, 16)
    frames = healthy(900, 0, 16)
    for follower, share in ((2, 0.5), (3, 1.0), (4, 0.6)):
        frames[300:, follower] += share * 1.5 * (frames[300:, 0] * 0 + range(600)) / 60.0
    events = feed(watch, frames.round(1))
    assert {place for _, _, place in raised(events)} == {"string1/module1/sensor4"}
    assert watch.active()[0].count >= 2


def test_an_alarm_that_stands_does_not_clear_while_its_sensor_is_not_seen() -> None:
    watch = watch_of(0, 8)
    frames = healthy(4000, 0, 8)
    frames[300:600, 2] += 2.0 * (frames[300:600, 0] * 0 + range(300)) / 60.0
    frames[600:, 2] = float("nan")
    events = feed(watch, frames.round(1))
    slope = [e for e in events if e.detector == "thermal-slope"]
    assert slope
    assert {e.state for e in slope} == {"NEW"}
    assert "thermal-slope" in {e.detector for e in watch.active()}
    assert ("blind", "advice", "string1/module1/sensor3") in raised(events)


def test_an_alarm_is_kept_over_a_restart_under_the_keys_that_version_0_1_0_wrote() -> None:
    kept = {"detector": "thermal-slope", "severity": "critical", "state": "NEW", "location": "cell5",
            "quantity": "cell_temperature", "value": 1.4, "limit": 0.5, "unit": "K/min", "text": "hot",
            "t_s": 10.0}  # fmt: skip
    event = AlarmEvent.from_plain(kept)
    assert event.value_unit == "K/min"
    assert event.to_plain().items() >= kept.items()
    assert "value_unit" not in event.to_plain()
