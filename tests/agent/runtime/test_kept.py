"""What is kept in a real buffer, from one life of an agent to the next: other boots, clocks, ages, units."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.alarms.site import Person, SiteAlarms
from agent.clock import Clock, Stamp
from agent.detect import identity
from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import Action
from agent.detect.unit import UnitJudges
from agent.detect.unseen import Unseen
from agent.runtime.learned_states import SAVED_AT_MOST_EVERY_S, UNKNOWN_GAP_S
from agent.runtime.restart_state import ALARMS, STATE, RestartState
from agent.runtime.snapshot import BadSnapshot, Snapshot
from agent.store.account import BufferSettings
from agent.store.ledger import Event
from agent.store.store import Store
from agent.store.upstream import MAIN
from tests.agent.store.buffers import BOOT, own_alarm, words

DAY_S = 86_400.0
ME = Person(0, "me")


class SetClock(Clock):
    """A clock that is set."""

    def __init__(self) -> None:
        self.boot_id, self.t_s, self.utc_s, self.synced = BOOT, 1000.0, 1.8e9, True

    def boottime_s(self) -> float:
        return self.t_s

    def stamp(self) -> Stamp:
        return Stamp(int(self.t_s * 1e9), int(self.utc_s * 1e9), self.synced)

    def pass_s(self, seconds: float) -> None:
        self.t_s += seconds
        self.utc_s += seconds

    def reboot(self, down_s: float, up_s: float = 30.0) -> None:
        self.boot_id = bytes(b ^ 1 for b in self.boot_id)
        self.t_s = up_s
        self.utc_s += down_s + up_s


class Values:
    """Four cells and four sensors."""

    def __init__(self, step: float = 0.001) -> None:
        self.places = [f"cell{i}" for i in range(8)]
        self.quantities = ["cell_voltage"] * 4 + ["cell_temperature"] * 4
        self.resolution, self.limits = np.full(8, step), np.tile([-np.inf, np.inf], (8, 3, 1))
        self.changes_within_s, self.sayings = np.full(8, np.inf), ()

    @staticmethod
    def alarms(raw: np.ndarray, quality: np.ndarray) -> list[tuple[int, str, str, str]]:
        return []


class Life:
    """One life of an agent: its alarms, its judges, what it keeps."""

    def __init__(self, store: Store, clock: SetClock, *units: str, values: Values | None = None) -> None:
        self.store, self.clock, self.events = store, clock, list[Event]()
        self.site_alarms = SiteAlarms(
            {**dict.fromkeys(units, ""), "": ""}, {}, lambda _, e: self.events.extend(e), clock
        )
        self.restart_state = RestartState(store.snapshots(), self.site_alarms, clock)
        self.restart_state.expect(units)
        self.identity = {unit: self.restart_state.book(unit, "identity") for unit in units}
        self.judges = {unit: UnitJudges(values or Values(), 1.0) for unit in units}
        for unit, judges in self.judges.items():
            self.site_alarms.watch(unit, {"identity": self.identity[unit]})
            over = self.restart_state.begin(unit, judges)
            self.site_alarms.watch(unit, judges.books)
            self.site_alarms.found(unit, clock.stamp(), over)

    def poll(self, n: int, **away: float) -> None:
        rng = np.random.default_rng(int(self.clock.t_s))
        for _ in range(n):
            self.clock.pass_s(1.0)
            for unit, judges in self.judges.items():
                si = np.array([3.3] * 4 + [25.0] * 4) + 0.001 * rng.integers(-2, 3, 8)
                si[4] += away.get(unit, 0.0)
                quality = np.zeros(8, np.uint8)
                raw = np.round(1000 * si).astype(np.int64)
                found = judges.judge(self.clock.t_s, raw, quality, lambda _marked, si=si: si)
                self.site_alarms.found(unit, self.clock.stamp(), found)

    def commit(self) -> list[str]:
        rows = self.restart_state.due()
        self.store.seal((), (), rows)
        self.restart_state.written(rows)
        return sorted(rows)

    def stop(self) -> None:
        self.restart_state.keep_all()
        self.commit()

    def said(self, unit: str = "rack") -> str:
        return self.restart_state.origin(unit).said

    def states(self) -> dict[str, str]:
        return {str(name): event.state for name, event in self.site_alarms.all_active()}


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def live(tmp_path: Path, clock: SetClock) -> Callable[..., Life]:
    store = Store(tmp_path / "buffer.db", "agent-1", BOOT, [MAIN], own_alarm, BufferSettings())
    return lambda *units, **values: Life(store, clock, *(units or ("rack",)), **values)


def foreign(life: Life, unit: str = "rack") -> None:
    """Raise an alarm."""
    found = identity.judge(life.identity[unit], "another battery", life.clock.t_s)
    life.site_alarms.found(unit, life.clock.stamp(), found)


@pytest.mark.parametrize(("synced", "down_s", "early_s"), [(True, 900.0, 0.0), (False, -5000.0, 970.0)])
def test_a_shelved_alarm_comes_back_at_its_time_after_a_reboot_too(
    live: Callable[..., Life], clock: SetClock, synced: bool, down_s: float, early_s: float
) -> None:
    life = live()
    foreign(life)
    life.site_alarms.do(Action.SHELVE, "rack:identity:", ME, until_s=clock.t_s + 3600.0)
    life.commit()
    clock.reboot(down_s)  # without a clock that knows, the time away cannot count
    clock.synced = synced
    life = live()
    assert life.states() == {"rack:identity:": "SHELVED"}
    left_s = 3600.0 - (930.0 if synced else 30.0)
    clock.pass_s(left_s - 1.0)
    life.site_alarms.unshelve_due()
    assert life.states() == {"rack:identity:": "SHELVED"}
    clock.pass_s(2.0)
    life.site_alarms.unshelve_due()
    assert life.states() == {"rack:identity:": "NEW"}
    assert [e.record["state"] for e in life.events] == ["NEW"]


def test_alarms_go_to_disk_when_they_change_and_only_then(live: Callable[..., Life]) -> None:
    life = live()
    assert life.commit() == []
    foreign(life)
    assert life.commit() == [f"rack:{ALARMS}"]
    assert life.commit() == []
    life.site_alarms.do(Action.ACKNOWLEDGE, "rack:identity:", ME)
    assert life.commit() == [f"rack:{ALARMS}"]
    life = live()
    assert life.states() == {"rack:identity:": "ACK"}
    assert life.commit() == [], "nothing has changed"
    life.site_alarms.found("rack", life.clock.stamp(), identity.judge(life.identity["rack"], "", 2000.0))
    assert life.states() == {}
    life.commit()
    assert life.store.snapshots() == {}


def test_what_the_agent_said_of_itself_waits_for_somebody_over_a_restart(live: Callable[..., Life]) -> None:
    life = live()
    life.site_alarms.about_itself("buffer_damaged", words("a new one was begun"))
    life.commit()
    life = live()
    assert life.states() == {":buffer_damaged:": "NEW"}
    life.site_alarms.do(Action.ACKNOWLEDGE, ":buffer_damaged:", ME)
    life.commit()
    assert live().states() == {}


def test_states_go_to_disk_one_at_a_time_and_ever_more_seldom(
    live: Callable[..., Life], clock: SetClock
) -> None:
    life = live("a", "b")
    life.poll(3)
    clock.pass_s(SAVED_AT_MOST_EVERY_S)
    assert life.commit() == [f"a:{STATE}"]
    assert life.commit() == [f"b:{STATE}"]
    assert life.commit() == []
    writes, began_s = 0, clock.t_s
    while clock.t_s < began_s + 10 * DAY_S:
        clock.pass_s(600.0)
        writes += f"a:{STATE}" in life.commit()
    assert 15 <= writes <= 24, "hourly at first, daily after days"


def test_a_unit_with_nothing_to_save_does_not_keep_the_states_of_others_from_the_disk(
    live: Callable[..., Life], clock: SetClock
) -> None:
    life = live("a", "b", "c", "d")
    life.restart_state.expect(["b", "c", "d"])  # a was removed
    del life.judges["b"]  # connected, and no frame came yet
    life.poll(3)
    life.restart_state.forget("c")  # exchanged, and the new one is not connected yet
    clock.pass_s(SAVED_AT_MOST_EVERY_S)
    assert [life.commit(), life.commit()] == [[f"d:{STATE}"], []]
    life.restart_state.anew()
    assert [life.commit(), life.commit()] == [[f"d:{STATE}"], []]
    life.stop()
    assert set(life.store.snapshots()) == {f"d:{STATE}"}


def test_a_state_that_the_disk_refused_is_due_again(live: Callable[..., Life], clock: SetClock) -> None:
    life = live("a", "b")
    life.poll(3)
    clock.pass_s(SAVED_AT_MOST_EVERY_S)
    assert list(life.restart_state.due()) == [f"a:{STATE}"]  # and nobody says that it is on disk
    assert [life.commit(), life.commit()] == [[f"a:{STATE}"], [f"b:{STATE}"]]


def test_a_unit_exchanged_while_its_state_is_being_saved_is_saved_at_once(
    live: Callable[..., Life], clock: SetClock
) -> None:
    life = live()
    life.poll(3)
    clock.pass_s(SAVED_AT_MOST_EVERY_S)
    rows = life.restart_state.due()
    life.restart_state.forget("rack")
    life.judges["rack"] = UnitJudges(Values(), 1.0)
    life.restart_state.begin("rack", life.judges["rack"])
    life.restart_state.written(rows)
    life.poll(1)
    assert life.commit() == [f"rack:{STATE}"], "the state on disk is the old one's"
    assert life.commit() == []


@pytest.mark.parametrize(
    ("down_s", "synced", "said"),
    [
        (3600.0, True, "goes on with the state of"),
        (40 * DAY_S, True, "the state that was kept is 40 days old"),
        (-3 * DAY_S, False, "goes on with the state of"),
        (-3 * DAY_S, True, "goes on with the state of"),
    ],
)
def test_a_state_is_good_for_a_month_whatever_the_clock_says(
    live: Callable[..., Life], clock: SetClock, down_s: float, synced: bool, said: str
) -> None:
    life = live()
    life.poll(700)
    life.stop()
    clock.reboot(down_s)
    clock.synced = synced
    life = live()
    assert said in life.said()
    if not synced or down_s < 0:
        assert clock.t_s - life.judges["rack"].watch.t_s >= UNKNOWN_GAP_S, "no lag reaches across"
    seconds = life.judges["rack"].watch._banks.cells.state[:, 4:8].max()
    assert (seconds >= 699.0) == ("goes on" in said)
    before = len(life.events)
    life.poll(700)
    assert not life.events[before:], "and no alarm of it"


def test_another_layout_begins_anew_and_the_first_is_known_again(live: Callable[..., Life]) -> None:
    life = live()
    life.poll(100)
    life.stop()
    life = live(values=Values(step=0.01))
    assert life.said() == "learning anew: the state that was kept is of other values"
    life.poll(5)
    over = life.restart_state.begin("rack", UnitJudges(Values(), 1.0))
    assert over == []
    assert "goes on with the state of" in life.said()


def test_what_is_kept_of_a_unit_that_is_gone_goes(live: Callable[..., Life]) -> None:
    life = live("a", "b")
    life.poll(3)
    foreign(life, "b")
    life.stop()
    assert set(life.store.snapshots()) == {f"a:{STATE}", f"b:{STATE}", f"b:{ALARMS}"}
    life = live("a")
    life.commit()
    assert set(life.store.snapshots()) == {f"a:{STATE}"}


def test_who_was_out_of_sight_is_known_after_a_restart_and_who_was_not_too(live: Callable[..., Life]) -> None:
    life = live("seen", "late", "gone")
    life.poll(3)
    life.restart_state.in_vain_s["late"] = 20.0
    unseen = Unseen(AlarmBook())
    unseen.judge(life.clock.t_s, None, 10.0, "", named=False)
    raised = unseen.judge(life.clock.t_s + 60, None, 10.0, "", named=False)
    life.site_alarms.watch("gone", {"unseen": unseen.book})
    assert raised
    life.stop()
    life = live("seen", "late", "gone", "new")
    found = {unit for unit in ("seen", "late", "gone", "new") if life.restart_state.unseen(unit)}
    assert found == {"late", "gone"}


def test_an_alarm_that_stands_is_one_alarm_and_a_latched_one_stays(live: Callable[..., Life]) -> None:
    life = live()
    life.poll(700)
    for k in range(60):
        life.poll(1, rack=float(k))
    before = life.states()
    assert "critical" in {event.severity for _, event in life.site_alarms.all_active()}
    life.commit()  # and the power is cut
    life = live()
    assert life.states() == before
    life.poll(60, rack=59.0)
    stands = life.states()
    # to a restart after a power cut it is a sensor that is found far above its siblings
    assert stands.pop("rack:unproven-heat:cell4") == "NEW"
    assert stands == before
    life.poll(1500)
    assert life.states(), "nobody has seen it"


@pytest.mark.parametrize("blob", [b"", b"\0" * 40, b"\x28\xb5\x2f\xfd", b"text"])
def test_what_is_no_snapshot_is_refused(blob: bytes) -> None:
    with pytest.raises(BadSnapshot):
        Snapshot.from_bytes(blob)


def test_each_bit_of_a_snapshot_counts_and_a_newer_format_is_named() -> None:
    good = Snapshot({"a": [1.5, b"\0" * 300]}, Stamp(1, 2, True), BOOT)
    blob = good.to_bytes()
    assert Snapshot.from_bytes(blob) == good
    for at in range(len(blob)):
        with pytest.raises(BadSnapshot):
            Snapshot.from_bytes(blob[:at] + bytes([blob[at] ^ 4]) + blob[at + 1 :])


def test_simulated_time_and_real_time_do_not_meet(
    live: Callable[..., Life], clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = live()
    life.poll(3)
    life.stop()
    real = clock.stamp
    monkeypatch.setattr(clock, "stamp", lambda: replace(real(), simulated=True))
    assert "simulated and real do not meet" in live().said()


def test_rows_of_a_version_that_says_it_otherwise_are_refused_and_the_agent_lives(
    live: Callable[..., Life], clock: SetClock
) -> None:
    life = live()
    odd = Snapshot({"kept": {"layout": "x"}, "since_utc_ns": 1}, clock.stamp(), BOOT).to_bytes()
    older = Snapshot({"books": {"identity": [{"name": "x"}]}}, clock.stamp(), BOOT).to_bytes()
    life.store.seal((), (), {f"rack:{STATE}": odd, f"rack:{ALARMS}": older})
    assert "is not readable" in live().said()
