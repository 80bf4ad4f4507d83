"""The first line of an alarm: place, action, time left; what is of now is of now, and nothing else is."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import pytest

from agent.detect.rows import ROWS, response_to
from agent.view.actions import ACTIONS, OFF, action_of
from agent.view.alarms import rows
from agent.view.headline import headline
from agent.view.voice import place_of, voice

NOW = datetime(2026, 11, 25, 21, 4, 0, tzinfo=timezone(timedelta(hours=9)))
SLOPE = 2.8 / 60.0
AHEAD = {"to_degc": 80.0, "slope_k_per_s": SLOPE, "in_s": 666.0, "soonest_s": 540.0, "latest_s": 900.0}


class Named(NamedTuple):
    """An alarm that has no row in the table of detectors."""

    detector: str
    severity: str


PRESENT = {"value": 48.9, "unit": "degC", "age_s": 1.0, "seen": True, "ahead": AHEAD}


def heat(**more: Any) -> dict[str, Any]:
    """What case 2 had: raised at 26.7 degC, eight minutes ago."""
    return {
        "id": "rack-37:thermal-slope:string1/module3/sensor2",
        "unit": "rack-37",
        "detector": "thermal-slope",
        "severity": "critical",
        "state": "NEW",
        "location": "string1/module3/sensor2",
        "quantity": "cell_temperature",
        "value": 1.9,
        "limit": 0.5,
        "expected": 0.0,
        "value_unit": "K/min",
        "text": "string1/module3/sensor2 heats 3.1 K/min, 26.7 degC when raised.",
        "forecast": "at this rate 80 degC in 17 min (15 min to 19 min), from when it was raised",
        "ahead": {**AHEAD, "in_s": 1020.0, "soonest_s": 900.0, "latest_s": 1140.0},
        "evidence_for": "cell voltage sank beside its siblings: string1/module3/cell5",
        "age_s": 488.0,
        "do": "",
        "seen": "critical.1:1",
        "cause": "",
        "present": PRESENT,
        **more,
    }


def test_the_first_line_is_place_action_and_time_left_of_now() -> None:
    said = voice(heat(), NOW)
    assert said.first == (
        "rack-37 string 1 module 3 sensor 2: TAKE LOAD AND CHARGE OFF. Do not open it."
        " 80 °C about 21:15 (21:12-21:18, in 11 min). Heating 2.8 K/min, now 48.9 °C."
    )
    assert said.left_s == pytest.approx(665.0)
    assert said.until == "to 80 °C, about 21:15 (21:12-21:18)"
    assert said.below == [
        "String 1 module 3 sensor 2 heats 3.1 K/min, 26.7 °C when raised.",
        "When raised 20:55: 80 °C about 21:12 (21:10-21:14)",
        "For it, when raised: cell voltage sank beside its siblings: string 1 module 3 cell 5",
    ]


def test_where_the_place_is_not_seen_nothing_counts_down() -> None:
    lost = {**PRESENT, "age_s": 1800.0, "seen": False}
    said = voice(heat(present=lost), NOW)
    assert "When last seen 20:34: 80 °C about 20:45." in said.first
    assert "Not seen now: 48.9 °C at 20:34, 30 min ago." in said.first
    assert " in " not in said.left
    assert said.left_s is None
    later = voice(heat(present={**lost, "age_s": 1860.0}), NOW + timedelta(minutes=1))
    assert later.left == said.left


def test_a_slope_that_may_be_noise_has_no_latest_time() -> None:
    said = voice(heat(present={**PRESENT, "ahead": {**AHEAD, "latest_s": None}}), NOW)
    assert said.left == "80 °C about 21:15 (21:12 at the soonest, in 11 min)"


def test_an_interval_within_a_minute_is_not_told_as_one() -> None:
    sharp = {**AHEAD, "soonest_s": 665.0, "latest_s": 668.0}
    assert voice(heat(present={**PRESENT, "ahead": sharp}), NOW).left == "80 °C about 21:15 (in 11 min)"


@pytest.mark.parametrize("far_s", [1e7, 1e12, 1e300])
def test_a_time_so_far_ahead_is_told_as_none(far_s: float) -> None:
    open_ended = voice(heat(present={**PRESENT, "ahead": {**AHEAD, "latest_s": far_s}}), NOW)
    assert open_ended.left == "80 °C about 21:15 (21:12 at the soonest, in 11 min)"
    far = {**AHEAD, "in_s": far_s, "latest_s": far_s}
    never = voice(heat(present={**PRESENT, "ahead": far}, ahead=far), NOW)
    assert (never.left, never.left_s) == ("", None)


def test_what_does_not_heat_any_more_has_no_time_left_and_says_what_was() -> None:
    said = voice(heat(present={**PRESENT, "ahead": {}}), NOW)
    assert said.left == ""
    assert said.first.endswith("heats 3.1 K/min, 26.7 °C when raised. Now 48.9 °C.")
    over = voice(heat(state="CLEARED-NEW"), NOW)
    assert over.left == ""
    assert over.action == "Over, not acknowledged"


def test_what_has_reached_the_forecast_says_so_and_how_hot_it_is_now() -> None:
    said = voice(heat(present={**PRESENT, "value": 113.5, "ahead": {}}), NOW)
    assert said.first.endswith("Do not open it. Above 80 °C. Now 113.5 °C.")
    assert said.left_s is None
    assert said.below[0].endswith("heats 3.1 K/min, 26.7 °C when raised.")
    over = voice(heat(present={**PRESENT, "value": 113.5, "ahead": {}}, state="CLEARED-NEW"), NOW)
    assert over.left == ""


@pytest.mark.parametrize(
    ("unit", "location", "place"),
    [
        ("rack-5", "string1", "rack-5 string 1"),
        ("rack-5", "string1/module3/cell5", "rack-5 string 1 module 3 cell 5"),
        ("rack-5", "", "rack-5"),
        ("", "", "the agent"),
        ("", "relay", "the agent, relay"),
    ],
)
def test_a_place_begins_with_its_unit(unit: str, location: str, place: str) -> None:
    assert place_of(unit, location) == place


def test_a_string_that_is_blind_names_its_rack_and_no_score_is_told_as_seconds() -> None:
    blind = heat(
        detector="blind",
        severity="warning",
        location="string1",
        quantity="",
        value=77.0,
        limit=2.0,
        value_unit="s",
        text="20 channels of string1 had given no usable value for 77 s when raised.",
        present={},
        now="no usable value for 9 min",
        ahead={},
        forecast="",
        evidence_for="",
    )
    (row,) = rows([blind], [], {"rack-37": "LIVE"}, NOW)
    assert (row["where"], row["then"], row["limit"]) == ("rack-37 string 1", "77 s", "")
    assert row["first"] == (
        "rack-37 string 1: Look at the battery itself: it is not seen. 20 channels of string 1"
        " had given no usable value for 77 s when raised. Now no usable value for 9 min."
    )


@pytest.mark.parametrize(
    ("detector", "texts", "action"),
    [
        ("voltage-limit", {"side": "#above"}, "STOP THE CHARGE"),
        ("voltage-limit", {"side": "#below"}, "STOP THE DISCHARGE"),
        ("voltage-limit", {}, "STOP CHARGE AND DISCHARGE"),
        (
            "silent-together",
            {"cause": "#cause-bus", "host": "gw-3"},
            "Check gateway gw-3 and its power",
        ),
        ("silent-together", {"cause": "#cause-bus"}, ACTIONS["silent-together"][""]),
        ("STATUS.bit3", {}, "ACT ON WHAT THE UNIT REPORTS, by its manual"),
    ],
)
def test_an_action_is_for_what_the_record_says(detector: str, texts: dict[str, str], action: str) -> None:
    assert action_of({"unit": "r", "detector": detector, "severity": "critical", "texts": texts}) == action


def test_each_row_of_the_alarm_table_has_its_action_and_no_action_tells_to_open() -> None:
    for row in ROWS:
        found = ACTIONS[row.detector]
        assert row.severity in found or "" in found, f"{row.detector} {row.severity}"
    assert {name.partition(" ")[0] for name in ACTIONS} - {"test", "unseen"} == {row.detector for row in ROWS}
    for action in (text for found in ACTIONS.values() for text in found.values()):
        assert "open" not in action.lower().replace("do not open", "")


def test_the_long_text_is_not_softer_than_the_first_line() -> None:
    for name, found in ACTIONS.items():
        if found.get("critical") == OFF:
            said = response_to(name).lower()
            assert "charge off" in said or "string off" in said, f"{name}: {said}"
            assert "where" not in said, f"{name} makes it conditional: {said}"


def texts_of(severity: str, name: str) -> Iterator[dict[str, Any]]:
    """Records of a detector, with each phrase by which its actions differ."""
    ids = {key.partition(" ")[2] for key in ACTIONS if key.startswith(f"{name} ")} | {""}
    for phrase in ids:
        texts = {key: f"#{phrase}" for key in ("side", "cause")} if phrase else {}
        texts |= {"host": "192.0.2.101", "bus": "bus-1"}
        yield {"detector": name, "severity": severity, "texts": texts}


def test_place_and_action_stand_in_the_first_80_characters_of_every_alarm() -> None:
    place = {"unit": "rack-37", "location": "string1/module3/sensor2"}
    long = "A sentence of what was wrong when it was raised, with figures, limits and causes" * 3
    for row in [*ROWS, Named("unseen", "warning"), Named("test", "advice")]:
        for record in texts_of(row.severity, row.detector):
            said = voice({**place, **record, "text": long}, NOW)
            start = f"rack-37 string 1 module 3 sensor 2: {said.action}."
            assert said.first.startswith(start), row
            assert len(start.rstrip(".")) <= 80, start


def test_units_that_are_silent_together_are_the_place() -> None:
    of = {
        "unit": "",
        "detector": "silent-together",
        "severity": "warning",
        "texts": {"names": "a, b, c, d, e"},
    }
    assert voice(of, NOW).place == "a, b, c and 2 more"


def test_a_record_of_a_stranger_is_told_as_far_as_it_goes() -> None:
    assert (
        voice({"kind": "alarm", "text": "it is so"}, NOW).first
        == "the agent: See cellwarden status. It is so."
    )


def test_what_is_over_stands_behind_what_is_not_seen() -> None:
    units = [{"name": "rack-37", "knowledge": "LIVE"}, {"name": "rack-2", "knowledge": "BLIND"}]
    said = headline(units, [heat(state="CLEARED-NEW")], NOW)["text"]
    assert said.index("Not seen: rack-2") < said.index("Over, not acknowledged")
    blind = heat(detector="blind", severity="warning", unit="rack-2", id="x", age_s=9.0)
    listed = rows([heat(state="CLEARED-NEW"), blind], [], {"rack-37": "LIVE", "rack-2": "BLIND"}, NOW)
    assert [row["unit"] for row in listed] == ["rack-2", "rack-37"]
