"""What a unit reports: its off-delay, its names, and what a restart finds of it. Without a profile."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from agent.detect.alarms.book import AlarmBook
from agent.detect.alarms.states import Action, AlarmEvent
from agent.detect.reported import Reported, Saying, is_witness

PLACES, QUANTITIES = ["", "module1", "module2"], ["mode", "alarms", "alarms"]
SAYINGS: list[Saying] = [
    (1, "alarms.0", "warning", "fan"),
    (1, "alarms.1", "advice", "filter"),
    (2, "alarms.0", "warning", "fan"),
    (0, "mode.2", "critical", "fault"),
]
NOT_READ = 4


def reported(sayings: Sequence[Saying] = SAYINGS) -> Reported:
    """A unit of three values; bit k of each is the k-th saying of that value."""

    def standing(raw: np.ndarray, quality: np.ndarray) -> list[Saying]:
        place = {i: [s for s in sayings if s[0] == i] for i in range(3)}
        return [
            said for i, all_of in place.items() for k, said in enumerate(all_of)
            if quality[i] == 0 and raw[i] >> k & 1
        ]  # fmt: skip

    return Reported(PLACES, QUANTITIES, sayings, standing)


def judge(unit: Reported, t_s: float, *raw: int, lost: int | None = None) -> list[AlarmEvent]:
    quality = np.zeros(3, np.uint8)
    if lost is not None:
        quality[lost] = NOT_READ
    return unit.judge(t_s, np.array(raw, np.int64), quality)


def states(events: Sequence[AlarmEvent]) -> list[tuple[str, str]]:
    return [(event.state, event.name) for event in events]


FAN1, FILTER, FAN2, FAULT = "alarms.0:module1", "alarms.1:module1", "alarms.0:module2", "mode.2:"


def test_an_event_says_what_the_unit_says() -> None:
    (event,) = judge(reported(), 10.0, 0, 2, 0)
    text = "The unit itself reports for module1: filter."
    assert event == AlarmEvent(
        "reported", "advice", "NEW", "module1", "alarms", 1.0, 1.0, "", text, 10.0, since_s=10.0, name=FILTER,
        sentence="reported-at", texts={"where": "module1", "what": "filter"},
    )  # fmt: skip
    (event,) = judge(reported(), 10.0, 1, 0, 0)
    assert (event.severity, event.text) == ("critical", "The unit itself reports: fault.")


@pytest.mark.parametrize(
    ("text", "witness"),
    [
        ("smoke in the room", True),
        ("Insulation low", True),
        ("cell under-voltage", True),
        ("GAS", True),
        ("cell over temperature", False),  # it repeats what the sensor says
        ("gas sensor fault", False),
        ("discharge switched off", False),  # so does what the unit does then
        ("temperature high, fire risk", False),
    ],
)
def test_only_what_no_temperature_sensor_can_have_raised_is_a_witness_of_heat(
    text: str, witness: bool
) -> None:
    assert is_witness(text) == witness


def test_a_witness_counts_from_when_the_unit_raised_it() -> None:
    unit = reported([(1, "alarms.0", "advice", "smoke"), (1, "alarms.1", "critical", "fan")])
    assert unit.witness_s(5.0) == np.inf
    judge(unit, 10.0, 0, 2, 0)
    assert unit.witness_s(11.0) == np.inf
    judge(unit, 20.0, 0, 3, 0)
    judge(unit, 30.0, 0, 3, 0)
    assert unit.witness_s(31.0) == 11.0


def test_each_is_an_alarm_of_its_own() -> None:
    events = judge(reported(), 10.0, 1, 3, 1)
    assert {(event.name, event.severity) for event in events} == {
        (FAN1, "warning"), (FILTER, "advice"), (FAN2, "warning"), (FAULT, "critical"),
    }  # fmt: skip


@pytest.mark.parametrize(("away_s", "over"), [(0.0, False), (59.9, False), (60.0, True), (1e9, True)])
@pytest.mark.parametrize(("raw", "name"), [((0, 1, 0), FAN1), ((0, 2, 0), FILTER), ((0, 0, 1), FAN2)])
def test_one_is_over_when_it_was_away_for_a_minute(
    raw: tuple[int, ...], name: str, away_s: float, over: bool
) -> None:
    unit = reported()
    assert states(judge(unit, 0.0, *raw)) == [("NEW", name)]
    assert judge(unit, 100.0, 0, 0, 0) == []
    assert states(judge(unit, 100.0 + away_s, 0, 0, 0)) == [("CLEARED-NEW", name)] * over
    assert states(judge(unit, 2e9, *raw)) == [("NEW", name)] * over


def test_a_critical_one_waits_for_a_person() -> None:
    unit = reported()
    judge(unit, 0.0, 1, 0, 0)
    assert judge(unit, 10.0, 0, 0, 0) == []
    assert judge(unit, 70.0, 0, 0, 0) == []
    assert not unit.book.standing()
    assert states(unit.book.do(Action.ACKNOWLEDGE, FAULT, 80.0)) == [("NORMAL", FAULT)]


def test_what_comes_back_or_is_not_read_is_away_from_then_on() -> None:
    for again in ((0, 1, 0), None):
        unit = reported()
        judge(unit, 0.0, 0, 1, 0)
        judge(unit, 100.0, 0, 0, 0)
        if again:
            assert judge(unit, 150.0, *again) == []
        else:
            assert judge(unit, 150.0, 0, 0, 0, lost=1) == []
        assert judge(unit, 155.0, 0, 0, 0) == []
        assert judge(unit, 214.9, 0, 0, 0) == []
        assert states(judge(unit, 215.0, 0, 0, 0)) == [("CLEARED-NEW", FAN1)]
        assert judge(unit, 300.0, 0, 0, 0) == []


def test_another_value_that_is_not_read_holds_nothing_up() -> None:
    unit = reported()
    judge(unit, 0.0, 0, 1, 0)
    judge(unit, 10.0, 0, 0, 0, lost=2)
    assert states(judge(unit, 70.0, 0, 0, 0, lost=2)) == [("CLEARED-NEW", FAN1)]


def test_a_frame_that_says_the_same_is_not_read_again() -> None:
    reads = []

    def standing(raw: np.ndarray, quality: np.ndarray) -> list[Saying]:
        reads.append(raw[1])
        return SAYINGS[:1] if raw[1] and quality[1] == 0 else []

    unit = Reported(PLACES, QUANTITIES, SAYINGS[:3], standing)
    for t_s, raw, lost in (
        (0, 0, None),
        (1, 0, None),
        (2, 1, None),
        (3, 1, None),
        (4, 1, 1),
        (5, 1, 1),
        (6, 1, None),
    ):
        judge(unit, float(t_s), t_s, raw, 0, lost=lost)  # the first value says nothing
    assert reads == [0, 1, 1, 1]
    for t_s in (10, 20, 30):
        judge(unit, float(t_s), 0, 0, 0)
    assert reads[4:] == [0, 0, 0], "while one is away, time alone ends it"


def kept(unit: Reported) -> AlarmBook:
    book = AlarmBook()
    book.from_plain(unit.book.to_plain())
    return book


def test_alarms_go_on_after_a_restart_under_other_numbers() -> None:
    before = reported()
    judge(before, 0.0, 1, 1, 1)
    assert before.said()[0] == [1, "warning", "fan"]
    after = reported(SAYINGS[::-1])
    after.book = kept(before)
    assert after.stand_again(before.said(), 50.0) == []
    assert {alarm.scope: alarm.leader for alarm in after.book.all()} == {
        FAN1: ("reported", 3), FAN2: ("reported", 1), FAULT: ("reported", 0),
    }  # fmt: skip
    assert all(alarm.members == alarm.shown == {alarm.leader} for alarm in after.book.all())
    assert judge(after, 60.0, 1, 2, 1) == []
    assert judge(after, 70.0, 1, 0, 1) == []
    assert states(judge(after, 130.0, 1, 0, 1)) == [("CLEARED-NEW", FAN1)]


def test_what_a_unit_can_say_no_more_is_over() -> None:
    before = reported()
    judge(before, 0.0, 0, 3, 0)
    after = reported(SAYINGS[1:])
    after.book = kept(before)
    events = after.stand_again(before.said(), 50.0)
    assert states(events) == [("CLEARED-NEW", FAN1)]
    assert events[0].t_s == 50.0
    assert judge(after, 60.0, 0, 1, 0) == [], "the filter is the first bit now"


def test_one_that_was_gone_and_not_acknowledged_comes_back_as_itself() -> None:
    before = reported()
    judge(before, 0.0, 0, 1, 0)
    judge(before, 10.0, 0, 0, 0)
    judge(before, 70.0, 0, 0, 0)
    after = reported()
    after.book = kept(before)
    assert after.stand_again(before.said(), 80.0) == []
    assert not after.book.standing()
    assert states(judge(after, 90.0, 0, 1, 0)) == [("NEW", FAN1)]
    assert len(after.book.all()) == 1


def test_one_that_is_more_severe_now_is_raised_again() -> None:
    before = reported()
    judge(before, 0.0, 0, 2, 0)
    worse = [
        (i, what, "warning" if what == "alarms.1" else severity, text) for i, what, severity, text in SAYINGS
    ]
    after = reported(worse)
    after.book = kept(before)
    assert after.stand_again(before.said(), 50.0) == []
    (event,) = judge(after, 60.0, 0, 2, 0)
    assert (event.state, event.severity, event.name) == ("NEW", "warning", FILTER)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([[1, "warning", "fan"]], FAN1),
        ([[2, "warning", "fan"]], FAN1),  # its place tells it
        ([], FAN1),
    ],
)
def test_an_alarm_of_version_0_1_0_is_found_by_its_place_and_words(
    said: list[list[object]], found: str
) -> None:
    before = reported()
    judge(before, 0.0, 0, 1, 0)
    old = "reported:module1"
    after = reported()
    after.book = kept(before)
    (alarm,) = after.book.all()
    assert alarm.said is not None
    alarm.said = replace(alarm.said, name=old)
    over, again = after.stand_again(said, 50.0)
    assert (over.name, over.state, over.t_s) == (old, "NORMAL", 50.0)
    assert over.text == "Each alarm that the unit reports has an identity of its own since the upgrade."
    assert (again.name, again.state) == (found, "NEW")
    assert alarm.said == again
    assert judge(after, 60.0, 0, 1, 0) == []


def test_where_two_points_say_the_same_the_value_tells_them_apart() -> None:
    twice: list[Saying] = [(1, "a.0", "warning", "fan"), (2, "b.0", "warning", "fan")]
    before = Reported(["", "rack", "rack"], QUANTITIES, twice, lambda raw, _: [twice[1]] * int(raw[2]))
    judge(before, 0.0, 0, 0, 1)
    for first, (index, name) in ((2, (2, "b.0:rack")), (1, (1, "a.0:rack")), (0, (1, "a.0:rack"))):
        after = Reported(["", "rack", "rack"], QUANTITIES, twice, lambda raw, _: [])
        after.book = kept(before)
        (alarm,) = after.book.all()
        assert alarm.said is not None
        alarm.said, alarm.leader = replace(alarm.said, name="reported:rack~1"), ("reported", 1)
        events = after.stand_again([[9, "warning", "fan"], [first, "warning", "fan"]], 50.0)
        assert [event.name for event in events] == ["reported:rack", "reported:rack~1", name]
        assert alarm.leader == ("reported", index - 1)


def test_what_stands_is_not_raised_again_with_another() -> None:
    unit = reported()
    judge(unit, 0.0, 0, 1, 0)
    before = unit.book.to_plain()
    assert states(judge(unit, 5.0, 0, 1, 1)) == [("NEW", FAN2)]
    assert unit.book.to_plain()[:1] == before
