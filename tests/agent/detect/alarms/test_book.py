"""One cause, one alarm: who joins whom, who leads, and what is told of it."""

import json
import math
from dataclasses import replace

import pytest

from agent.detect.alarms.book import AlarmBook, Explain
from agent.detect.alarms.states import Action, AlarmEvent, AlarmState
from agent.detect.explanations.said import Sentence, said
from agent.detect.rows import rows_of
from agent.detect.table import Row

ADVICE, WARNING, CRITICAL = 1, 2, 3


class Book:
    """A book, and what is told of each change: state, severity, place, count."""

    def __init__(self) -> None:
        self.book = AlarmBook()

        self.bad: dict[int, float] = {}  # how bad a channel is; one that is not known is not compared

    def explain(self, detector: str, t_s: float) -> Explain:
        def event(channel: int, row: Row, members: set[int]) -> AlarmEvent:
            said = f"{len(members)} now"
            return AlarmEvent(
                detector,
                row.severity,
                "NEW",
                f"cell{channel}",
                "",
                1.0,
                row.limit,
                row.unit,
                said,
                t_s,
                since_s=t_s - 5.0,
            )

        return event

    def change(
        self, t_s: float, *changes: tuple[int, int], detector: str = "thermal-slope", scope: str = "string1"
    ) -> list[tuple[str, str, str, int]]:
        """Take (channel, tier) of one detector in one string."""
        of = "blind" if detector == "blind-voltage" else detector
        events = self.book.change(
            detector,
            rows_of(of),
            [(c, scope, tier) for c, tier in changes],
            t_s,
            self.explain(of, t_s),
            lambda member: self.bad.get(member[1], math.nan),
        )
        return [(e.state, e.severity, e.location, e.count) for e in events]

    def do(
        self, what: Action, t_s: float = 0.0, name: str = "thermal-slope:cell4", **until: float
    ) -> list[str]:
        return [event.state for event in self.book.do(what, name, t_s, **until)]

    def names(self) -> list[str]:
        return [event.name for event in self.book.active()]


@pytest.fixture
def book() -> Book:
    return Book()


def test_an_alarm_is_told_when_raised_when_worse_and_when_over(book: Book) -> None:
    assert book.change(10.0, (4, ADVICE)) == [("NEW", "advice", "cell4", 1)]
    assert book.change(11.0, (4, ADVICE)) == []
    assert book.change(12.0, (4, WARNING)) == [("NEW", "warning", "cell4", 1)]
    assert book.change(13.0, (4, ADVICE)) == [], "what is less bad is no news"
    assert book.change(14.0, (4, 0)) == [("CLEARED-NEW", "warning", "cell4", 1)]
    assert book.change(15.0, (4, 0)) == []
    assert book.change(16.0, (4, ADVICE)) == [("NEW", "advice", "cell4", 1)]
    assert book.do(Action.ACKNOWLEDGE, 17.0) == ["ACK"]
    assert book.change(18.0, (4, 0)) == [("NORMAL", "advice", "cell4", 1)]
    assert book.book.empty()


def test_of_channels_raised_in_one_frame_the_worst_is_told(book: Book) -> None:
    book.bad = {4: 0.06, 5: 2.4, 6: 0.3}
    told = book.change(10.0, (4, WARNING), (5, WARNING), (6, WARNING), (7, WARNING))
    assert told == [("NEW", "warning", "cell5", 4)]
    assert book.names() == ["thermal-slope:cell5"]


def test_a_follower_that_is_worse_leads_from_then_on_and_that_is_no_event(book: Book) -> None:
    book.bad = {4: 0.06, 5: 2.4, 6: 3.0, 7: 9.0}
    book.change(10.0, (4, WARNING))
    assert book.change(12.0, (5, WARNING)) == []
    assert [(e.location, e.name, e.count) for e in book.book.active()] == [
        ("cell5", "thermal-slope:cell4", 2)
    ]
    book.bad[5] = 4.0
    assert book.change(13.0, (6, WARNING)) == []
    assert book.book.active()[0].location == "cell5", "what the leader is now counts"
    assert book.change(14.0, (7, ADVICE)) == []
    assert book.book.active()[0].location == "cell5", "a lower tier leads nothing"
    assert book.change(15.0, (7, CRITICAL)) == [("NEW", "critical", "cell7", 4)]


def test_where_nobody_says_how_bad_it_is_the_first_leads(book: Book) -> None:
    book.change(10.0, (4, WARNING))
    book.bad = {5: 2.4}
    book.change(12.0, (5, WARNING))
    assert book.book.active()[0].location == "cell4"


@pytest.mark.parametrize(("after_s", "joins"), [(0.0, True), (600.0, True), (600.1, False)])
def test_a_neighbour_joins_for_ten_minutes(book: Book, after_s: float, joins: bool) -> None:
    book.change(10.0, (4, WARNING))
    assert book.change(10.0 + after_s, (5, WARNING)) == [] * joins + [("NEW", "warning", "cell5", 1)] * (
        not joins
    )
    assert [event.count for event in book.book.active()] == ([2] if joins else [1, 1])


def test_ten_minutes_count_from_the_last_that_joined(book: Book) -> None:
    book.change(0.0, (4, WARNING))
    assert book.change(500.0, (5, ADVICE)) == []
    assert book.change(1000.0, (6, ADVICE)) == []
    assert book.book.active()[0].count == 3


@pytest.mark.parametrize(
    ("detector", "scope", "joins"),
    [
        ("thermal-rate", "string1", True),
        ("cooling", "string1", True),
        ("thermal-slope", "string2", False),
        ("cell-imbalance", "string1", False),
        ("cooling-degraded", "string1", False),
    ],
)
def test_relatives_of_one_string_are_one_alarm(book: Book, detector: str, scope: str, joins: bool) -> None:
    book.change(10.0, (4, WARNING))
    tier = ADVICE if detector == "cooling-degraded" else WARNING
    assert bool(book.change(11.0, (5, tier), detector=detector, scope=scope)) != joins
    assert len(book.book.all()) == 2 - joins


def test_blind_sensors_and_blind_cells_are_one_alarm_and_not_taken_for_each_other(book: Book) -> None:
    book.change(10.0, (4, ADVICE), detector="blind")
    assert book.change(10.0, (4, ADVICE), detector="blind-voltage") == []
    assert book.change(11.0, (4, 0), detector="blind-voltage") == []
    assert book.change(12.0, (4, 0), detector="blind") == [("CLEARED-NEW", "advice", "cell4", 1)]


def test_the_worst_of_a_frame_leads_and_the_others_are_counted(book: Book) -> None:
    assert book.change(10.0, (4, ADVICE), (5, CRITICAL), (6, WARNING)) == [("NEW", "critical", "cell5", 3)]
    (alarm,) = book.book.all()
    assert (alarm.leader, alarm.tier, alarm.latch) == (("thermal-slope", 5), CRITICAL, True)
    assert alarm.members == alarm.shown == {("thermal-slope", c) for c in (4, 5, 6)}
    assert alarm.said is not None
    assert alarm.said.text == "3 now"
    assert book.names() == ["thermal-slope:cell5"]


def test_a_worse_neighbour_leads_and_the_name_stays(book: Book) -> None:
    book.change(10.0, (4, ADVICE))
    assert book.do(Action.ACKNOWLEDGE) == ["ACK"]
    assert book.change(20.0, (5, ADVICE)) == []
    assert book.change(30.0, (5, WARNING), detector="thermal-rate") == [("NEW", "warning", "cell5", 2)]
    (alarm,) = book.book.all()
    assert (alarm.leader, alarm.raised_s, alarm.joined_s) == (("thermal-rate", 5), 30.0, 30.0)
    assert alarm.said is not None
    assert (alarm.said.text, alarm.said.detector) == ("1 now", "thermal-rate"), "those of its own detector"
    assert book.names() == ["thermal-slope:cell4"]


def test_an_alarm_stands_until_the_last_has_cleared_and_comes_back_as_itself(book: Book) -> None:
    book.change(10.0, (4, WARNING), (5, WARNING))
    assert book.change(20.0, (4, 0)) == []
    assert [alarm.standing for alarm in book.book.all()] == [True]
    assert book.book.standing() == book.book.all()
    assert book.change(30.0, (5, 0)) == [("CLEARED-NEW", "warning", "cell4", 2)]
    assert book.book.standing() == []
    assert book.change(5000.0, (5, ADVICE)) == [("NEW", "advice", "cell5", 2)]
    (alarm,) = book.book.all()
    assert (alarm.tier, alarm.latch, alarm.raised_s) == (ADVICE, False, 5000.0)


def test_a_new_neighbour_does_not_join_what_is_over(book: Book) -> None:
    book.change(10.0, (4, WARNING))
    book.change(20.0, (4, 0))
    assert book.change(30.0, (5, WARNING)) == [("NEW", "warning", "cell5", 1)]
    assert len(book.book.all()) == 2


@pytest.mark.parametrize("what", [Action.SHELVE, Action.REMOVE])
def test_what_is_put_aside_is_joined_by_nobody_and_followed(book: Book, what: Action) -> None:
    book.change(10.0, (4, ADVICE))
    assert book.do(what, 11.0, until_s=100.0) == ["SHELVED" if what is Action.SHELVE else "OUT OF SERVICE"]
    assert book.change(12.0, (5, ADVICE)) == [("NEW", "advice", "cell5", 1)]
    assert book.change(13.0, (4, 0)) == []
    assert book.change(14.0, (4, ADVICE)) == []
    assert book.book.all()[0].raised_s == 10.0
    worse = [("NEW", "warning", "cell4", 1)] if what is Action.SHELVE else []
    assert book.change(15.0, (4, WARNING)) == worse, "nobody has put aside what is worse than what he saw"


@pytest.mark.parametrize(("t_s", "back"), [(99.9, []), (100.0, ["NEW"]), (1e9, ["NEW"])])
@pytest.mark.parametrize("standing", [True, False])
def test_a_shelved_alarm_comes_back_at_its_time(
    book: Book, t_s: float, back: list[str], standing: bool
) -> None:
    book.change(10.0, (4, ADVICE))
    book.do(Action.SHELVE, until_s=100.0)
    if not standing:
        book.change(20.0, (4, 0))
    expected = back if standing else ["NORMAL"] * len(back)
    assert [event.state for event in book.book.unshelve_due(t_s)] == expected
    assert len(book.book.all()) == (standing or not back)


def test_the_list_is_by_priority_and_the_newest_first(book: Book) -> None:
    for t_s, channel, tier, scope in (
        (10.0, 1, ADVICE, "a"), (20.0, 2, WARNING, "b"), (30.0, 3, ADVICE, "c"), (40.0, 4, CRITICAL, "d"),
    ):  # fmt: skip
        book.change(t_s, (channel, tier), scope=scope)
    book.change(50.0, (1, 0), scope="a")
    listed = [(e.location, e.state, e.t_s) for e in book.book.active()]
    assert listed == [
        ("cell4", "NEW", 40.0), ("cell2", "NEW", 20.0), ("cell3", "NEW", 30.0), ("cell1", "CLEARED-NEW", 10.0)
    ]  # fmt: skip


def test_a_name_that_is_taken_is_told_apart_by_the_channel(book: Book) -> None:
    plain = book.explain
    book.explain = lambda detector, t_s: (
        lambda c, row, m: replace(  # type: ignore[method-assign]
            plain(detector, t_s)(c, row, m), location="rack"
        )
    )
    for channel, scope in ((7, "a"), (7, "b"), (7, "c"), (8, "d")):
        book.change(10.0, (channel, ADVICE), scope=scope)
    first = "thermal-slope:rack"
    assert set(book.names()) == {first, f"{first}~7", f"{first}~7~7", f"{first}~8"}
    with pytest.raises(ValueError, match="no alarm nothing"):
        book.do(Action.ACKNOWLEDGE, name="nothing")
    assert book.do(Action.ACKNOWLEDGE, name=f"{first}~8") == ["ACK"]
    assert book.do(Action.ACKNOWLEDGE, name=f"{first}~8") == [], "nothing changes"


def test_what_is_not_finite_is_told_as_nothing(book: Book) -> None:
    odd = {
        "value": math.nan,
        "limit": math.inf,
        "since_s": -math.inf,
        "beyond_noise": math.nan,
        "expected": math.inf,
    }

    def explain(channel: int, row: Row, _members: set[int]) -> AlarmEvent:
        return replace(AlarmEvent("blind", row.severity, "NEW", "", "", 1.0, 1.0, "", "", 5.0), **odd)

    (event,) = book.book.change("blind", rows_of("blind"), [(0, "", ADVICE)], 5.0, explain)
    assert [getattr(event, name) for name in odd] == [0.0] * 5
    assert event.t_s == 5.0


def test_a_book_that_is_retired_keeps_what_nobody_acknowledged(book: Book) -> None:
    book.change(10.0, (1, ADVICE), scope="a")
    book.change(10.0, (4, ADVICE), scope="b")
    book.change(10.0, (5, CRITICAL), scope="c")
    book.do(Action.ACKNOWLEDGE)
    events = book.book.retire(20.0)
    assert [(e.state, e.location, e.t_s) for e in events] == [
        ("CLEARED-NEW", "cell1", 20.0),
        ("NORMAL", "cell4", 20.0),
    ]
    assert [str(alarm.state) for alarm in book.book.all()] == ["CLEARED-NEW", "NEW"], "a latched one waits"
    assert book.book.standing() == []


def test_a_latched_alarm_waits_for_a_person(book: Book) -> None:
    assert book.change(10.0, (4, CRITICAL)) == [("NEW", "critical", "cell4", 1)]
    assert book.change(20.0, (4, 0)) == []
    assert book.do(Action.ACKNOWLEDGE, 30.0) == ["NORMAL"]
    assert book.book.empty()


def test_a_latched_alarm_that_nobody_has_seen_is_no_lesser_one_on_its_way_down(
    book: Book,
) -> None:
    book.change(10.0, (4, CRITICAL))
    assert book.change(20.0, (4, 0)) == []
    assert book.change(30.0, (4, WARNING)) == [], "it passes the limits below on its way back"
    (alarm,) = book.book.all()
    assert (alarm.tier, alarm.raised_s, alarm.latch, alarm.standing) == (CRITICAL, 10.0, True, True)
    assert book.do(Action.ACKNOWLEDGE, 40.0) == ["ACK"]
    assert book.change(50.0, (4, 0)) == []
    assert book.change(60.0, (4, WARNING)) == [("NEW", "warning", "cell4", 1)], "somebody saw the worse"
    assert book.change(70.0, (4, CRITICAL)) == [("NEW", "critical", "cell4", 1)]


def test_what_goes_on_elsewhere_is_let_go_and_what_stands_is_not(book: Book) -> None:
    book.change(10.0, (4, ADVICE))
    book.change(10.0, (5, ADVICE), scope="string2")
    book.book.forget("thermal-slope:cell4")
    assert len(book.book.all()) == 2
    book.change(20.0, (4, 0))
    book.book.forget("thermal-slope:cell4")
    assert book.names() == ["thermal-slope:cell5"]


def test_one_channel_can_be_lost_and_told_otherwise(book: Book) -> None:
    book.change(10.0, (4, ADVICE), (5, ADVICE))
    book.change(10.0, (6, ADVICE), scope="string2")
    book.book.retell(("thermal-slope", 5), said(Sentence("otherwise", "otherwise")))
    assert [e.text for e in book.book.active()] == ["otherwise", "1 now"]
    assert book.book.lose(("thermal-slope", 4), 20.0) == []
    (event,) = book.book.lose(("thermal-slope", 5), 21.0)
    assert (event.state, event.t_s, event.text) == ("CLEARED-NEW", 21.0, "otherwise")


def test_a_book_is_kept_as_plain_data(book: Book) -> None:
    book.change(10.0, (4, ADVICE), (5, WARNING))
    book.do(Action.SHELVE, 11.0, name="thermal-slope:cell5", until_s=100.0)
    plain = json.loads(json.dumps(book.book.to_plain()))
    kept = AlarmBook()
    kept.from_plain(plain)
    assert kept.all() == book.book.all()
    assert kept.all()[0].state is AlarmState.SHELVED
    kept.from_plain(plain, later_s=1000.0)
    (alarm,), (was,) = kept.all(), book.book.all()
    assert alarm.said is not None
    assert was.said is not None
    moved = replace(was.said, t_s=was.said.t_s + 1000.0, since_s=was.said.since_s + 1000.0)
    assert alarm == replace(was, raised_s=1010.0, joined_s=1010.0, until_s=1100.0, said=moved)
    with pytest.raises(LookupError):
        kept.from_plain([{}])


@pytest.mark.parametrize(
    ("detector", "text"), [("thermal-slope", "When raised: 1 now"), ("reported", "1 now")]
)
def test_alarms_of_version_0_1_0_get_a_name(book: Book, detector: str, text: str) -> None:
    book.change(10.0, (4, ADVICE), detector=detector)
    (plain,) = book.book.to_plain()
    plain["said"]["name"] = ""
    book.book.from_plain([plain])
    (event,) = book.book.active()
    assert (event.name, event.text) == (f"{detector}:cell4", text)
    plain["said"] = None
    book.book.from_plain([plain])
    assert book.book.active() == []
    with pytest.raises(ValueError, match="no alarm"):
        book.do(Action.ACKNOWLEDGE)


def test_what_is_no_number_is_told_as_0_and_all_else_as_it_is(book: Book) -> None:
    told = book.explain("thermal-slope", 10.0)

    def explain(channel: int, row: Row, members: set[int]) -> AlarmEvent:
        return replace(told(channel, row, members), value=math.nan, beyond_noise=2.5, expected=0.75)

    (event,) = book.book.change("thermal-slope", rows_of("thermal-slope"), [(4, "", ADVICE)], 10.0, explain)
    assert (event.value, event.beyond_noise, event.expected, event.since_s) == (0.0, 2.5, 0.75, 5.0)
    assert event.limit > 0.0


def test_a_channel_that_flickers_does_not_keep_its_cause_fresh_for_others() -> None:
    book = Book()
    assert len(book.change(0.0, (7, CRITICAL))) == 1
    for minute in range(1, 50):
        book.change(60.0 * minute, (7, 1 + minute % 3))
    assert [said[:3] for said in book.change(3000.0, (0, CRITICAL))] == [("NEW", "critical", "cell0")]


def test_what_is_critical_does_not_go_unheard_in_an_old_or_an_acknowledged_critical_alarm() -> None:
    book = Book()
    assert len(book.change(0.0, (7, CRITICAL))) == 1
    for minute in range(9, 40, 9):
        assert not book.change(60.0 * minute, (minute, ADVICE)), "followers, each within ten minutes"
    assert [said[:3] for said in book.change(2200.0, (0, CRITICAL))] == [("NEW", "critical", "cell0")]
    assert not book.change(2300.0, (1, CRITICAL)), "its neighbour"
    other = Book()
    assert len(other.change(0.0, (4, CRITICAL))) == 1
    other.do(Action.ACKNOWLEDGE, 30.0)
    assert [said[:3] for said in other.change(60.0, (5, CRITICAL))] == [("NEW", "critical", "cell5")]


def of_cells(
    book: Book, t_s: float, detector: str, *changes: tuple[int, int]
) -> list[tuple[str, str, str, int]]:
    """Take changes of a detector of cells, by its member's name."""
    rows = rows_of(detector.removesuffix("-low"))
    of = [(c, "string1", tier) for c, tier in changes]
    events = book.book.change(detector, rows, of, t_s, book.explain(detector, t_s))
    return [(e.detector, e.severity, e.location, e.count) for e in events]


def test_what_is_too_high_and_what_is_too_low_are_two_causes(book: Book) -> None:
    assert of_cells(book, 10.0, "voltage-limit", (3, CRITICAL)) == [("voltage-limit", "critical", "cell3", 1)]
    assert of_cells(book, 10.0, "voltage-limit-low", (5, CRITICAL)) == [
        ("voltage-limit-low", "critical", "cell5", 1)
    ]
    assert of_cells(book, 12.0, "cell-collapse", (5, CRITICAL)) == [], "it is the cell that is too low"
    assert of_cells(book, 12.0, "voltage-limit", (4, CRITICAL)) == [], "it is too high as cell 3 is"
    assert of_cells(book, 13.0, "cell-imbalance", (3, WARNING)) == [], "it goes both ways"
    assert {event.location: event.count for event in book.book.active()} == {"cell3": 2, "cell5": 1}


def test_a_channel_whose_critical_alarm_stands_opens_no_lesser_one_beside_it(book: Book) -> None:
    of_cells(book, 10.0, "cell-collapse", (5, CRITICAL))
    assert of_cells(book, 5000.0, "cell-drift", (5, ADVICE)) == []
    assert of_cells(book, 5001.0, "cell-drift", (5, WARNING)) == []
    assert of_cells(book, 5002.0, "cell-drift", (6, WARNING)) == [("cell-drift", "warning", "cell6", 1)]
    of_cells(book, 6000.0, "cell-collapse", (5, 0))
    of_cells(book, 6000.0, "cell-drift", (5, 0))
    book.do(Action.ACKNOWLEDGE, 6001.0, "cell-collapse:cell5")
    assert of_cells(book, 9000.0, "cell-drift", (5, ADVICE)) == [("cell-drift", "advice", "cell5", 1)]


def test_a_lesser_alarm_opens_beside_a_critical_one_that_is_put_aside(book: Book) -> None:
    of_cells(book, 10.0, "cell-collapse", (5, CRITICAL))
    book.do(Action.SHELVE, 11.0, "cell-collapse:cell5", until_s=1e9)
    assert of_cells(book, 5000.0, "cell-drift", (5, ADVICE)) == [("cell-drift", "advice", "cell5", 1)]
