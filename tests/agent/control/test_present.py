"""What an alarm says hours later: what was so when it was raised is called that, and `now` is looked up."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import agent.detect
from agent.cli.common.ask_agent import alarm_table
from agent.clock import Stamp
from agent.control.last_good import LastGood
from agent.control.present import Present, present
from agent.control.status import Latest
from agent.detect.alarms.states import AlarmEvent, AlarmState
from agent.detect.watch import UnitDetectors
from agent.frame import Frame
from agent.view.alarms import rows
from agent.view.headline import headline
from agent.view.voice import first_line
from drivers.connect import assume
from drivers.profile.load import parse_profile
from tests.agent.view.sites import NOW, alarm

LAYOUT = assume(
    parse_profile(
        """
        schema = 1
        model = "eight-sensors"
        topology = { cells = 8, sensors = 8 }
        [[point]]
        name = "cell_voltage"
        address = 0
        count = 8
        place = "cell"
        scale = 0.001
        unit = "V"
        [[point]]
        name = "cell_temperature"
        address = 20
        count = 8
        place = "sensor"
        scale = 0.1
        unit = "degC"
        """
    )
)
FRESH_S = 3.0


class Watched:
    """A unit of which one sensor heats, 3 K/min from 600 s on, and at `then` K/min from `until_s` on."""

    def __init__(self, until_s: float = np.inf, then: float = 0.0) -> None:
        self.until_s, self.then = until_s, then
        self.watch = UnitDetectors(LAYOUT.places, LAYOUT.quantities, LAYOUT.resolution, 1.0)
        self.last, self.t_s, self.rng = LastGood(LAYOUT.n), 0.0, np.random.default_rng(1)
        self.events: list[AlarmEvent] = []

    def poll(self, seconds: int, seen: bool = True) -> None:
        for _ in range(seconds):
            self.t_s += 1.0
            si = np.array([3.3] * 8 + [25.0] * 8) + 0.05 * self.rng.standard_normal(16)
            si[8 + 2] += max(min(self.t_s, self.until_s) - 600.0, 0.0) * 3.0 / 60.0
            si[8 + 2] += max(self.t_s - self.until_s, 0.0) * self.then / 60.0
            si[8 + 2] = round(si[8 + 2], 1) if seen else np.nan
            self.last.take(self.t_s, si)
            quality = np.where(np.isnan(si), 4, 0).astype(np.uint8)
            self.events += self.watch.judge(self.t_s, si, quality)

    def look(self, event: AlarmEvent) -> Present:
        stamp = Stamp(int(self.t_s * 1e9), 0, True)
        frame = Frame("u", "", b"", stamp, np.zeros(16, np.int64), np.zeros(16, np.uint8))
        latest = Latest(frame, LAYOUT, self.last.value, self.last)
        return present(event, latest, FRESH_S, self.t_s, self.watch.forecast(event))

    def heat(self) -> AlarmEvent:
        return next(e for e in self.watch.active() if e.detector.startswith("thermal"))


@pytest.fixture(scope="module")
def heated() -> Watched:
    watched = Watched()
    watched.poll(600 + 480)
    return watched


def test_now_and_the_forecast_are_of_the_last_frame_and_not_of_the_raising(heated: Watched) -> None:
    event, said = heated.heat(), heated.look(heated.heat())
    hot = heated.last.value[8 + 2]
    assert said.now == f"{hot:.1f} degC"
    assert hot == pytest.approx(49.0, abs=0.3)
    minutes = float(said.forecast.split(" degC in ")[1].split(" ")[0])
    assert minutes == pytest.approx((80.0 - hot) / 3.0, abs=1.5)
    assert "when raised" in event.text
    assert event.forecast.endswith("from when it was raised")
    assert said.forecast != event.forecast


def test_a_rise_takes_the_time_that_the_slope_beside_it_needs(heated: Watched) -> None:
    said = [e for e in heated.events if e.detector == "thermal-slope" and " up among them" in e.text]
    assert {e.severity for e in said} > {"advice", "warning"}
    for event in said:
        slope, rise, amount, unit = re.search(
            r"heats ([\d.]+) K/min.*, ([\d.]+) K up among them in about (\d+) (s|min)", event.text
        ).groups()
        minutes = float(amount) / {"s": 60.0, "min": 1.0}[unit]
        assert float(rise) == pytest.approx(float(slope) * minutes, rel=0.25)


def test_where_sight_is_lost_it_says_what_was_last_known_and_when_and_no_forecast() -> None:
    watched = Watched()
    watched.poll(900)
    last = watched.last.value[8 + 2]
    watched.poll(300, seen=False)
    assert (
        watched.look(watched.heat())[:2]
        == Present(f"not known, {last:.1f} degC when last read 5 min ago")[:2]
    )
    blind = next(e for e in watched.watch.active() if e.detector == "blind")
    assert watched.look(blind)[:2] == Present("no usable value for 5 min")[:2]
    watched.poll(3)
    assert blind in watched.watch.active()
    assert watched.look(blind) == Present("values come again"), "though the alarm stands a while yet"
    unit = replace(blind, location="", quantity="")
    assert watched.look(unit)[:2] == Present("values come again")[:2]
    watched.t_s += 60.0
    assert watched.look(unit)[:2] == Present("no usable value for 6 min")[:2]
    assert present(watched.heat(), None, FRESH_S, watched.t_s, str) == Present()


@pytest.mark.parametrize(("then", "within_s"), [(-60.0, 10), (-3.0, 40), (0.0, 60)])
def test_what_falls_or_stands_leads_nowhere(then: float, within_s: int) -> None:
    watched = Watched(until_s=900.0, then=then)
    watched.poll(900)
    assert watched.look(watched.heat()).forecast
    watched.poll(within_s)
    for _ in range(20):
        watched.poll(1)
        if heats := [e for e in watched.watch.active() if e.detector.startswith("thermal")]:
            assert not watched.look(heats[0]).forecast


def test_what_heats_has_a_forecast_at_nearly_each_look() -> None:
    watched = Watched()
    watched.poll(780)
    looks = []
    for _ in range(300):
        watched.poll(1)
        looks.append(bool(watched.look(watched.heat()).forecast))
    assert np.mean(looks) > 0.95


def test_an_alarm_that_is_over_has_a_now_and_no_forecast(heated: Watched) -> None:

    over = heated.look(replace(heated.heat(), state=str(AlarmState.CLEARED_NEW)))
    assert over.now
    assert not over.forecast


def test_everybody_is_shown_the_same_first_line(heated: Watched) -> None:
    look = heated.look(heated.heat())
    this = alarm(text="sensor2 heats, 26.7 degC when raised.", now=look.now, present=look.present)
    first = first_line(this, NOW)
    assert re.search(
        r"80 °C about \d\d:\d\d \([-:, \d]*in \d+ min\)\. Heating [23](\.\d)? K/min, now 4",
        first,
    )
    assert first in headline([{"name": "rack-1", "knowledge": "LIVE"}], [this], NOW)["text"]
    assert rows([this], [], {"rack-1": "LIVE"}, NOW)[0]["first"] == first
    assert "now 4" in next(iter(alarm_table([this]).columns[-1].cells))


def sentences() -> Iterator[tuple[str, str]]:
    """Every string of the detectors that is no docstring."""
    for path in Path(agent.detect.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text())
        docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
                yield path.name, node.value


def test_no_sentence_of_a_detector_says_now() -> None:
    found = list(sentences())
    assert len(found) > 100
    assert [said for said in found if " now" in f" {said[1]} ".replace(",", " ") and " " in said[1]] == []
