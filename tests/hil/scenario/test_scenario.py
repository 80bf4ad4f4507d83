"""Scenario files: every mistake at once, both ways of running, verdicts and exit codes."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from hil.run.direct import run_direct
from hil.scenario.evidence import Evidence, RaisedAlarm, Trace
from hil.scenario.expect import AlarmExpect, QuietExpect, clock
from hil.scenario.room import RoomError
from hil.scenario.scenario import SHIPPED, find_scenario, load_scenario
from hil.scenario.verdict import judge, junit, text

GOOD = """
about = "a short in one of two units"
lasts_s = 240

[[bus]]
name = "gateway"
listen = "127.0.0.1:0"

[[unit]]
name = "rack-1"
transport = "tcp"
bus = "gateway"
profile = "sunspec-lithium-ion"
source = { rack = { cells = 14, seed = 2 } }

[[unit]]
name = "rack-2"
transport = "tcp"
bus = "gateway"
unit_id = 2
profile = "sunspec-lithium-ion"
source = { rack = { cells = 14, seed = 3 } }

[[event]]
at_s = 60
kind = "internal_short"
unit = "rack-1"
place = "cell4"
ohm = 0.05

[[expect]]
kind = "alarm"
unit = "rack-1"
place = "string1/module1/cell4"
severity = "critical"
after_s = 60
by_s = 120

[[expect]]
kind = "quiet"
"""


QUIET = 'kind = "quiet"'
SHORT = 'kind = "internal_short"\nunit = "rack-1"'


@pytest.fixture
def write(tmp_path):
    def scenario(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return path

    return scenario


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_scenario_is_sound_and_says_in_a_line_what_it_shows(path):
    scenario = load_scenario(path)
    assert 20 < len(scenario.about) < 130
    assert path.read_text().startswith("# ")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('place = "cell4"', 'place = "cell15"', "event internal_short at 60 s: no cell 'cell15'"),
        ("module1/cell4", "module9/cell4", "no place 'string1/module9/cell4' in rack-1"),
        ("at_s = 60", "at_s = 240", "event internal_short at 240 s: after the end, lasts_s = 240"),
        ("by_s = 120", "by_s = 300", "by_s = 300 is after the end"),
        ("by_s = 120", "by_s = 50", "by_s must be later than after_s"),
        ("ohm = 0.05", "ohm = 0.05\nohms = 1", 'event "internal_short": ohms: unknown key'),
        ("ohm = 0.05", "ohm = -1", 'event "internal_short": ohm: '),
        ('kind = "quiet"', 'kind = "quiet"\ndetectors = ["thermal-slop"]', "no detector 'thermal-slop'"),
        ('kind = "quiet"', 'kind = "silence"', "'silence'"),
        (QUIET, 'kind = "quality"\nunit = "rack-1"\nquality = "bad"', "no quality 'bad': there is good"),
        (QUIET, 'kind = "quiet"\nunit = "rack-3"', 'there is no unit "rack-3"; there is rack-1, rack-2'),
        (SHORT, 'kind = "cut"\nbus = "lan"', 'there is no bus "lan"; there is gateway'),
        ("lasts_s = 240", 'lasts_s = 9000\nway = "agent"', "raise time_scale to 3"),
        ("[[expect]]", '[[event]]\nat_s = 1\nkind = "clock_step"\nby_s = 9\n[[expect]]', 'say way = "agent"'),
        ("lasts_s = 240", "", "lasts_s: is missing"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_says_where_and_what(write, old, new, expected):
    assert old in GOOD
    with pytest.raises(RoomError) as caught:
        load_scenario(write(GOOD.replace(old, new, 1)))
    assert any(expected in line for line in caught.value.problems), caught.value.problems


def test_an_unknown_key_an_impossible_place_and_an_event_past_the_end_are_told_at_once(write):
    bad = (
        GOOD.replace("lasts_s", "colour = 3\nlasts_s")
        .replace('"cell4"', '"cell40"')
        .replace("ohm = 0.05", "ohm = 0.05\nohms = 3")
        .replace("seed = 3", 'seed = "x"')
        + '[[event]]\nat_s = 900\nkind = "mute"\nunit = "rack-2"\n'
    )
    with pytest.raises(RoomError) as caught:
        load_scenario(write(bad))
    told = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 5
    for part in (
        "colour: unknown key",
        "ohms: unknown key",
        "seed",
        "no cell 'cell40'",
        "mute at 900 s: after",
    ):
        assert part in told


def test_what_should_be_seen_is_seen_in_process(write):
    scenario = load_scenario(write(GOOD))
    evidence = run_direct(scenario)
    verdict = judge("mine", scenario, evidence)
    assert verdict.code == 0, text(verdict)
    assert evidence.frames == {"rack-1": 240, "rack-2": 240}
    assert "in process" in text(verdict)
    again = run_direct(scenario)
    assert [(a.t_s, a.text) for a in again.alarms] == [(a.t_s, a.text) for a in evidence.alarms]


def test_an_expectation_that_fails_says_what_was_seen_instead(write):
    scenario = load_scenario(
        write(GOOD.replace('unit = "rack-1"\nplace = "string1', 'unit = "rack-2"\nplace = "string1'))
    )
    verdict = judge("mine", scenario, run_direct(scenario))
    assert verdict.code == 1
    missing, unexpected = verdict.results
    assert (missing.held, missing.seen) == (False, "there was none")
    assert unexpected.held is False
    assert " rack-1 " in unexpected.seen


def test_a_cut_and_lost_frames_are_no_reply_in_process(write):
    events = """
[[event]]
at_s = 100
kind = "cut"
bus = "gateway"
for_s = 20

[[event]]
at_s = 150
kind = "fault"
unit = "rack-2"
fault = "exception"

[[expect]]
kind = "quality"
unit = "rack-1"
quality = "no_reply"
from_s = 101
until_s = 120

[[expect]]
kind = "quality"
unit = "rack-2"
quality = "refused"
from_s = 151

[[expect]]
kind = "quality"
unit = "rack-1"
quality = "good"
quantity = "cell_voltage"
from_s = 121
"""
    scenario = load_scenario(write(GOOD + events))
    verdict = judge("mine", scenario, run_direct(scenario))
    assert [r.held for r in verdict.results if r.kind == "quality"] == [True] * 3, text(verdict)


def alarm(t_s: float, **more: str) -> RaisedAlarm:
    fields = {
        "unit": "u",
        "location": "cell2",
        "detector": "thermal-slope",
        "severity": "warning",
        "text": "hot",
    }
    said = {**fields, **more}
    return RaisedAlarm(
        t_s,
        said["unit"],
        said["location"],
        ("string1/module1/cell2",),
        said["detector"],
        said["severity"],
        "hot",
    )


@pytest.mark.parametrize(
    ("change", "held"),
    [
        ({}, True),
        ({"place": "string1/module1/cell2"}, True),
        ({"place": "string1"}, True),
        ({"place": "string1/module1/cell20"}, False),
        ({"place": "string1/module2"}, False),
        ({"unit": "v"}, False),
        ({"severity": "critical"}, False),
        ({"severity": "advice"}, True),
        ({"detector": "blind"}, False),
        ({"after_s": 101.0}, False),
        ({"by_s": 99.0}, False),
    ],
)
def test_an_alarm_fits_by_unit_place_detector_severity_and_time(change, held):
    evidence = Evidence("direct")
    evidence.alarms.append(alarm(100.0))
    expect = AlarmExpect.model_validate({"kind": "alarm", "unit": "u", "by_s": 200.0, **change})
    assert expect.check(evidence, [expect]).held is held


def test_quiet_means_no_alarm_but_the_expected_ones():
    evidence = Evidence("direct")
    evidence.alarms += [alarm(100.0), alarm(110.0, unit="v", severity="advice")]
    expected = AlarmExpect(kind="alarm", unit="u", by_s=200.0)
    assert QuietExpect(kind="quiet").check(evidence, [expected]).held is False
    assert QuietExpect(kind="quiet", severity="warning").check(evidence, [expected]).held is True
    assert QuietExpect(kind="quiet", severity="warning").check(evidence, []).held is False
    assert QuietExpect(kind="quiet", detectors=("blind",)).check(evidence, []).held is True
    assert QuietExpect(kind="quiet", detectors=("thermal",)).check(evidence, []).held is False


def test_a_trace_keeps_every_nth_frame_whatever_the_blocks():
    trace = Trace(("a",), ("cell_voltage",), stride=3)
    for start, count in ((0, 4), (4, 1), (5, 5)):
        t_s = np.arange(start, start + count, dtype=float)
        trace.add(t_s, t_s[:, None])
    np.testing.assert_array_equal(trace.t_s, [0, 3, 6, 9])
    np.testing.assert_array_equal(trace.of("cell_voltage")[:, 0], [0, 3, 6, 9])


def test_a_bench_that_could_not_keep_up_gives_no_verdict_whatever_held(write):
    scenario = load_scenario(write(GOOD))
    evidence = run_direct(scenario)
    evidence.late = "ticks came late"
    verdict = judge("mine", scenario, evidence)
    assert verdict.code == 3
    assert "NO VERDICT" in text(verdict)
    suite = ElementTree.fromstring(junit([verdict]))[0]
    assert suite.get("errors") == "1"


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "hil.cli", "run", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=110)


def test_the_command_writes_one_page_and_junit_and_its_exit_code_tells(write, tmp_path):
    good = write(GOOD)
    bad = tmp_path / "bad.toml"
    bad.write_text(GOOD.replace("by_s = 120", "by_s = 61"))
    done = run(str(good), str(bad), "--report", str(tmp_path / "out"))
    assert done.returncode == 1, done.stderr
    assert "1 held, 1 FAILED" in done.stdout
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("<svg") == 4
    assert "http" not in page.replace("http://www.w3.org", ""), "nothing is fetched"
    suites = ElementTree.fromstring((tmp_path / "out" / "junit.xml").read_bytes())
    assert [(s.get("name"), s.get("tests"), s.get("failures")) for s in suites] == [
        ("mine", "2", "0"),
        ("bad", "2", "1"),
    ]


def test_bad_scenarios_exit_2_with_every_problem_and_run_nothing(write, tmp_path):
    done = run(str(write(GOOD.replace("cells", "cels"))), "no_such_scenario", str(tmp_path / "none.toml"))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 4, done.stderr
    assert done.stdout == ""
    assert run().returncode == 2
    assert "list" in run().stderr


@pytest.mark.long(55)
def test_a_scenario_runs_against_a_real_agent_over_real_sockets(write):
    short = GOOD.replace("lasts_s = 240", 'lasts_s = 48\nway = "agent"').replace("at_s = 60", "at_s = 16")
    short = short.replace("after_s = 60\nby_s = 120", "after_s = 16\nby_s = 47").replace(
        "ohm = 0.05", "ohm = 0.02"
    )
    short += '[[expect]]\nkind = "delivered"\n'
    short += '[[expect]]\nkind = "knowledge"\nunit = "rack-2"\nword = "LIVE"\nby_s = 5\n'
    done = run(str(write(short)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a real agent and a real collector over real sockets" in done.stdout
    assert "0 pending, 0 dropped" in done.stdout


def test_times_are_told_as_people_do():
    told = [clock(t) for t in (5, 90, 120, 3599, 3600, 90000, 200000, float("inf"))]
    assert told == ["5 s", "90 s", "2 min", "59 min 59 s", "1 h", "25 h", "2 d 07 h", "the end"]


def test_a_shipped_scenario_is_found_by_name_and_others_as_files(tmp_path):
    assert find_scenario("held_frames").is_file()
    assert find_scenario("x/y.toml") == Path("x/y.toml")
    with pytest.raises(RoomError, match="cellwarden-hil list"):
        find_scenario("held_frame")


def test_the_list_shows_every_shipped_scenario():
    done = subprocess.run(
        [sys.executable, "-m", "hil.cli", "list"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    for path in SHIPPED.glob("*.toml"):
        assert path.stem in done.stdout
