"""Liveness rule by rule, in few frames: every number just before and just after, and what a restart keeps."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.liveness import Liveness, LivenessState
from agent.quality import Quality

PERIOD_S = 10.0
GOOD, LOST, FROZEN = 0, int(Quality.NO_REPLY), int(Quality.FROZEN)
PLACES, QUANTITIES = (
    ("cell1", "cell2", "cell3", "cell3", ""),
    ("cell_voltage",) * 3 + ("cell_temperature", "current"),
)


class Unit:
    """Three cells, a temperature and a current, and heartbeats: promised within so many seconds, or not."""

    def __init__(self, *beats: float, period_s: float = PERIOD_S) -> None:
        quantities = [*QUANTITIES, *["heartbeat"] * len(beats)]
        promised = np.array([*[np.inf] * 5, *beats])
        self.live = Liveness([*PLACES, *[""] * len(beats)], quantities, promised, period_s)
        self.n, self.t_s, self.seed = len(quantities), 1000.0, 0
        self.raw, self.quality = np.full(self.n, 3300), np.zeros(self.n, np.uint8)

    def take(self, raw: Sequence[int], dt_s: float = PERIOD_S, lost: Sequence[int] = ()) -> list[AlarmEvent]:
        self.t_s += dt_s
        self.raw = np.array(raw, np.int64)
        quality = np.full(self.n, GOOD, np.uint8)
        quality[list(lost)] = LOST
        self.quality, events = self.live.judge(self.t_s, self.raw, quality)
        return events

    def hold(self, dt_s: float = PERIOD_S) -> list[AlarmEvent]:
        """Repeat the frame."""
        return self.take(self.raw, dt_s)

    def move(self, *still: int, dt_s: float = PERIOD_S) -> list[AlarmEvent]:
        """Move all values but some, up and down by turns."""
        self.seed += 1
        new = 3300 + 10 * (self.seed % 2) + np.arange(self.n)
        new[5:] = 3300 + self.seed
        new[list(still)] = self.raw[list(still)]
        return self.take(new, dt_s)

    def learn(self, frames: int = 190) -> "Unit":
        """Hear three stretches of ten minutes in which all that is judged turns in each frame."""
        for _ in range(frames):
            assert self.move() == []
        return self


def until(unit: Unit, frame: str, *args: int, most: int = 40) -> tuple[int, AlarmEvent]:
    """Return after how many frames of a kind something happens, and what."""
    for k in range(1, most):
        if events := getattr(unit, frame)(*args):
            (event,) = events
            return k, event
    raise AssertionError("nothing happens")


def test_a_held_frame_is_told_from_its_limit_on_and_ends_when_anything_moves() -> None:
    unit = Unit().learn()
    k, event = until(unit, "hold")
    assert unit.live._credible.limit <= k < unit.live._credible.limit + 1
    assert (event.detector, event.severity, event.state, event.name) == (
        "held-frame",
        "warning",
        "NEW",
        "held-frame:",
    )
    assert (event.value, event.limit, event.value_unit) == (k * PERIOD_S, 30.0, "s")
    assert (event.t_s, event.since_s) == (unit.t_s, unit.t_s - k * PERIOD_S)
    assert (event.location, event.quantity) == ("", "")
    assert event.text.startswith(
        f"answers, but no value at all had moved for {k * PERIOD_S:.0f} s when raised, "
    )
    assert set(unit.quality) == {FROZEN}
    assert unit.live.state() == LivenessState(k * PERIOD_S, True, True)
    assert unit.hold() == []
    assert set(unit.quality) == {FROZEN}
    unit.take(unit.raw, lost=[1])
    assert unit.quality.tolist() == [FROZEN, LOST, FROZEN, FROZEN, FROZEN]
    (over,) = unit.move(4)
    assert over.state == "CLEARED-NEW"
    assert set(unit.quality) == {GOOD}, "it was the unit that stood still, not its sensors"
    assert unit.live.state() == LivenessState(0.0, True, False)
    assert not unit.live._counts[4, :2].any()


def test_nothing_is_told_before_three_stretches_were_heard() -> None:
    unit = Unit()
    for _ in range(130):
        unit.move()
    for _ in range(40):
        assert unit.hold() == []
    assert unit.live.state() == LivenessState(400.0, False, False)
    assert unit.live.state().unproven
    unit = Unit()
    for _ in range(31):
        unit.hold()
    assert not unit.live.state().unproven, "the first frame has moved: 300 s"
    unit.hold()
    assert unit.live.state().unproven


@pytest.mark.parametrize(
    ("state", "unproven"),
    [
        (LivenessState(300.0, False, False), False),
        (LivenessState(300.1, False, False), True),
        (LivenessState(1e6, True, False), False),  # it would be noticed
        (LivenessState(1e6, False, True), False),  # it was
    ],
)
def test_after_five_minutes_a_unit_is_unproven_that_nothing_can_be_told_of(
    state: LivenessState, unproven: bool
) -> None:
    assert state.unproven == unproven


def test_one_stuck_sensor_is_named() -> None:
    unit = Unit().learn()
    k, event = until(unit, "move", 2)
    assert unit.live._credible.limits[2] <= k < unit.live._credible.limits[2] + 1
    assert (event.detector, event.severity, event.location) == ("stuck-sensor", "advice", "cell3")
    assert (event.quantity, event.name) == ("cell_voltage", "stuck-sensor:cell3.cell_voltage")
    assert (event.value, event.limit) == (k * PERIOD_S, 30.0)
    assert event.text.startswith(f"cell3 had stood still for {k * PERIOD_S:.0f} s when raised, ")
    assert unit.quality.tolist() == [GOOD, GOOD, FROZEN, GOOD, GOOD]
    assert not unit.live.state().frozen
    assert unit.move(2) == []
    _, over = until(unit, "move")
    assert (over.state, over.location) == ("CLEARED-NEW", "cell3")
    assert set(unit.quality) == {GOOD}


def test_a_stuck_sensor_of_no_place_is_named_by_its_quantity() -> None:
    unit = Unit()
    unit.live.places = ("cell1", "cell2", "", "cell3", "")
    _, event = until(unit.learn(), "move", 2)
    assert event.text.startswith("cell_voltage had stood still")
    assert (event.location, event.quantity) == ("", "")


@pytest.mark.parametrize(
    ("period_s", "frames", "dt_s", "counted_s"),
    [
        (1.0, 2, 1.0, 1.0),
        (1.0, 2, 15.0, 15.0),
        (1.0, 2, 99.0, 15.0),
        (10.0, 2, 99.0, 30.0),
        (10.0, 2, -5.0, 10.0),
    ],
)
def test_a_gap_counts_for_three_polls_or_fifteen_seconds_at_most(
    period_s: float, frames: int, dt_s: float, counted_s: float
) -> None:
    unit = Unit(period_s=period_s)
    unit.move()
    for _ in range(frames):
        unit.hold(dt_s)
    assert unit.live.state().still_s == frames * counted_s


@pytest.mark.parametrize("dt_s", [0.0, math.nan, math.inf])
def test_a_frame_whose_time_says_nothing_proves_nothing(dt_s: float) -> None:
    unit = Unit()
    unit.move()
    before = unit.live._counts.copy()
    quality = np.zeros(unit.n, np.uint8)
    same, events = unit.live.judge(unit.t_s + dt_s, unit.raw + 1, quality)
    assert same is quality
    assert events == []
    np.testing.assert_array_equal(unit.live._counts, before)


def test_a_frame_without_a_good_value_proves_nothing() -> None:
    unit = Unit()
    unit.move()
    for _ in range(5):
        assert unit.take(unit.raw, lost=range(5)) == []
    assert unit.live.state().still_s == 0.0
    unit.hold()
    assert unit.live.state().still_s == PERIOD_S


def test_a_promised_heartbeat_that_stands_still_freezes_all_values() -> None:
    unit = Unit(35.0)
    for _ in range(5):
        unit.move()
    k, event = until(unit, "move", 5)
    assert k == 5, "35 s and one poll"
    assert (event.detector, event.severity, event.name) == ("heartbeat", "warning", "heartbeat:")
    assert (event.value, event.limit, event.quantity, event.location) == (50.0, 35.0, "", "")
    assert event.text.startswith(
        "answers, but its heartbeat had stood still for 50 s when raised: its values are"
    )
    assert set(unit.quality) == {FROZEN}
    assert unit.live.state() == LivenessState(50.0, True, True)
    assert unit.move(5) == []
    (over,) = unit.move()
    assert over.state == "CLEARED-NEW"
    assert unit.live.state() == LivenessState(0.0, True, False)


def test_one_of_two_heartbeats_is_told_by_its_name() -> None:
    unit = Unit(25.0, 25.0)
    for _ in range(5):
        unit.move()
    _, event = until(unit, "move", 6)
    assert event.name == "heartbeat:.heartbeat~2"
    _, event = until(unit, "move")
    assert (event.name, event.state) == ("heartbeat:.heartbeat~2", "CLEARED-NEW")


def test_a_heartbeat_that_nobody_promised_speaks_for_what_has_not_moved_since() -> None:
    unit = Unit(np.inf)
    for _ in range(10):
        unit.move()
    k, event = until(unit, "move", 5, 1)
    assert k * PERIOD_S == 50.0
    assert "though other values move: those that have not moved since are not fresh" in event.text
    assert unit.quality.tolist() == [GOOD, FROZEN, GOOD, GOOD, GOOD, FROZEN]
    assert not unit.live.state().frozen
    longest = unit.live._counts[1, 5]
    (over,) = unit.move()
    assert over.state == "CLEARED-NEW"
    assert unit.live._counts[1, 5] == longest, "what a fault held still is no measure of noise"


def test_the_longest_stillness_of_the_frame_makes_the_next_credible() -> None:
    unit = Unit()
    for _ in range(4):
        unit.hold()
    unit.move()
    for _ in range(2):
        unit.hold()
    unit.move()
    assert unit.live._longest == 3, "the first frame has moved"
    unit.learn()
    assert unit.live._credible.limit >= 9.0


def again(unit: Unit, period_s: float = PERIOD_S, beats: Sequence[float] = ()) -> tuple[Unit, bool]:
    """The unit of the next process, and whether it takes up what was learned."""
    other = Unit(*beats, period_s=period_s)
    taken = other.live.take_up(unit.live.learned())
    other.live.book.from_plain(unit.live.book.to_plain())
    other.live.stand_again()
    other.t_s, other.seed, other.raw = unit.t_s, unit.seed, unit.raw
    return other, taken


@pytest.mark.parametrize("story", ["learned", "held", "stuck", "beat", "under way"])
def test_a_restart_goes_on_where_it_was(story: str) -> None:
    beats = (35.0,)
    unit = Unit(*beats)
    if story != "under way":
        unit.learn()
    stories = {"learned": [], "held": [(5,)], "stuck": [(1, 5)], "beat": [(5,)], "under way": [()]}
    for _ in range(20):
        if story == "held":
            unit.hold()
        elif still := stories[story]:
            unit.move(*(c for c in still[0] if story != "stuck" or c != 5))
    other, taken = again(unit, beats=beats)
    assert taken
    assert other.live.state() == unit.live.state()
    assert other.live.learned()[3] == unit.live.learned()[3]
    for frame in ("hold", "hold", "move", "move", *["hold"] * 30, "move"):
        said = [
            [(e.detector, e.state, e.location, e.value) for e in getattr(one, frame)()]
            for one in (unit, other)
        ]
        assert said[0] == said[1]
        np.testing.assert_array_equal(unit.quality, other.quality)
    assert other.live.learned() == unit.live.learned()


def test_what_is_of_another_unit_is_not_taken_up() -> None:
    unit = Unit().learn()
    learned = unit.live.learned()
    assert not again(unit, period_s=5.0)[1]
    assert not again(unit, beats=(35.0,))[1]
    for wrong in (None, tuple(learned), learned[:3], [*learned, 0], ["2", *learned[1:]]):
        assert not Unit().live.take_up(wrong)
    other = Unit()
    assert not other.live.take_up([*learned[:2], learned[2][8:], learned[3]])
    assert not other.live._counts.any()
    assert other.live.take_up(learned)
    np.testing.assert_array_equal(other.live._last, unit.live._last)


def test_alarms_in_the_book_of_another_layout_are_left_alone() -> None:
    unit = Unit().learn()
    until(unit, "move", 2)
    live = Liveness(["a", "b"], ["cell_voltage"] * 2, np.full(2, np.inf), PERIOD_S)
    live.book.from_plain(unit.live.book.to_plain())
    live.stand_again()
    assert not live._stuck.any()
