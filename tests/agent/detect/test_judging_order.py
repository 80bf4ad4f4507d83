"""What a unit's judges are told, in which order, and what of them a restart keeps; without their kernel."""

import math

import numpy as np
import pytest

from agent.detect.settings import Settings
from agent.detect.unit import UnitJudges
from agent.quality import Quality
from tests.agent.detect.stand_in import StandIn

GOOD, FROZEN, LOST = int(Quality.GOOD), int(Quality.FROZEN), int(Quality.NO_REPLY)
BEAT, WORD = 4, 5


class Values:
    """Four cells, a promised heartbeat, and a word of alarms."""

    places: tuple[str, ...] = ("cell1", "cell2", "cell3", "cell4", "", "")
    quantities = (*["cell_voltage"] * 4, "heartbeat", "alarms")
    resolution, limits = np.array([0.001] * 4 + [1.0] * 2), np.tile([-np.inf, np.inf], (6, 3, 1))
    changes_within_s = np.array([*[np.inf] * 4, 10.0, np.inf])
    sayings = tuple((WORD, f"word.bit{k}", "warning", f"bit {k}") for k in range(4))

    def alarms(self, raw: np.ndarray, quality: np.ndarray) -> list[tuple[int, str, str, str]]:
        return [s for k, s in enumerate(self.sayings) if raw[WORD] >> k & 1 and not quality[WORD]]


class Others(Values):
    places = ("cell4", "cell3", "cell2", "cell1", "", "")


class Unit:
    """The judges of such a unit, and what they were told and said."""

    def __init__(self, kernel: StandIn, values: Values, settings: Settings | None = None) -> None:
        self.kernel = kernel
        self.judges = UnitJudges(values, 1.0, settings)
        self.t_s, self.raw = 0.0, np.array([3300, 3300, 3300, 3300, 0, 0])
        self.recorded: list[list[int]] = []

    def take(self, *, seen: bool = True, quality: int = GOOD, beats: bool = True) -> list[tuple[str, str]]:
        self.t_s += 1.0
        self.raw[:4] += 1 if self.t_s % 2 else -1
        self.raw[BEAT] += beats
        self.kernel.of = self.judges.watch
        events = self.judges.judge(self.t_s, self.raw, np.full(6, quality, np.uint8), self._record, seen=seen)
        return [(event.detector, event.state) for event in events]

    def _record(self, quality: np.ndarray) -> np.ndarray:
        self.recorded.append(quality.tolist())
        return np.where(quality == GOOD, self.raw * 0.001, np.nan)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return StandIn(monkeypatch)


def test_what_a_unit_reports_comes_before_what_its_detectors_find(kernel: StandIn) -> None:
    unit = Unit(kernel, Values())
    assert unit.take() == []
    unit.raw[WORD] = 1
    kernel.changes = [("blind-voltage", 0, 1)]
    assert unit.take() == [("reported", "NEW"), ("blind", "NEW")]
    books = unit.judges.books
    assert {name: [a.detector for a in book.active()] for name, book in books.items()} == {
        "detectors": ["blind"],
        "reported": ["reported"],
        "liveness": [],
    }


def test_a_frozen_unit_is_no_blind_one_and_its_frames_are_recorded_as_frozen(kernel: StandIn) -> None:
    unit = Unit(kernel, Values())
    for _ in range(5):
        unit.take()
    assert math.isfinite(kernel.calls[-1].told_s)
    unit.take(seen=False)
    assert math.isnan(kernel.calls[-1].told_s), "another alarm says so already"
    said = [unit.take(beats=False) for _ in range(30)]
    assert [events for events in said if events] == [[("heartbeat", "NEW")]]
    assert math.isnan(kernel.calls[-1].told_s)
    assert unit.recorded[-1] == [FROZEN] * 6
    assert np.isnan(unit.judges.watch._banks.gate.si).all()
    unit.take(seen=False, beats=False)
    assert math.isnan(kernel.calls[-1].told_s)
    assert unit.take() == [("heartbeat", "CLEARED-NEW")]
    assert math.isfinite(kernel.calls[-1].told_s)
    assert unit.recorded[-1] == [GOOD] * 6


def test_what_was_recorded_as_frozen_is_judged_anew_and_stays_so(kernel: StandIn) -> None:
    unit = Unit(kernel, Values())
    for _ in range(40):
        assert unit.take(quality=FROZEN) == [], "it moves"
    assert unit.recorded[-1] == [FROZEN] * 6
    assert not unit.judges.liveness.state().frozen
    events = [unit.take(quality=FROZEN, beats=False) for _ in range(30)]
    assert [("heartbeat", "NEW")] in events, "and here it does not"
    assert unit.take(quality=FROZEN) == [("heartbeat", "CLEARED-NEW")]
    for _ in range(5):
        unit.take()
    assert unit.recorded[-1] == [GOOD] * 6
    assert [unit.take(quality=LOST, beats=False) for _ in range(30)] == [[]] * 30, "silence is no proof"
    assert unit.recorded[-1] == [LOST] * 6


def test_settings_are_those_of_the_site_and_without_any_the_defaults(kernel: StandIn) -> None:
    quiet = Unit(kernel, Values(), Settings(shadow=frozenset({"blind"})))
    kernel.changes = [("blind-voltage", 0, 1)]
    quiet.take()
    assert not quiet.judges.watch.book.active()
    assert quiet.judges.watch.shadow_book.active()
    assert Unit(kernel, Values()).judges.watch.settings.shadow == frozenset()


def test_what_anything_judges_is_said_of_cells_and_of_alarms_of_the_units_own(kernel: StandIn) -> None:
    assert Unit(kernel, Values()).judges.judged.tolist() == [0, 1, 2, 3, WORD]


def before(kernel: StandIn) -> Unit:
    """A unit with an alarm in each of its books."""
    unit = Unit(kernel, Values(), Settings(shadow=frozenset({"cell-drift"})))
    for _ in range(5):
        unit.take()
    for _ in range(30):
        unit.take(beats=False)
    unit.raw[WORD] = 2
    unit.judges.reported.judge(unit.t_s, unit.raw, np.zeros(6, np.uint8))
    kernel.changes = [("blind-voltage", 1, 1), ("cell-drift", 2, 1)]
    unit.take(beats=False)
    assert [len(book.active()) for book in unit.judges.books.values()] == [1, 1, 1]
    assert len(unit.judges.watch.shadow_book.active()) == 1
    return unit


def test_a_restart_of_the_same_layout_goes_on_with_all_alarms(kernel: StandIn) -> None:
    unit = before(kernel)
    other = Unit(kernel, Values(), Settings(shadow=frozenset({"cell-drift"})))
    assert other.judges.take_up(unit.judges.learned_state(), unit.t_s, sure=True) == []
    context = unit.judges.book_context()
    assert other.judges.stand_again(unit.judges.books, context, unit.t_s) == []
    assert other.judges.books == unit.judges.books
    assert other.judges.watch.standing() == [["cell-drift", 2, 1], ["blind-voltage", 1, 1]]
    shadow = [watch.shadow_book.to_plain() for watch in (other.judges.watch, unit.judges.watch)]
    assert shadow[0] == shadow[1]
    assert other.judges.liveness.state() == unit.judges.liveness.state()
    other.t_s, other.raw = unit.t_s, unit.raw
    assert other.take() == [("heartbeat", "CLEARED-NEW")]


def test_in_another_layout_only_the_units_own_alarms_go_on(kernel: StandIn) -> None:
    unit, other = before(kernel), Unit(kernel, Others())
    context = unit.judges.book_context()
    assert other.judges.stand_again(unit.judges.books, context, unit.t_s) == []
    active = {name: [a.detector for a in book.active()] for name, book in other.judges.books.items()}
    assert active == {"detectors": [], "reported": ["reported"], "liveness": []}
    assert not other.judges.watch.shadow_book.active()
    assert other.judges.watch.standing() == []


def test_alarms_that_nobody_judges_or_says_any_more_are_over(kernel: StandIn) -> None:
    unit = before(kernel)
    other = Unit(kernel, Values(), Settings(shadow=frozenset({"cell-drift", "blind"})))
    context = unit.judges.book_context()
    silent = type("Silent", (Values,), {"sayings": Values.sayings[2:]})()
    assert [e.detector for e in other.judges.stand_again(unit.judges.books, context, 99.0)] == ["blind"]
    unit = before(kernel)
    other = Unit(kernel, silent, Settings(shadow=frozenset({"cell-drift", "blind"})))
    over = other.judges.stand_again(unit.judges.books, unit.judges.book_context(), 99.0)
    assert [(e.detector, e.t_s) for e in over] == [("reported", 99.0), ("blind", 99.0)]


def test_what_was_learned_in_another_period_begins_anew(kernel: StandIn) -> None:
    unit = before(kernel)
    other = UnitJudges(Values(), 2.0)
    assert other.take_up(unit.judges.learned_state(), unit.t_s, sure=True) == ["liveness"]
    assert other.watch.t_s == unit.t_s
