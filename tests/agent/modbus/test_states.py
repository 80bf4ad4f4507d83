"""The table of a unit's states: what its theory says holds of every row, and a polled unit keeps to it."""

import random

import pytest
from simulated_line import Simulation, mute, sealed, well
from test_sameness import PROFILE as MARKED
from test_sameness import of

from agent.modbus.states import CONVERSING, KNOWN, POLLED, PROBED, TABLE, Event, State, after
from agent.modbus.unit import Unit
from drivers.profile.load import parse_profile
from tests.agent.modbus.test_unit import FAULTS, NAMED, Held, another

SCALED = parse_profile(
    """
    schema = 1
    model = "scaled"
    [[point]]
    name = "v_sf"
    address = 150
    type = "i16"
    missing = 0x8000
    poll = "identity"
    [[point]]
    name = "cell_voltage"
    address = 100
    scale_factor = "v_sf"
    unit = "V"
    """
)


def reached(start: State) -> set[State]:
    found, new = {start}, {start}
    while new:
        new = {state for before in new for state in TABLE[before].values()} - found
        found |= new
    return found


@pytest.mark.parametrize("state", State)
def test_every_state_can_be_reached_from_every_other(state: State) -> None:
    assert reached(state) == set(State)


@pytest.mark.parametrize("state", State)
def test_a_lost_request_leads_to_a_probe_and_only_its_answer_leads_out(state: State) -> None:
    assert after(state, Event.LOST) in PROBED
    if state in PROBED:
        out = {event for event, then in TABLE[state].items() if then not in PROBED}
        assert out == {Event.ANSWERED_PROBE}


@pytest.mark.parametrize("state", State)
def test_what_a_unit_is_is_forgotten_only_when_it_says_something_else(state: State) -> None:
    gained = {event for event, then in TABLE[state].items() if state not in KNOWN and then in KNOWN}
    lost = {event for event, then in TABLE[state].items() if state in KNOWN and then not in KNOWN}
    assert gained <= {Event.UNDERSTOOD}
    assert lost <= {Event.OTHER_KIND, Event.CHANGED}


@pytest.mark.parametrize("state", State)
def test_nothing_that_breaks_off_leaves_a_conversation(state: State) -> None:
    assert after(state, Event.BROKEN_OFF) not in CONVERSING
    assert POLLED <= KNOWN


@pytest.mark.parametrize("state", State)
def test_each_event_leads_where_the_theory_says(state: State) -> None:
    for event, then in TABLE[state].items():
        if event in {Event.ASKED_WHO, Event.ASKED_MARK}:
            assert then in CONVERSING
            assert after(then, event) is then  # asked once more, it goes on
        else:
            assert then not in CONVERSING
        if event in {Event.OTHER_KIND, Event.CHANGED}:
            assert then not in KNOWN
        if then in PROBED:
            assert state in PROBED or event is Event.LOST


def test_an_event_that_cannot_be_is_an_error() -> None:
    with pytest.raises(KeyError):
        after(State.POLLING, Event.UNDERSTOOD)


@pytest.mark.parametrize("has_transaction_ids", [True, False])
def test_a_unit_is_known_in_the_states_that_say_so_and_visits_all_of_them(has_transaction_ids: bool) -> None:
    visited = set()

    def look(unit: Unit) -> None:
        visited.add(unit.state)
        own = unit.connection is not None and not unit.connection.foreign
        assert own == (unit.state in KNOWN)

    for seed in range(8):
        dice, line, held = random.Random(seed), Simulation(), Held()
        profile = NAMED if seed % 2 else MARKED
        unit = line.unit(1, profile=profile, has_transaction_ids=has_transaction_ids)
        line.start(unit)
        faults = [FAULTS[name](held) for name in sorted(FAULTS)]
        for _ in range(25):
            behave = dice.choice([well, of(b"SN-1"), of(b"SN-2"), mute, another, dice.choice(faults)])
            line.behaviour[1] = lambda q, r, unit=unit, behave=behave: look(unit) or behave(q, r)
            for _ in range(dice.choice([20, 200])):
                line.run(0.05)
                look(unit)
    assert visited == set(State)


def test_a_unit_on_a_serial_line_that_has_nothing_to_be_polled_is_no_mistake() -> None:
    """Its scale factor is refused, so none of its values can be read: no read can be probed with."""
    line = Simulation()
    unit = line.unit(1, profile=SCALED)
    line.behaviour[1] = lambda _q, r: [(0.01, sealed(r[:1] + b"\x83\x02"))]
    line.start(unit)
    line.run(5)
    assert unit.state is State.POLLING
    assert len(line.frames) > 1
