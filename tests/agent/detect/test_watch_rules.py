"""What a watch tells its kernel, and what it makes of the tiers; the kernel itself is a stand-in."""

import ctypes
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agent.detect.declaration import At
from agent.detect.detectors import DETECTORS
from agent.detect.kernels import debounce, imbalance, slope, wander
from agent.detect.learning import Coverage
from agent.detect.settings import Settings
from agent.detect.watch import UnitDetectors, warm_up
from tests.agent.detect.banks import judging
from tests.agent.detect.second_copies import copies
from tests.agent.detect.stand_in import StandIn

PERIOD_S = 2.0
CELLS = [f"string{s}/cell{i}" for s in (1, 2) for i in range(1, 5)]
PLACES = [*CELLS, *CELLS[:4], "lone", "", "", CELLS[7]]
QUANTITIES = [*["cell_voltage"] * 8, *["cell_temperature"] * 5, "current", "power", "module_voltage"]
VOLTS, TEMPS = [*range(8), 15], [*range(8, 13)]
AMPS, WATTS = 13, 14
N = len(PLACES)
#: Detectors that no list here names; those that are named bear the rules without them.
BESIDE = frozenset(copies("ROWS"))
QUIET = Settings(shadow=frozenset({"cell-drift"}))
HEAT_OF_A_SENSOR = frozenset(
    ["last-resort", "sudden-heat", "unproven-heat", "thermal-slope", "thermal-rate", "thermal-rest"]
) | {"over-temperature"}
COOLING = frozenset(["cooling", "cooling-lost", "cooling-degraded"])


def watch_of(settings: Settings | None = None) -> UnitDetectors:
    return UnitDetectors(PLACES, QUANTITIES, np.full(N, 0.1), PERIOD_S, settings)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return StandIn(monkeypatch)


def judge(watch: UnitDetectors, kernel: StandIn, t_s: float, *changes: tuple[str, int, int]) -> list[Any]:
    """Judge a frame in which channels get new tiers."""
    kernel.of, kernel.changes = watch, list(changes)
    return watch.judge(t_s, np.full(N, 3.0), np.zeros(N, np.uint8))


@pytest.mark.parametrize(
    ("t_s", "dt_s", "counted_s", "afresh"),
    [
        (101.0, 1.0, 1.0, False),
        (106.0, 6.0, 6.0, False),  # three polls
        (106.5, 6.5, 6.0, False),
        (1e6, 999_900.0, 6.0, False),
        (99.0, PERIOD_S, PERIOD_S, True),
    ],
)
def test_a_frame_counts_for_the_time_since_the_last_and_three_polls_at_most(
    kernel: StandIn, t_s: float, dt_s: float, counted_s: float, afresh: bool
) -> None:
    watch = watch_of()
    judge(watch, kernel, 100.0)
    assert kernel.calls[-1][:3] == (100.0, PERIOD_S, PERIOD_S), "the first stands for a poll"
    watch._banks.gate.memory[:] = 7.0
    judge(watch, kernel, t_s)
    assert kernel.calls[-1][:3] == (t_s, dt_s, counted_s)
    assert watch.t_s == t_s
    assert np.isnan(watch._banks.gate.memory).all() == afresh


@pytest.mark.parametrize("t_s", [100.0, math.nan, math.inf, -math.inf])
def test_a_frame_whose_time_says_nothing_new_is_left_out(kernel: StandIn, t_s: float) -> None:
    watch = watch_of()
    assert math.isnan(watch.t_s)
    judge(watch, kernel, 100.0)
    assert judge(watch, kernel, t_s, ("blind", 0, 1)) == []
    assert len(kernel.calls) == 1
    assert watch.t_s == 100.0


def test_the_kernel_is_told_of_the_frame_of_sight_and_of_heat(kernel: StandIn) -> None:
    watch = watch_of()
    si, quality = np.arange(float(N)), np.arange(N, dtype=np.uint8) % 3
    watch.judge(1.0, si, quality)
    watch.judge(2.0, si, quality, seen=False)
    first, second = kernel.calls
    assert (first.blind_s, first.told_s, first.hot_degc) == (60.0, 60.0, 60.0)
    assert second.blind_s == 60.0
    assert math.isnan(second.told_s)
    assert first.sizes == (N, 5, 2, 9, 3, 1)
    np.testing.assert_array_equal(watch._banks.gate.si, si)
    np.testing.assert_array_equal(watch._banks.gate.quality, quality)


def test_the_lowest_limit_of_heat_is_the_highest_operating_temperature(kernel: StandIn) -> None:
    for severity in ("warning", "critical"):
        judge(watch_of(Settings({("over-temperature", severity): {"limit": 50.0}})), kernel, 1.0)
        assert kernel.calls[-1].hot_degc == 50.0


def test_tiers_that_change_are_alarms_at_their_channels_by_their_names(kernel: StandIn) -> None:
    watch = watch_of()
    assert judge(watch, kernel, 1.0) == []
    events = judge(
        watch, kernel, 2.0, ("blind-voltage", 2, 1), ("blind-voltage", 7, 2), ("over-temperature", 4, 3)
    )
    assert [(e.detector, e.severity, e.state, e.location, e.name) for e in events] == [
        ("over-temperature", "critical", "NEW", "lone", "over-temperature:lone"),
        ("blind", "warning", "NEW", "string2/cell4", "blind-voltage:string2/cell4.cell_voltage"),
        ("blind", "advice", "NEW", "string1/cell3", "blind-voltage:string1/cell3"),
    ]
    assert {e.t_s for e in events} == {2.0}
    assert {e.config for e in events} == {watch.settings.digest(watch.limits)}
    assert {e.shadow for e in events} == {False}
    assert judge(watch, kernel, 3.0) == [], "a change is told once"
    assert watch.standing() == [["over-temperature", 4, 3], ["blind-voltage", 2, 1], ["blind-voltage", 7, 2]]
    assert watch.tiers("over-temperature").tolist() == [0, 0, 0, 0, 3]
    assert watch.tiers("blind").tolist() == [0] * 5
    assert watch.active()[0].name == "over-temperature:lone"
    (over,) = judge(watch, kernel, 4.0, ("blind-voltage", 7, 0))
    assert (over.name, over.state) == ("blind-voltage:string2/cell4.cell_voltage", "CLEARED-NEW")


def test_channels_of_one_string_join_one_alarm_named_by_their_place(kernel: StandIn) -> None:
    watch = watch_of()
    first, second = (("blind", 0, 2), ("blind", 1, 2)), (("blind", 4, 2),)
    (event,) = judge(watch, kernel, 1.0, *first)
    assert (event.location, event.name) == ("string1", "blind:string1")
    (other,) = judge(watch, kernel, 2.0, *second)
    assert other.name == "blind:lone", "it is of no string"


def test_the_worst_of_those_that_wait_is_told_in_the_frame_in_which_a_lesser_one_is(kernel: StandIn) -> None:
    watch = watch_of()
    (judged,) = (j for j in watch._judges if j.member == "cell-imbalance")
    watch._banks.volts.away[:8] = [-0.06, 0.3, -2.4, -3.0, -3.1, -3.2, 0.0, 0.0]
    warning = next(r for r, of in enumerate(judged.delays.table) if of[debounce.TIER] == 2)
    judged.delays.over_s[[0, 1, 2], warning] = 9.0, 1.0, debounce.BEGUN_S
    judged.delays.over_s[4, warning] = 4.0  # in the other string
    (event,) = judge(watch, kernel, 1.0, ("cell-imbalance", 0, 2))
    assert (event.location, event.count) == ("string1/cell3", 3)
    assert judged.delays.tier.tolist() == [2, 2, 2, 0, 0, 0, 0, 0, 0]
    assert judge(watch, kernel, 2.0, ("cell-imbalance", 0, 0), ("cell-imbalance", 1, 0)) == []
    (over,) = judge(watch, kernel, 3.0, ("cell-imbalance", 2, 0))
    assert over.state == "CLEARED-NEW"


def test_a_detector_in_the_shadow_has_a_book_of_its_own(kernel: StandIn) -> None:
    watch = watch_of(QUIET)
    (event,) = judge(watch, kernel, 1.0, ("cell-drift", 3, 2))
    assert event.shadow
    assert (watch.active(), len(watch.shadow_book.active())) == ([], 1)
    (event,) = judge(watch, kernel, 2.0, ("cell-imbalance", 3, 2))
    assert not event.shadow
    assert len(watch.active()) == len(watch.shadow_book.active()) == 1


def test_each_detector_is_judged_by_its_own_numbers(kernel: StandIn) -> None:
    """The kernel is given addresses: where each score is, and what it was made of."""
    watch = watch_of(Settings(chemistry="VRLA"))
    table = judging(watch._banks, watch._channels, watch.settings)
    judge(watch, kernel, 1.0)
    rows, columns, address = kernel.calls[-1].judges
    numbers = (ctypes.c_int64 * (rows * columns)).from_address(address)
    assert rows == len(table)
    for k, row in enumerate(table):
        numbers_of = numbers[k * columns : (k + 1) * columns]
        n, tiers, limited, score, stride, source, source_stride, *delays = numbers_of
        (one,) = (judge for judge in watch._judges if judge.member == row.member)
        assert (n, tiers) == (row.channels.n, len(one.delays.table))
        assert limited == (n if one.limited else 0)
        assert delays == [array.ctypes.data for array in one.delays]
        for column, at, width in ((row.score, score, stride), (row.source, source, source_stride)):
            expected = column.array if column.array.ndim == 1 else column.array[:, column.column]
            expected[:] = np.arange(n) + 0.5
            found = [ctypes.c_double.from_address(at + 8 * width * c).value for c in range(n)]
            assert found == expected.tolist()


@pytest.mark.parametrize(
    ("at", "why"),
    [
        (
            At("cells.verdict", imbalance.VERDICTS),
            r"column 8 of cells.verdict, float64 \(9, 8\), is no float64",
        ),
        (At("cells.verdict", -1), "column -1 of cells.verdict"),
        (At("temps.value"), r"column 0 of temps.value, float64 \(5,\), is no float64 for each of 9 channels"),
        (At("volts.usable"), "column 0 of volts.usable, uint8"),
    ],
)
@pytest.mark.parametrize("field", ["score", "source"])
def test_a_score_that_not_every_channel_has_is_refused(
    monkeypatch: pytest.MonkeyPatch, field: str, at: At, why: str
) -> None:
    (drift,) = (detector for detector in DETECTORS if detector.name == "cell-drift")
    judged = drift.judged[0]._replace(**{field: at})
    monkeypatch.setattr("agent.detect.watch.DETECTORS", [replace(drift, judged=(judged,))])
    with pytest.raises(ValueError, match=f"cell-drift: {why}"):
        watch_of()


@pytest.mark.parametrize(
    ("settings", "at"),
    [
        ({}, [VOLTS, TEMPS]),
        ({"max_charge_a": 50.0}, [VOLTS, TEMPS, AMPS, WATTS]),
        ({"max_discharge_w": 50.0}, [VOLTS, TEMPS, AMPS, WATTS]),
        ({"max_charge_a": 50.0, "shadow": {"overload"}}, [VOLTS, TEMPS]),
        ({"chemistry": "VRLA"}, [VOLTS, TEMPS, AMPS, WATTS]),
        ({"chemistry": "LFP"}, [VOLTS, TEMPS]),
        ({"shadow": {"cell-imbalance", "cell-drift"}}, [VOLTS, TEMPS]),
        ({"shadow": {"cell-imbalance", "cell-drift", "resistance"}}, [TEMPS]),
        ({"shadow": HEAT_OF_A_SENSOR}, [VOLTS, TEMPS]),  # cooling is judged of them too
        ({"shadow": HEAT_OF_A_SENSOR | COOLING}, [VOLTS]),
    ],
)
def test_it_listens_to_what_is_judged_aloud(settings: dict[str, Any], at: list[Any]) -> None:
    if "shadow" in settings:
        settings = {**settings, "shadow": frozenset(settings["shadow"]) | BESIDE}
    expected = sorted(int(i) for part in at for i in np.atleast_1d(part))
    assert watch_of(Settings(**settings)).listens().tolist() == expected


def test_it_listens_to_the_first_value_of_a_frame_and_to_none_that_is_not_there() -> None:
    limited = Settings(max_charge_a=1.0)
    assert UnitDetectors(["", "a"], ["current", "soc"], np.ones(2), 1.0, limited).listens().tolist() == [0]
    of_cells = {"cell-imbalance", "cell-drift", "resistance"}
    deaf = Settings(shadow=HEAT_OF_A_SENSOR | COOLING | BESIDE | of_cells | {"overload"})
    assert watch_of(deaf).listens().tolist() == [], "sight alone is no judgement of the battery"


def test_coverage_adds_up() -> None:
    assert Coverage(1, 2, 3, 4) + Coverage(10, 20, 30, 40) == Coverage(11, 22, 33, 44)


def test_a_channel_is_judged_learning_blind_or_has_no_sensor() -> None:
    watch = watch_of()
    assert watch.coverage() == Coverage(no_sensor=14)
    temps, volts = watch._banks.temps.age_s, watch._banks.volts.age_s
    temps[:] = [59.9, 60.0, 0.0, 0.0, np.inf]
    volts[:] = [0.0, 59.9, 0.0, 0.0, 61.0, 60.0, np.inf, np.inf, np.inf]
    assert watch.coverage() == Coverage(judged=0, learning=7, blind=3, no_sensor=4)
    windows = watch._banks.temperature.learned[:, slope.LEARNT_SCALE, wander.WINDOWS]
    windows[:] = [slope.LEARNT_WINDOWS, 1e6, 1e6, slope.LEARNT_WINDOWS - 0.1, 1e6]
    assert watch.coverage() == Coverage(judged=2, learning=5, blind=3, no_sensor=4)
    watch._banks.cells.state[:4, imbalance.AGE] = [imbalance.LEARNT_S, 0.0, imbalance.LEARNT_S - 1.0, 1e9]
    watch._banks.cells.state[4:, imbalance.AGE] = 1e9
    assert watch.coverage() == Coverage(judged=4, learning=3, blind=3, no_sensor=4)


def test_seconds_are_those_of_the_ledger() -> None:
    watch = watch_of()
    watch._banks.ledger.seconds[:] = [1.0, 2.0, 3.0, 4.0]
    assert watch.seconds() == Coverage(1.0, 2.0, 3.0, 4.0)


@pytest.mark.parametrize("sure", [True, False])
def test_what_was_learned_is_taken_up_and_no_window_reaches_across_where_time_is_not_sure(
    kernel: StandIn, sure: bool
) -> None:
    watch, other = watch_of(), watch_of()
    judge(watch, kernel, 100.0)
    watch._banks.gate.memory[:] = 7.0
    watch._judges[0].delays.over_s[:] = 3.0
    assert other.take_up(watch.learned(), 50.0, sure) == []
    assert other.t_s == 50.0
    assert np.isnan(other._banks.gate.memory).all() != sure
    assert (other._judges[0].delays.over_s == 3.0).all()
    judge(other, kernel, 51.0)
    assert kernel.calls[-1].dt_s == 1.0


def test_delays_of_other_settings_begin_anew(kernel: StandIn) -> None:
    watch, other = watch_of(), watch_of(QUIET)
    watch._judges[0].delays.over_s[:] = 3.0
    assert other.take_up(watch.learned(), 50.0) == []
    assert not other._judges[0].delays.over_s.any()


STANDING = [["over-temperature", 4, 2], ["cell-drift", 3, 2], ["blind-voltage", 2, 1]]


def again(kernel: StandIn, other: UnitDetectors, tiers: list[list[Any]]) -> list[str]:
    """Let another watch go on with the books of one in which STANDING stands; return what is over."""
    watch = watch_of(QUIET)
    judge(watch, kernel, 1.0, *((m, c, t) for m, c, t in STANDING))
    assert watch.standing() == STANDING
    other.book.from_plain(watch.book.to_plain())
    other.shadow_book.from_plain(watch.shadow_book.to_plain())
    events = other.stand_again(tiers, 9.0)
    assert {e.t_s for e in events} <= {9.0}
    return [e.detector for e in events]


@pytest.mark.parametrize(
    ("settings", "tiers", "over", "standing"),
    [
        (QUIET, STANDING, [], STANDING),
        (QUIET, STANDING[1:], ["over-temperature"], STANDING[1:]),
        (QUIET, [["over-temperature", 4, 3], *STANDING[1:]], [], [["over-temperature", 4, 3], *STANDING[1:]]),
        (
            QUIET,
            [["over-temperature", 4, 1], *STANDING[1:]],
            [],
            [["over-temperature", 4, 1], *STANDING[1:]],
        ),
        (QUIET, [["over-temperature", 4, 0], *STANDING[1:]], ["over-temperature"], STANDING[1:]),
        (QUIET, [["over-temperature", 4, -1], *STANDING[1:]], ["over-temperature"], STANDING[1:]),
        (QUIET, [["over-temperature", 4, 4], *STANDING[1:]], ["over-temperature"], STANDING[1:]),
        (QUIET, [["over-temperature", 4, 9], *STANDING[1:]], ["over-temperature"], STANDING[1:]),
        (None, STANDING, ["cell-drift"], [STANDING[0], STANDING[2]]),  # it speaks aloud now
        (
            Settings(shadow=frozenset({"over-temperature"})),
            STANDING,
            ["over-temperature", "cell-drift"],
            STANDING[2:],
        ),
    ],
)
def test_alarms_stand_again_where_they_are_judged_in_the_same_book(
    kernel: StandIn, settings: Settings | None, tiers: list[Any], over: list[str], standing: list[Any]
) -> None:
    other = watch_of(settings)
    assert again(kernel, other, tiers) == over
    assert other.standing() == standing


@pytest.mark.parametrize("sensors", [5, 4, 3])
def test_an_alarm_of_a_channel_or_a_detector_that_is_no_more_is_over(kernel: StandIn, sensors: int) -> None:
    places, quantities = [*CELLS, *CELLS[:sensors]], [*["cell_voltage"] * 8, *["cell_temperature"] * sensors]
    fewer = UnitDetectors(places, quantities, np.full(8 + sensors, 0.1), PERIOD_S, QUIET)
    assert again(kernel, fewer, STANDING) == (["over-temperature"] if sensors < 5 else [])
    watch = watch_of(Settings(chemistry="VRLA"))
    judge(watch, kernel, 1.0, ("vrla-float-current", 0, 2))
    other = watch_of()
    other.book.from_plain(watch.book.to_plain())
    assert [e.detector for e in other.stand_again(watch.standing(), 9.0)] == ["vrla-float-current"]


def test_the_kernels_are_warmed_by_a_frame_that_all_detectors_judge(kernel: StandIn) -> None:
    warm_up()
    (call,) = kernel.calls
    assert (call.sizes[0], call.sizes[1], call.sizes[3]) == (2, 1, 1)
