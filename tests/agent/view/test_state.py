"""How a unit and a cell are seen, in a word: LEARNING and PARTIAL are never plain LIVE."""

from datetime import timedelta
from typing import Any

import pytest

from agent.cli.live.plain import lines
from agent.detect.kernels import slope, wander
from agent.detect.rows import ROWS
from agent.view import state
from agent.view.headline import headline
from agent.view.sayings import say
from tests.agent.view.sites import NOW, rack, shown, status, unit


def learns(temperature_s: float = 0.0, voltage_s: float = 0.0) -> dict[str, Any]:
    """What the status says of detectors that learn their sensors and cells for so long still."""
    kinds = {
        kind: {"judged": 0, "learning": int(left_s > 0.0), "blind": 0, "no_sensor": 0, "left_s": left_s}
        for kind, left_s in (("temperature", temperature_s), ("voltage", voltage_s))
    }
    learning = sum(said["learning"] for said in kinds.values())
    return {
        "detectors": {"learning": learning, "judged": 0, "said": "learning anew: no state", "kinds": kinds}
    }


@pytest.mark.parametrize(
    ("of", "word", "text"),
    [
        (unit(), "LIVE", "LIVE"),
        (unit(**learns()), "LIVE", "LIVE"),
        (unit(detectors=None), "LIVE", "LIVE"),
        (unit(**learns(33_792.0, 3600.0)), "LEARNING", "LIVE, LEARNING until 23:30"),
        (unit(**learns(voltage_s=60.0)), "LEARNING", "LIVE, LEARNING until 14:04"),
        (unit(knowledge="PARTIAL", **learns(3600.0)), "PARTIAL", "PARTIAL, LEARNING until 15:05"),
        (unit(knowledge="PARTIAL"), "PARTIAL", "PARTIAL"),
        (unit(knowledge="BLIND", **learns(3600.0)), "BLIND", "BLIND"),
        (unit(knowledge="STALE", **learns(3600.0)), "STALE", "STALE"),
        (unit(knowledge="NEVER", age_s=None), "NEVER", "NEVER"),
    ],
)
def test_the_word_of_a_unit(of: dict[str, Any], word: str, text: str) -> None:
    found = state.of_unit(of, NOW)
    assert (found.word, found.text) == (word, text)


@pytest.mark.parametrize(
    ("box", "word"),
    [
        ({"sight": "live", "left_s": 0.0, "absent": False}, "LIVE"),
        ({"sight": "live", "left_s": 60.0, "absent": False}, "LEARNING"),
        ({"sight": "stale", "left_s": 60.0, "absent": False}, "STALE"),
        ({"sight": "none", "left_s": 60.0, "absent": False}, "BLIND"),
        ({"sight": "none", "left_s": 0.0, "absent": True}, "no sensor"),
    ],
)
def test_the_word_of_a_cell(box: dict[str, Any], word: str) -> None:
    assert state.of_cell(box, NOW).word == word


def test_what_is_not_detected_yet_is_said_with_its_time_and_its_detectors() -> None:
    said = state.later([unit(**learns(33_792.0, 3600.0)), unit(**learns(600.0)), unit()], NOW)
    assert said == (
        "Detected: limits, fast heating, large deviations; slow heating from 23:30 (thermal-slope, cooling), "
        "small deviations from 15:05 (cell-drift, cell-imbalance)"
    )
    assert state.later([unit(), unit(knowledge="BLIND", **learns(600.0))], NOW) == ""


def test_when_something_is_learned_is_never_said_to_be_sooner_than_it_is() -> None:
    for left_s in (1.0, 29.0, 31.0, 599.0, 601.0, 3600.0, 80_000.0):
        hour, minute = map(int, state.until(left_s, NOW).split(":"))
        end = NOW + timedelta(seconds=left_s)
        told = end.replace(hour=hour, minute=minute, second=0)
        assert timedelta() <= told - end + timedelta(days=end.day < told.day) < timedelta(minutes=5)


def test_the_detectors_that_come_later_are_those_whose_limits_what_is_reckoned_with_at_first_can_hide() -> (
    None
):
    hides = 60.0 * wander.PRIOR_SLOPE * slope.SIGMAS.max()  # K/min, of the slope that nothing is known of
    hidden = {row.detector for row in ROWS if row.unit == "K/min" and row.limit < 2.0 * hides}
    assert hidden == set(state.LATER["temperature"].detectors)
    known = {row.detector for row in ROWS}
    assert known.issuperset(name for later in state.LATER.values() for name in later.detectors)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"watched": False}, ["nothing that can be judged is read from it"]),
        ({"empty": ["modules"]}, ["it says 0 of modules"]),
        ({"limits": {"unknown": "no limit: set chemistry"}}, ["no limit: set chemistry"]),
        (
            {"qualities": {"good": 240, "no_reply": 2, "frozen": 1, "missing": 1, "stale": 9}},
            ["3 of 253 values are not read (2 no reply, 1 frozen)"],
        ),
        ({"qualities": {"good": 240}}, [say("unprovable")]),
    ],
)
def test_partial_says_what_it_lacks(more: dict[str, Any], said: list[str]) -> None:
    assert state.lacks(unit(knowledge="PARTIAL", **more)) == said
    assert state.lacks(unit(**more)) == []


def site(**more: Any) -> dict[str, Any]:
    """The view of a site of one rack, each cell of which is learned for an hour still if any is."""
    points = rack(1, 4)
    for point in points:
        if "cell" in point["place"] and more:
            point["learned_in_s"] = 3600.0
    return shown(status([unit(**more)]), {"rack-1": points})


def test_a_first_start_is_told_wherever_the_state_is_told() -> None:
    view = site(**learns(33_792.0, 3600.0))
    head, (one,), (tile,) = view["headline"], view["units"], view["tiles"]
    assert head["text"].startswith(
        "NORMAL - LIVE, LEARNING until 23:30. Detected: limits, fast heating, large deviations; "
    )
    assert (head["learning"], one["word"], tile["word"]) == ("23:30", "LEARNING", "LEARNING")
    assert one["state"] == "LIVE, LEARNING until 23:30"
    assert "; slow heating from 23:30 (thermal-slope, cooling)" in one["later"]
    assert one["began"] == "learning anew: no state"
    assert "4 cells: 4 in band, 0 high, 0 low, 0 in alarm, 0 unknown, 4 learning" in one["sentence"]
    assert one["cells"][0]["state"] == "LIVE, LEARNING until 15:05"
    assert one["cells"][-1]["state"] == "LIVE"


def test_beside_an_alarm_learning_is_a_word_and_no_more() -> None:
    hot = {"unit": "rack-1", "severity": "critical", "state": "NEW", "text": "It heats.", "location": "cell5"}
    said = headline([unit(**learns(33_792.0))], [{**hot, "detector": "last-resort"}], NOW)
    assert said["text"].startswith("ALARM - LIVE, LEARNING until 23:30. rack-1 cell 5: LEAVE THE ROOM")
    assert said["besides"] == ""


def test_one_line_a_change_says_when_it_has_learned_and_not_that_the_time_moves() -> None:
    first, on, after = site(**learns(33_792.0)), site(**learns(33_000.0)), site()
    assert any("rack-1 LIVE, LEARNING until 23:30: 4 cells" in line for line in lines(None, first))
    assert list(lines(first, on)) == []
    told = list(lines(on, after))
    assert [line.partition(" ")[2] for line in told] == [
        "NORMAL - LIVE.",
        f"rack-1 LIVE: {after['units'][0]['sentence']}",
    ]


@pytest.mark.parametrize(("temperatures", "voltages"), [(4, 4), (0, 4), (4, 0), (0, 0)])
def test_all_is_not_well_where_cells_are_measured_and_their_heat_is_not(
    temperatures: int, voltages: int
) -> None:
    rest = dict.fromkeys(("learning", "blind", "no_sensor", "left_s"), 0)
    kinds = {"temperature": {**rest, "judged": temperatures}, "voltage": {**rest, "judged": voltages}}
    units = [unit(), unit("ups", detectors={"kinds": kinds, "said": ""})]
    more = " No temperature is measured, and no heat detected: ups." if voltages and not temperatures else ""
    assert headline(units, [], NOW)["text"] == f"NORMAL - LIVE.{more}"
