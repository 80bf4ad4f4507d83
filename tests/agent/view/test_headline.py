"""The one sentence: never "normal" for what is not seen now."""

import pytest

from agent.view.alarms import rows
from agent.view.headline import headline
from tests.agent.view.sites import NOW, alarm

HOT = {"unit": "rack-1", "severity": "critical", "state": "NEW", "text": "It heats.", "location": "cell5"}
HOT["detector"] = "last-resort"
ADVICE = {"unit": "rack-1", "severity": "advice", "state": "ACK", "text": "It drifts.", "location": "cell7"}
ADVICE["detector"] = "cell-drift"
LEAVE = "rack-1 cell 5: LEAVE THE ROOM, CALL THE FIRE BRIGADE. It heats."
VISIT = "rack-1 cell 7: Measure the cell by hand this week. It drifts."
LEAVE_2 = LEAVE.replace("rack-1", "rack-2")
GONE = "Not seen: rack-2; any state is possible."
LIVE, BLIND = {"name": "rack-1", "knowledge": "LIVE"}, {"name": "rack-2", "knowledge": "BLIND"}
NEVER = {"name": "rack-3", "knowledge": "NEVER"}
DEAF = {"name": "rack-4", "knowledge": "PARTIAL", "watched": False}


@pytest.mark.parametrize(
    ("units", "alarms", "said"),
    [
        ([LIVE], [], "NORMAL - LIVE."),
        ([LIVE], [HOT, ADVICE], f"ALARM - LIVE. {LEAVE} Other alarms: 1."),
        ([LIVE], [ADVICE], f"ATTENTION - LIVE. {VISIT}"),
        ([LIVE], [{**HOT, "state": "SHELVED"}], "NORMAL - LIVE."),
        ([LIVE, BLIND], [], "BLIND. LAST KNOWN: normal. Not seen: rack-2; any state is possible."),
        ([LIVE, {**BLIND, "knowledge": "STALE"}], [], "STALE. LAST KNOWN: normal. Stale: rack-2."),
        (
            [LIVE],
            [{**HOT, "state": "CLEARED-NEW"}, ADVICE],
            f"ALARM - LIVE. {VISIT} Over, not acknowledged: 1.",
        ),
        (
            [LIVE],
            [{**ADVICE, "state": "CLEARED-NEW"}],
            "ATTENTION - LIVE. rack-1 cell 7: Over, not acknowledged. It drifts.",
        ),
        ([LIVE, BLIND], [HOT], f"ALARM - BLIND. {LEAVE} {GONE}"),
        ([LIVE, BLIND], [{**HOT, "unit": "rack-2"}], f"BLIND. LAST KNOWN: alarm. {LEAVE_2} {GONE}"),
        (
            [LIVE, BLIND],
            [{**HOT, "unit": "rack-2"}, HOT],
            f"ALARM - BLIND. {LEAVE} Other alarms: 1. {GONE}",
        ),
        (
            [LIVE, BLIND],
            [{**HOT, "unit": "rack-2"}, ADVICE],
            f"BLIND. LAST KNOWN: alarm. {LEAVE_2} Other alarms: 1. {GONE}",
        ),
        (
            [BLIND],
            [{"unit": "rack-2", "detector": "identity", "severity": "warning", "state": "NEW"}],
            f"ATTENTION - BLIND. rack-2: Find out which unit answers in its place. {GONE}",
        ),
        (
            [BLIND],
            [{"unit": "rack-2", "detector": "blind", "severity": "warning", "state": "NEW"}],
            f"ATTENTION - BLIND. rack-2: Look at the battery itself: it is not seen. {GONE}",
        ),
        ([], [], "NEVER. Not every unit has been read since the start."),
    ],
)
def test_condition_and_knowledge_are_said_apart(units: list, alarms: list, said: str) -> None:
    assert headline(units, alarms, NOW)["text"] == said


def test_the_parts_of_the_sentence_are_there_alone_for_who_shows_them_apart() -> None:
    said = headline([LIVE, BLIND], [HOT, ADVICE], NOW)
    assert (said["place"], said["action"], said["last_known"]) == (
        "rack-1 cell 5", "LEAVE THE ROOM, CALL THE FIRE BRIGADE", False
    )  # fmt: skip
    assert (said["rest"], said["besides"]) == ("It heats.", f"Other alarms: 1. {GONE}")
    assert (said["left"], said["left_s"], said["until"]) == ("", None, "")


@pytest.mark.parametrize(
    ("units", "alarms", "condition"),
    [
        ([], [], "UNKNOWN"),
        ([NEVER], [], "UNKNOWN"),
        ([BLIND, NEVER], [{**HOT, "state": "SHELVED"}, {**ADVICE, "state": "OUT OF SERVICE"}], "UNKNOWN"),
        ([DEAF], [], "UNKNOWN"),
        ([DEAF, BLIND], [], "UNKNOWN"),
        ([DEAF], [ADVICE], "ATTENTION"),
        ([DEAF, LIVE], [], "NORMAL"),
        ([BLIND, {"name": "rack-5", "knowledge": "PARTIAL", "watched": True}], [], "NORMAL"),
    ],
)
def test_normal_is_not_said_of_a_site_of_which_nothing_is_watched(
    units: list, alarms: list, condition: str
) -> None:
    said = headline(units, alarms, NOW)
    assert said["condition"] == condition
    assert ("normal" in said["text"].lower()) is (condition == "NORMAL")


def test_a_unit_that_tells_nothing_that_is_judged_is_named() -> None:
    assert headline([DEAF], [], NOW)["text"] == (
        "PARTIAL. LAST KNOWN: unknown. Seen in part: rack-4 (nothing that can be judged is read from it)."
    )


def test_a_unit_whose_voltages_have_no_limit_is_told_with_what_to_set() -> None:
    unit = {
        "name": "rack-4",
        "knowledge": "PARTIAL",
        "limits": {"unknown": "no voltage limit known: set chemistry"},
    }
    assert headline([unit], [], NOW)["text"] == (
        "PARTIAL. LAST KNOWN: normal. Seen in part: rack-4 (no voltage limit known: set chemistry)."
    )
    unit = {"name": "rack-4", "knowledge": "LIVE", "limits": {"unknown": "", "widened": []}}
    assert headline([unit], [], NOW)["text"] == "NORMAL - LIVE."


def test_a_test_alarm_stands_behind_what_is_real() -> None:
    drill = alarm("", "critical", unit="", detector="test", text="This is a test by kim")
    real = alarm("", "warning", unit="", detector="silent-together", texts={"names": "a, b"}, count=2)
    told = headline([LIVE], [drill, real], NOW)
    assert (told["place"], told["condition"]) == ("a, b", "ALARM")
    first, last = rows([drill, real], [], {"rack-1": "LIVE"}, NOW)
    assert (first["place"], first["more"], last["place"]) == ("a, b", 0, "the agent")


def test_of_units_whose_names_are_long_a_sentence_names_three() -> None:
    units = [{**BLIND, "name": f"rack-{n}", "label": "전" * 64} for n in range(6)]
    assert "(rack-2) and 3 more; any state is possible" in headline(units, [], NOW)["text"]
