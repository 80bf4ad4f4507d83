"""What the agent says of itself: one alarm for each thing that is wrong, until it is said to be over."""

import threading

import pytest

from agent.alarms.own import RENEWED_WITHIN_S
from agent.alarms.record import about_itself
from agent.alarms.site import NoSuchAlarm, Person, SiteAlarms
from agent.clock import Stamp
from agent.detect.alarms.states import Action
from agent.runtime.restart_state import RestartState
from agent.runtime.snapshot import Snapshot
from agent.store.ledger import Event
from tests.agent.runtime.test_kept import SetClock
from tests.agent.store.buffers import BOOT, words

ME = Person(0, "me")
SAID = words("the pin cannot be driven")
Rows = dict[str, bytes]


class Life:
    """The alarms of a site without units, and what is kept of it."""

    def __init__(self, clock: SetClock, rows: Rows | None = None) -> None:
        self.clock, self.recorded = clock, list[Event]()
        self.site_alarms = SiteAlarms({"": ""}, {}, lambda _, events: self.recorded.extend(events), clock)
        self.restart_state = RestartState(rows or {}, self.site_alarms, clock)

    def states(self) -> dict[str, str]:
        return {str(name): event.state for name, event in self.site_alarms.all_active()}

    def rows(self) -> Rows:
        return dict(self.restart_state.due())


@pytest.fixture
def life() -> Life:
    return Life(SetClock())


def state_of(events: list[Event]) -> list[str]:
    return [event.record["state"] for event in events]


def test_one_that_stands_is_renewed_without_a_new_event_and_ends_when_it_is_over(life: Life) -> None:
    site_alarms = life.site_alarms
    for place in ("relay1", "relay2"):
        found = site_alarms.about_itself("relay_trouble", SAID, severity="warning", location=place)
        assert state_of(found) == ["NEW"]
    life.clock.pass_s(60.0)
    assert (
        site_alarms.about_itself(
            "relay_trouble", words("the chip is gone"), severity="warning", location="relay1"
        )
        == []
    )
    assert life.states() == {":relay_trouble:relay1": "NEW", ":relay_trouble:relay2": "NEW"}
    texts = {event.location: (event.text, event.severity) for _, event in site_alarms.all_active()}
    assert texts == {"relay1": ("the chip is gone", "warning"), "relay2": (SAID.text, "warning")}
    site_alarms.do(Action.ACKNOWLEDGE, ":relay_trouble:relay1", ME)
    assert site_alarms.about_itself("relay_trouble", SAID, severity="warning", location="relay1") == [], (
        "as it was"
    )
    assert state_of(site_alarms.about_itself("relay_trouble", SAID, location="relay1")) == ["NEW"], (
        "it is worse"
    )
    site_alarms.do(Action.ACKNOWLEDGE, ":relay_trouble:relay1", ME)
    assert state_of(site_alarms.over("relay_trouble", "relay1")) == ["NORMAL"]
    assert state_of(site_alarms.over("relay_trouble", "relay2")) == ["CLEARED-NEW"], "nobody has seen it"
    assert site_alarms.over("relay_trouble", "relay2") == site_alarms.over("relay_trouble") == []
    assert life.states() == {":relay_trouble:relay2": "CLEARED-NEW"}
    site_alarms.do(Action.ACKNOWLEDGE, ":relay_trouble:relay2", ME)
    assert life.states() == {}
    said = [r.record["state"] for r in life.recorded if r.record["kind"] == "alarm"]
    assert said == ["ACK", "ACK", "NORMAL"], "what people did is recorded"


@pytest.mark.parametrize("detector", ["buffer_damaged", "collector_lost"])
def test_what_happens_once_waits_to_be_seen_and_happens_again(life: Life, detector: str) -> None:
    for _ in range(2):
        assert state_of(life.site_alarms.about_itself(detector, words("it happened"))) == ["NEW"]
    assert life.states() == {f":{detector}:": "NEW"}
    life.site_alarms.do(Action.ACKNOWLEDGE, f":{detector}:", ME)
    assert life.states() == {}


def test_one_is_shelved_alone_and_comes_back(life: Life) -> None:
    for place in ("a", "b"):
        life.site_alarms.about_itself("relay_trouble", SAID, location=place)
    life.site_alarms.do(Action.SHELVE, ":relay_trouble:a", ME, until_s=life.clock.t_s + 60.0)
    assert life.states() == {":relay_trouble:a": "SHELVED", ":relay_trouble:b": "NEW"}
    with pytest.raises(NoSuchAlarm):
        life.site_alarms.do(Action.SHELVE, ":relay_trouble:", ME, until_s=life.clock.t_s + 60.0)
    life.clock.pass_s(61.0)
    life.site_alarms.unshelve_due()
    assert life.states() == {":relay_trouble:a": "NEW", ":relay_trouble:b": "NEW"}


def test_threads_raise_one_alarm_among_them(life: Life) -> None:
    events: list[Event] = []
    everyone = threading.Barrier(8)

    def speak(number: int) -> None:
        everyone.wait()
        for turn in range(100):
            events.extend(life.site_alarms.about_itself("uplink", words(f"{turn}"), location=str(number % 2)))
            life.site_alarms.own.to_plain()

    threads = [threading.Thread(target=speak, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(events) == 2
    assert sorted(life.states()) == [":uplink:0", ":uplink:1"]


def test_over_a_restart_one_stays_until_it_is_renewed_or_nobody_speaks_of_it(life: Life) -> None:
    for place in ("still", "over", "gone", "seen"):
        life.site_alarms.about_itself("relay_trouble", SAID, location=place)
    life.site_alarms.do(Action.ACKNOWLEDGE, ":relay_trouble:seen", ME)
    clock, rows = life.clock, life.rows()
    clock.reboot(60.0)
    life = Life(clock, rows)
    before = {f":relay_trouble:{place}": "NEW" for place in ("still", "over", "gone")}
    assert life.states() == {**before, ":relay_trouble:seen": "ACK"}
    assert life.site_alarms.about_itself("relay_trouble", SAID, location="still") == []
    assert life.site_alarms.about_itself("relay_trouble", SAID, location="seen") == []
    assert state_of(life.site_alarms.over("relay_trouble", "over")) == ["CLEARED-NEW"]
    clock.pass_s(RENEWED_WITHIN_S + 1.0)
    life.site_alarms.unshelve_due()
    assert life.states() == {
        ":relay_trouble:still": "NEW",
        ":relay_trouble:seen": "ACK",
        ":relay_trouble:over": "CLEARED-NEW",
        ":relay_trouble:gone": "CLEARED-NEW",
    }
    assert state_of(life.recorded) == ["CLEARED-NEW"]


def test_those_that_version_0_1_0_kept_are_taken(life: Life) -> None:
    said = [
        about_itself(one, SAID, Stamp(900 * 10**9, 1, True)).to_plain() for one in ("relay_trouble", "test")
    ]
    row = Snapshot({"books": {}, "own": said, "standing": None}, life.clock.stamp(), BOOT).to_bytes()
    life.clock.pass_s(5.0)
    life = Life(life.clock, {":alarms": row})
    assert life.states() == {":relay_trouble:": "NEW", ":test:": "NEW"}
    assert {event.t_s for _, event in life.site_alarms.all_active()} == {900.0}
    life.site_alarms.do(Action.ACKNOWLEDGE, ":test:", ME)
    assert life.states() == {":relay_trouble:": "NEW"}
