"""What is said of gaps, of times that do not go on, and of groups that only ever learned."""

from collections.abc import Sequence

import numpy as np

from agent.detect.learning import Coverage
from agent.replay.sight import Sight

GAP = "nothing is known of what happened in them"
LEARNING = (
    "over before the detectors had learned what is ordinary: fast heating and large deviations were judged,"
    " slow and small ones not. Recordings of a day or more say more"
)
ANEW = (
    "detectors began anew there. If these are separate tests, name the column that tells them apart:"
    ' group = "COLUMN"'
)


def see(sight: Sight, t_s: Sequence[float]) -> None:
    times = np.array(t_s, float)
    sight.see(times, times)


def of_groups(*groups: Sequence[float], judged: float = 1.0, period_s: float = 10.0) -> list[str]:
    """Return the notes of groups a, b, ... with these times, of which so many seconds were judged."""
    sight = Sight()
    for name, t_s in zip("abcdefghij", groups, strict=False):
        sight.begin(name if len(groups) > 1 else "", period_s)
        see(sight, t_s)
        sight.end(Coverage(judged=judged, learning=5.0, blind=0.0))
    return sight.notes()


def test_a_gap_is_more_than_ten_periods_of_its_group() -> None:
    assert of_groups([0, 10, 110]) == []
    assert of_groups([0, 10, 111]) == [
        f"1 gap of more than 10 periods, the longest 2 min, up to 111.0: {GAP}"
    ]
    assert of_groups([0, 10, 111], period_s=10.1) == []
    assert of_groups([0, 10, 111], [0, 10])[0].startswith("1 gap of more than 10 periods in 1 of 2 groups,")


def test_the_longest_gap_of_all_groups_is_named_and_the_first_of_several_as_long() -> None:
    assert of_groups([0, 200, 500, 700, 1000], [0, 10], [0, 250]) == [
        f"5 gaps of more than 10 periods in 2 of 3 groups, the longest 5 min, up to 500.0 in a: {GAP}"
    ]
    assert of_groups([0, 200], [0, 10, 3610], [0, 300]) == [
        f"3 gaps of more than 10 periods in 3 of 3 groups, the longest 60 min, up to 3610.0 in b: {GAP}"
    ]
    assert "up to 200.0 in a: " in of_groups([0, 200], [0, 10, 210])[0]
    many = of_groups(np.arange(0.0, 1001 * 200.0, 200.0))
    assert many[0].startswith("1,000 gaps of more than 10 periods, the longest 3 min, up to 200.0:")


def test_rows_that_come_in_pieces_are_one_group() -> None:
    sight = Sight()
    sight.begin("", 10.0)
    for piece in ([0.0, 10.0], [], [200.0], [195.0, 195.0]):
        see(sight, piece)
    gap, back, again = sight.notes()
    assert gap.startswith("1 gap of more than 10 periods, the longest 3 min, up to 200.0:")
    assert back == f"time goes back 1 times, first at 195.0: {ANEW}"
    assert again == "1 rows have the time of the row before them and were left out"


def test_a_gap_between_pieces_is_measured_from_the_last_row_of_the_one_before() -> None:
    sight = Sight()
    sight.begin("", 10.0)
    see(sight, [0.0, 10.0, 20.0])
    see(sight, [115.0])
    assert sight.notes() == []


def test_a_group_begins_where_it_likes() -> None:
    assert of_groups([0, 10], [5000, 5010], [0, 10]) == []


def test_time_that_goes_back_is_counted_over_all_groups_and_told_where_it_first_did() -> None:
    assert of_groups([0, 10, 5, 3], [7, 6]) == [f"time goes back 3 times, first at 5.0 in a: {ANEW}"]
    assert of_groups([0, 10], [7, 6, 8, 5]) == [f"time goes back 2 times, first at 6.0 in b: {ANEW}"]
    said = np.array(["2026-01-01T00:00:00", "2026-01-01T00:00:10", "2026-01-01T00:00:05"], "datetime64[s]")
    sight = Sight()
    sight.begin("", 10.0)
    sight.see(np.array([0.0, 10.0, 5.0]), said)
    assert sight.notes()[0].startswith("time goes back 1 times, first at 2026-01-01T00:00:05: detectors")


def test_rows_of_one_time_are_counted_over_all_groups() -> None:
    pairs = of_groups(np.repeat(np.arange(800.0), 2), np.repeat(np.arange(800.0), 2))
    assert pairs == ["1,600 rows have the time of the row before them and were left out"]


def test_groups_in_which_nothing_was_judged_are_named_six_at_most() -> None:
    assert of_groups([0, 1], judged=0.0) == [f"the whole recording: {LEARNING}"]
    assert of_groups([0, 1], judged=1.0) == []
    assert of_groups(*[[0, 1]] * 2, judged=0.0) == [f"2 of 2 groups (a, b): {LEARNING}"]
    assert of_groups(*[[0, 1]] * 6, judged=0.0) == [f"6 of 6 groups (a, b, c, d, e, f): {LEARNING}"]
    assert of_groups(*[[0, 1]] * 7, judged=0.0) == [f"7 of 7 groups (a, b, c, d, e, f, ...): {LEARNING}"]


def test_a_group_that_was_judged_once_or_held_nothing_to_judge_is_not_named() -> None:
    sight = Sight()
    for group, judged, learning in [
        ("a", 0.0, 5.0), ("a", 1.0, 0.0), ("a", 0.0, 5.0), ("b", 0.0, 0.0), ("c", 0.0, 1.0), ("c", 0.0, 1.0),
    ]:  # fmt: skip
        sight.begin(group, 1.0)
        see(sight, [0, 1])
        sight.end(Coverage(judged=judged, learning=learning, blind=0.0))
    assert sight.notes() == [f"1 of 3 groups (c): {LEARNING}"]
