"""An alarm is told from every other, and what a person does touches what he named and nothing else."""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.alarms.record import AlarmId, NoSuchAlarm
from agent.alarms.site import Person, SiteAlarms
from agent.control.api import alarms_of
from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import Action, AlarmEvent, called
from agent.detect.channels import distinct
from agent.detect.reported import Reported, Saying
from agent.detect.rows import rows_of
from agent.detect.settings import Settings
from agent.detect.table import Row
from agent.detect.unit import UnitJudges
from agent.outputs.annunciator import Annunciator
from agent.outputs.relay import Relay
from agent.runtime.restart_state import RestartState
from agent.store.account import BufferSettings
from agent.store.ledger import Event
from agent.store.store import Store
from agent.store.upstream import MAIN
from agent.view.headline import headline
from drivers.connect import assume
from drivers.layout import Layout
from drivers.profile.load import load_profile, shipped_profiles
from tests.agent.control.test_control import Lamp
from tests.agent.detect.racks import feed, healthy, watch_of
from tests.agent.runtime.test_kept import SetClock
from tests.agent.store.buffers import BOOT, own_alarm
from tests.agent.view.sites import NOW

ME = Person(0, "me")
VECTORS = Path(__file__).parents[2] / "vectors" / "0.1.0"
STRANGE = ["", "rack-1", "a:b", ":", "%", "%3A", "%25", "room/rack 1", "Zelle ü", "1::2"]


@pytest.mark.parametrize("unit", STRANGE)
def test_an_id_is_read_back_as_it_was_written(unit: str) -> None:
    for what in STRANGE:
        for where in STRANGE:
            alarm = AlarmId(unit, called(what, where))
            assert AlarmId.parse(str(alarm)) == alarm
    ids = {str(AlarmId(u, called(w, p))) for u in STRANGE for w in STRANGE for p in STRANGE}
    assert len(ids) == len(STRANGE) ** 3


@pytest.mark.parametrize("text", ["", "rack-1", "rack-1:blind"])
def test_what_cannot_be_an_alarm_is_refused(text: str) -> None:
    with pytest.raises(NoSuchAlarm, match="UNIT:DETECTOR:LOCATION"):
        AlarmId.parse(text)


class Site:
    """The alarms of a site with a relay and one unit, and who it told of what happened."""

    def __init__(self, *units: str, clock: SetClock | None = None) -> None:
        self.clock, self.events, self.lamp = clock or SetClock(), list[Event](), Lamp()
        self.relay = Relay(Annunciator(units), self.lamp, self.clock.boottime_s)
        racks = {**dict.fromkeys(units, ""), "": ""}
        self.site_alarms = SiteAlarms(
            racks, {"relay": self.relay}, lambda _, e: self.events.extend(e), self.clock
        )
        self.site_alarms.sights((unit, "LIVE") for unit in units)

    def listed(self) -> dict[str, dict[str, Any]]:
        """What `cellwarden alarm list --json` says, without ages."""
        found = alarms_of(self.site_alarms, self.clock.t_s)
        assert len({alarm["id"] for alarm in found}) == len(found)
        return {alarm["id"]: alarm for alarm in found}

    def said(self) -> dict[str, str]:
        """The last state of each alarm that anything happened to."""
        return {e.record["id"]: e.record["state"] for e in self.events if e.record["kind"] == "alarm"}

    def upstream(self) -> dict[str, str]:
        """What is not over, to someone who hears of what happens only."""
        return {name: state for name, state in self.said().items() if state != "NORMAL"}

    def states(self) -> dict[str, str]:
        return {name: alarm["state"] for name, alarm in self.listed().items()}

    def condition(self) -> str:
        units = [{"name": "u", "knowledge": "LIVE"}]
        return headline(units, list(self.listed().values()), NOW)["condition"]


def report(site: Site, layout: Layout, sayings: Sequence[Saying]) -> Reported:
    """Let a unit say some alarms."""
    reported = Reported(layout.places, layout.quantities, layout.sayings, lambda raw, quality: sayings)
    site.site_alarms.watch("u", {"reported": reported.book})
    raw, quality = np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8)
    site.site_alarms.found("u", site.clock.stamp(), reported.judge(site.clock.t_s, raw, quality))
    return reported


@pytest.mark.parametrize("name", [name for name in shipped_profiles() if "sunspec" not in name])
def test_of_all_that_a_unit_can_report_at_once_one_is_shelved(name: str) -> None:
    layout = assume(load_profile(name))
    site = Site("u")
    report(site, layout, layout.sayings)
    before = site.listed()
    assert len(before) == len(layout.sayings) > 0
    criticals = [one for one, alarm in before.items() if alarm["severity"] == "critical"]
    for one in [*before][:: max(1, len(before) // 7)]:
        site.site_alarms.do(Action.SHELVE, one, ME, until_s=site.clock.t_s + 60.0)
        after = site.listed()
        assert [other for other in before if before[other] != after[other]] == [one]
        heard = bool(criticals) and criticals != [one]
        assert (site.condition() == "ALARM", not site.lamp.lit) == (heard, heard)
        assert site.states() == site.upstream()
        site.site_alarms.do(Action.UNSHELVE, one, ME)
    site.site_alarms.do(Action.ACKNOWLEDGE, [*before][-1], ME)
    assert Counter(site.states().values()) == {"NEW": len(before) - 1, "ACK": 1} or len(before) == 1


def reworded(layout: Layout, words: str) -> list[Saying]:
    """What a layout says after somebody translated its profile."""
    return [(index, name, severity, words) for index, name, severity, _ in layout.sayings]


def test_words_are_no_identity_and_an_alarm_goes_on_in_new_ones() -> None:
    layout = assume(load_profile("pace-rtu"))
    site = Site("u")
    reported = report(site, layout, layout.sayings[:2])
    (first, second), nothing = site.states(), (np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8))
    assert (first, second) == ("u:warning_flags.bit1:", "u:warning_flags.bit0:")[::-1]
    site.site_alarms.do(Action.ACKNOWLEDGE, first, ME)
    sayings = reworded(layout, "Zellspannung")
    other = Reported(layout.places, layout.quantities, sayings, lambda raw, quality: sayings[:2])
    other.book = reported.book
    assert other.stand_again(reported.said(), 0.0) == []
    assert other.judge(site.clock.t_s, *nothing) == []
    assert site.states() == {first: "ACK", second: "NEW"}
    assert {alarm["text"] for alarm in site.listed().values()} == {"The unit itself reports: Zellspannung."}


def test_a_profile_that_says_worse_of_a_bit_that_stands_is_heard() -> None:
    layout = assume(load_profile("pace-rtu"))
    site = Site("u")
    reported = report(site, layout, layout.sayings[:1])
    site.site_alarms.do(Action.ACKNOWLEDGE, *site.states(), ME)
    worse = [(index, name, "critical", text) for index, name, _, text in layout.sayings]
    other = Reported(layout.places, layout.quantities, worse, lambda raw, quality: worse[:1])
    other.book = reported.book
    over = other.stand_again(reported.said(), 0.0)
    events = other.judge(site.clock.t_s, np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8))
    assert [(e.state, e.severity) for e in over + events] == [("NEW", "critical")]


def test_a_book_that_is_replaced_and_its_successor_have_one_alarm_between_them() -> None:
    site, layout = Site("u"), assume(load_profile("pace-rtu"))
    report(site, layout, layout.sayings)
    site.clock.pass_s(1.0)
    report(site, layout, layout.sayings[:3])
    states = site.states()
    assert len(states) == len(layout.sayings)
    assert states == site.upstream()
    assert [*states.values()].count("CLEARED-NEW") + [*states.values()].count("NEW") == len(states)


def test_channels_at_one_place_are_told_apart() -> None:
    places, quantities = ["a", "b", "b", "c", "c", ""], ["t", "t", "v", "v", "v", "t"]
    assert distinct(places, quantities) == ("a", "b.t", "b.v", "c.v~1", "c.v~2", "")


HOT = rows_of("over-temperature")


def book_with(*scopes: str, tier: int = 2) -> AlarmBook:
    book = AlarmBook()
    for channel, scope in enumerate(scopes):
        book.change("over-temperature", HOT, [(channel, scope, tier)], 0.0, hot)
    return book


def hot(channel: int, row: Row, _members: set[int]) -> AlarmEvent:
    return AlarmEvent(row.detector, row.severity, "NEW", "", "", 0.0, row.limit, row.unit, "hot", 0.0)


def test_two_alarms_that_are_said_alike_are_told_apart_and_one_is_acknowledged() -> None:
    book = book_with("string1", "string2")
    names = [event.name for event in book.active()]
    assert sorted(names) == ["over-temperature:", "over-temperature:~1"]
    book.do(Action.ACKNOWLEDGE, "over-temperature:~1", 1.0)
    assert {e.name: e.state for e in book.active()} == {
        "over-temperature:": "NEW",
        "over-temperature:~1": "ACK",
    }


@pytest.mark.parametrize(("channel", "tier", "heard"), [(0, 2, 0), (0, 3, 1), (1, 2, 1), (1, 3, 1)])
def test_an_alarm_that_is_shelved_hides_nothing_worse_and_nothing_beside_it(
    channel: int, tier: int, heard: int
) -> None:
    book = book_with("string1")
    book.do(Action.SHELVE, "over-temperature:", 1.0, until_s=1e4)
    own = [(0, "string1", 0)] if channel == 0 else []  # what was shelved goes, and comes again
    events = book.change("over-temperature", HOT, own, 2.0, hot)
    events += book.change("over-temperature", HOT, [(channel, "string1", tier)], 3.0, hot)
    assert [event.state for event in events] == ["NEW"] * heard


def test_who_acknowledges_what_is_shelved_brings_it_not_back() -> None:
    book = book_with("string1")
    book.do(Action.SHELVE, "over-temperature:", 1.0, until_s=1e4)
    book.do(Action.ACKNOWLEDGE, "over-temperature:", 2.0)
    assert book.unshelve_due(5000.0) == []
    assert [e.state for e in book.unshelve_due(1e4)] == ["NEW"]


def test_an_alarm_keeps_its_name_while_it_gets_worse_elsewhere() -> None:
    watch, frames = watch_of(0, 16), healthy(900, 0, 16)
    for follower, share in ((2, 0.5), (3, 1.0), (4, 0.6)):
        frames[300:, follower] += share * 1.5 * (frames[300:, 0] * 0 + range(600)) / 60.0
    events = feed(watch, frames.round(1))
    assert len({event.severity for event in events}) > 1
    assert len({event.name for event in events}) == 1


# ---- from version 0.1.0


class Upgraded(Site):
    """The buffer that 0.1.0 left, in the hands of this version."""

    def __init__(self, folder: Path) -> None:
        shutil.copy(VECTORS / "buffer.db", folder)
        store = Store(folder / "buffer.db", "before", BOOT, [MAIN], own_alarm, BufferSettings())
        rows = store.snapshots()
        stored = store._db.execute("SELECT unit, location, detector, state FROM alarm ORDER BY id").fetchall()
        store.close()
        self.units = [f"rack-{1 + i // 2}/pack-{i + 1}" for i in range(4)]
        clock = SetClock()
        clock.utc_s = 1.9e9
        super().__init__(*self.units, clock=clock)
        self.old = {f"{u}:{d}:{where}": state for u, where, d, state in stored if state != "NORMAL"}
        self.restart_state = RestartState(rows, self.site_alarms, clock)
        self.restart_state.expect(self.units)

    def connect(self, layout: Layout | None = None) -> None:
        self.layout = layout = layout or assume(load_profile("pace-rtu"))
        self.judges = {}
        for unit in self.units:
            judges = UnitJudges(layout, 1.0, Settings(max_discharge_a=50.0))
            over = self.restart_state.begin(unit, judges)
            self.judges[unit] = judges
            self.site_alarms.watch(unit, judges.books)
            self.site_alarms.found(unit, self.clock.stamp(), over)

    def says(self, unit: str, warnings: int, protection: int) -> None:
        raw, quality = np.zeros(self.layout.n, np.int64), np.zeros(self.layout.n, np.uint8)
        for i, name in enumerate(self.layout.names):
            raw[i] = {"warning_flags": warnings, "protection_flags": protection}.get(name, 0)
        events = self.judges[unit].reported.judge(self.clock.t_s, raw, quality)
        self.site_alarms.found(unit, self.clock.stamp(), events)


def test_an_upgrade_loses_no_alarm_and_tells_each_from_the_others(tmp_path: Path) -> None:
    site = Upgraded(tmp_path)
    began = {a["text"] + a["unit"]: (a["state"], a["t_s"]) for a in site.listed().values()}
    site.connect()
    assert site.states() == {
        ":test:": "NEW",
        "rack-1/pack-1:warning_flags.bit0:": "NEW",
        "rack-1/pack-1:protection_flags.bit0:": "NEW",
        "rack-1/pack-1:protection_flags.bit1:": "NEW",
        "rack-1/pack-2:warning_flags.bit0:": "ACK",
        "rack-1/pack-2:protection_flags.bit0:": "ACK",
        "rack-2/pack-3:warning_flags.bit1:": "SHELVED",
        "rack-2/pack-4:blind:": "NEW",
        "rack-2/pack-4:overload:": "NEW",
    }
    assert {a["text"] + a["unit"]: (a["state"], a["t_s"]) for a in site.listed().values()} == began
    overload = site.listed()["rack-2/pack-4:overload:"]["text"]
    assert overload == "When raised: The current of the unit is -60.0 A, 120 % of what is allowed."
    told = {name: state for name, state in {**site.old, **site.said()}.items() if state != "NORMAL"}
    assert told == site.states(), "a collector that heard both versions knows the same"
    before, site.events = site.states(), []
    site.restart_state.due()
    for unit, words in zip(site.units, ((1, 3), (1, 1), (2, 0)), strict=False):
        site.says(unit, *words)
    assert (site.states(), site.events) == (before, []), "it is as it was, and nothing comes twice"


def test_after_an_upgrade_to_a_profile_that_says_it_otherwise_nothing_is_there_twice(tmp_path: Path) -> None:
    site = Upgraded(tmp_path)
    layout = assume(load_profile("pace-rtu"))
    values = tuple(v for v in layout.values if v.name != "soc")
    site.connect(replace(layout, values=values))
    site.says("rack-1/pack-1", 1, 3)
    assert site.states()["rack-2/pack-4:overload:"] == "CLEARED-NEW", "the new judges of it begin anew"
    mine = {name: state for name, state in site.states().items() if "pack-1" in name}
    assert mine == {
        "rack-1/pack-1:warning_flags.bit0:": "NEW",
        "rack-1/pack-1:protection_flags.bit0:": "NEW",
        "rack-1/pack-1:protection_flags.bit1:": "NEW",
    }


def test_an_alarm_of_words_that_no_profile_has_any_more_is_over_and_waits_to_be_seen(tmp_path: Path) -> None:
    site = Upgraded(tmp_path)
    layout = assume(load_profile("pace-rtu"))
    site.connect(replace(layout, values=tuple(v for v in layout.values if v.name != "protection_flags")))
    states = site.states()
    assert sorted(name for name in states if "pack-1" in name) == [
        "rack-1/pack-1:reported:",
        "rack-1/pack-1:reported:~2",
        "rack-1/pack-1:warning_flags.bit0:",
    ]
    site.site_alarms.do(Action.ACKNOWLEDGE, "rack-1/pack-1:reported:~2", ME)
    assert len(states) - len(site.states()) == 1
