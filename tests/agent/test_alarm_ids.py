"""An alarm is told from every other, and what a person does touches what he named and nothing else."""

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.alarm import AlarmId, NoSuchAlarm
from agent.control.api import alarms_of
from agent.desk import Desk, Person
from agent.detect.alarms import Does, State
from agent.detect.book import AlarmBook
from agent.detect.channels import distinct
from agent.detect.reported import Reported, Saying
from agent.detect.rows import Row, rows_of
from agent.detect.settings import Settings
from agent.detect.unit import UnitJudges
from agent.headline import headline
from agent.outputs.annunciator import Annunciator
from agent.outputs.relay import Relay
from agent.runtime.keeping import Keeping
from agent.store.ledger import Event
from agent.store.room import Settings as Room
from agent.store.store import Store
from drivers.connect import assume
from drivers.layout import Layout
from drivers.profile import load_profile, shipped_profiles
from tests.agent.control.test_control import Lamp
from tests.agent.detect.racks import feed, healthy, watch_of
from tests.agent.store.buffers import BOOT, own_alarm
from tests.agent.test_kept import SetClock

ME = Person(0, "me")
VECTORS = Path(__file__).parents[1] / "vectors" / "0.1.0"
STRANGE = ["", "rack-1", "a:b", ":", "%", "%3A", "%25", "room/rack 1", "Zelle ü", "1::2"]


@pytest.mark.parametrize("unit", STRANGE)
def test_an_id_is_read_back_as_it_was_written(unit: str) -> None:
    for what in STRANGE:
        from agent.detect.alarms import called

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
    """A desk with a relay and one unit, and who it told of what happened."""

    def __init__(self, *units: str, clock: SetClock | None = None) -> None:
        self.clock, self.events, self.lamp = clock or SetClock(), list[Event](), Lamp()
        self.relay = Relay(Annunciator(units), self.lamp, self.clock.boottime_s)
        racks = {**dict.fromkeys(units, ""), "": ""}
        self.desk = Desk(racks, None, self.relay, lambda _, events: self.events.extend(events), self.clock)
        self.desk.sights((unit, "LIVE") for unit in units)

    def listed(self) -> dict[str, dict[str, Any]]:
        """What `cellwarden alarm list --json` says, without ages."""
        found = alarms_of(self.desk, self.clock.t_s)
        assert len({alarm["id"] for alarm in found}) == len(found)
        return {alarm["id"]: alarm for alarm in found}

    def upstream(self) -> dict[str, str]:
        """What is not over, to someone who hears of what happens only."""
        told: dict[str, str] = {}
        for event in self.events:
            if event.record["kind"] == "alarm":
                told[event.record["id"]] = event.record["state"]
        return {name: state for name, state in told.items() if state != "NORMAL"}

    def states(self) -> dict[str, str]:
        return {name: alarm["state"] for name, alarm in self.listed().items()}

    def condition(self) -> str:
        units = [{"name": "u", "knowledge": "LIVE"}]
        return headline(units, list(self.listed().values()))["condition"]


def report(site: Site, layout: Layout, sayings: Sequence[Saying]) -> Reported:
    """Let a unit say some alarms."""
    reported = Reported(layout.places, layout.quantities, layout.sayings, lambda raw, quality: sayings)
    site.desk.watch("u", {"reported": reported.book})
    raw, quality = np.zeros(layout.n, np.int64), np.zeros(layout.n, np.uint8)
    site.desk.found("u", site.clock.stamp(), reported.judge(site.clock.t_s, raw, quality))
    return reported


@pytest.mark.parametrize("name", shipped_profiles())
def test_of_all_that_a_unit_can_report_at_once_one_is_shelved(name: str) -> None:
    layout = assume(load_profile(name))
    site = Site("u")
    report(site, layout, layout.sayings)
    before = site.listed()
    assert len(before) == len(layout.sayings) > 0
    criticals = [one for one, alarm in before.items() if alarm["severity"] == "critical"]
    for one in [*before][:: max(1, len(before) // 7)]:
        site.desk.do(Does.SHELVE, one, ME, until_s=site.clock.t_s + 60.0)
        after = site.listed()
        assert [other for other in before if before[other] != after[other]] == [one]
        heard = bool(criticals) and criticals != [one]
        assert (site.condition() == "ALARM", not site.lamp.lit) == (heard, heard)
        assert site.states() == site.upstream()
        site.desk.do(Does.UNSHELVE, one, ME)
    site.desk.do(Does.ACKNOWLEDGE, [*before][-1], ME)
    assert Counter(site.states().values()) == {"NEW": len(before) - 1, "ACK": 1} or len(before) == 1


def test_a_profiles_words_are_no_identity() -> None:
    text = (Path(load_profile.__globals__["__file__"]).parent / "profiles" / "pace-rtu.toml").read_text()
    del text
    layout = assume(load_profile("pace-rtu"))
    said = layout.sayings[0]
    site = Site("u")
    report(site, layout, [said])
    assert [*site.listed()] == [f"u:{said[1]}:{layout.places[said[0]]}"]


class Row0:
    pass
