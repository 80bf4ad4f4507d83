"""What can happen to an alarm, in every state: one table, written out a second time."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.detect.alarms.states import (
    Action,
    Alarm,
    AlarmEvent,
    AlarmState,
    called,
    next_state,
    with_colon,
    without_colon,
)

AS_IT_STANDS = "NEW where the condition stands, else NORMAL"

#: State -> the state after each action, in the order of ACTIONS; "." is no change.
ACTIONS = (
    "raise", "clear", "acknowledge", "shelve", "unshelve", "take out of service", "return to service",
)  # fmt: skip
AFTER = {
    "NEW": (".", "CLEARED-NEW", "ACK", "SHELVED", ".", "OUT OF SERVICE", "."),
    "ACK": ("NEW", "NORMAL", ".", "SHELVED", ".", "OUT OF SERVICE", "."),
    "CLEARED-NEW": ("NEW", ".", "NORMAL", "SHELVED", ".", "OUT OF SERVICE", "."),
    "SHELVED": (".", ".", ".", ".", AS_IT_STANDS, "OUT OF SERVICE", "."),
    "OUT OF SERVICE": (".", ".", ".", ".", ".", ".", AS_IT_STANDS),
    "NORMAL": ("NEW", ".", ".", ".", ".", ".", "."),
}  # fmt: skip

EVERY = list(product(AlarmState, Action, [False, True]))  # state, action, whether the condition stands


def expected(state: str, action: str, standing: bool) -> str:
    after = AFTER[state][ACTIONS.index(action)]
    if after == AS_IT_STANDS:
        return "NEW" if standing else "NORMAL"
    return state if after == "." else after


def alarm_of(state: AlarmState = AlarmState.NEW, latch: bool = False, standing: bool = True) -> Alarm:
    member = ("thermal-slope", 4)
    return Alarm(
        "heat", "string1", member, 3, 10.0, 11.0, latch, {member} if standing else set(), state=state
    )


def test_the_table_names_all_states_and_all_actions() -> None:
    assert set(AFTER) == {str(state) for state in AlarmState}
    assert list(ACTIONS) == [str(action) for action in Action]


@pytest.mark.parametrize(("state", "action", "standing"), EVERY)
def test_the_next_state_is_the_table_s(state: AlarmState, action: Action, standing: bool) -> None:
    assert next_state(state, action, standing) == expected(state, action, standing)


@pytest.mark.parametrize(("state", "action", "standing"), EVERY)
@pytest.mark.parametrize("latch", [False, True])
def test_an_alarm_follows_the_table_and_a_latched_one_ends_by_a_person_alone(
    state: AlarmState, action: Action, standing: bool, latch: bool
) -> None:
    alarm, after = alarm_of(state, latch, standing), expected(state, action, standing)
    if latch and action is Action.CLEAR:
        after = str(state)
    if latch and action is Action.ACKNOWLEDGE and not standing:
        after = "NORMAL"
    assert alarm.do(action) == (after != state)
    assert alarm.state == after


@pytest.mark.parametrize(
    ("tier", "severity", "priority"), [(1, "advice", 3), (2, "warning", 2), (3, "critical", 1)]
)
def test_an_alarm_is_as_severe_as_its_tier(tier: int, severity: str, priority: int) -> None:
    alarm = alarm_of()
    alarm.tier = tier
    assert (alarm.severity, alarm.priority) == (severity, priority)


def test_an_alarm_stands_while_a_channel_shows_it_and_counts_each_channel_once() -> None:
    alarm = Alarm("heat", "string1", ("thermal-slope", 4), 3, 10.0, 11.0, True)
    assert (alarm.state, alarm.until_s, alarm.said) == (AlarmState.NEW, 0.0, None)
    assert (alarm.standing, alarm.count) == (False, 0)
    alarm.members = {("thermal-slope", 4)}
    alarm.shown = {("thermal-slope", 4), ("thermal-rate", 4), ("thermal-slope", 5)}
    assert (alarm.standing, alarm.count) == (True, 2)


def test_an_event_that_says_no_more_than_it_must_stands_for_one_channel_and_is_announced() -> None:
    event = AlarmEvent("blind", "advice", "NEW", "cell5", "", 70.0, 60.0, "s", "not read", 10.0)
    kept = {
        "detector": "blind", "severity": "advice", "state": "NEW", "location": "cell5", "quantity": "",
        "value": 70.0, "limit": 60.0, "unit": "s", "text": "not read", "t_s": 10.0, "since_s": 0.0,
        "beyond_noise": 0.0, "count": 1, "expected": 0.0, "forecast": "", "evidence_for": "",
        "evidence_against": "", "config": "", "shadow": False, "name": "",
    }  # fmt: skip
    assert event.to_plain() == kept
    assert AlarmEvent.from_plain(kept) == event
    with pytest.raises(LookupError):
        AlarmEvent.from_plain({})
    with pytest.raises(TypeError):
        AlarmEvent.from_plain(kept | {"colour": "red"})


PARTS = st.text(alphabet="a:%325A", max_size=8)


@given(PARTS, PARTS)
def test_the_name_of_an_alarm_is_read_back_whatever_its_point_is_called(what: str, where: str) -> None:
    name = called(what, where)
    before, _, after = name.partition(":")
    assert (with_colon(before), after) == (what, where)
    assert ":" not in without_colon(what)


def test_a_colon_and_a_percent_sign_are_written_as_in_an_address() -> None:
    assert called("fan:100%", "module2") == "fan%3A100%25:module2"
