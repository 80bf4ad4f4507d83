"""The last resort against its slow twin, and against the numbers of GB 38031-2025 C.5.3.7."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from agent.detect.channels import Floats, channels_of
from agent.detect.detectors.last_resort import (
    ANCHOR,
    ANCHOR_T,
    HIGHEST,
    RISING_S,
    STEPS,
    forget_values,
    judge_last_resort,
    new_last_resort,
    new_state,
    trip,
)  # fmt: skip
from agent.detect.kernels import doubt as doubts
from agent.detect.kernels.doubt import new_doubt
from agent.detect.kernels.voltage_drop import DROPS, voltage_drop
from tests.agent.detect.banks import inputs_of
from tests.agent.detect.naive.trip import Cells, Sensor

HOT_DEGC = 55.0
NO_DROP, DROP = math.inf, 0.0

Readings = Sequence[tuple[float, float]]  # s, degC


def score_of(readings: Readings, dropped_s: float = NO_DROP) -> float:
    """Return what the kernel says of the last of these readings."""
    bank, state, score = inputs_of([0]), new_state(1), np.zeros(1)
    for t_s, degc in readings:
        bank.raw[0] = degc
        trip(t_s, HOT_DEGC, bank, np.array([dropped_s]), state, score)
    return float(score[0])


def each_second(*degc: float) -> Readings:
    return [(1000.0 + t, x) for t, x in enumerate(degc)]


def climb(seconds: float, k_per_s: float = 1.1, end_degc: float = 70.0, steps: int = 2) -> Readings:
    """Return ten readings of what stands still, and a rise of so many steps."""
    begin_degc = end_degc - k_per_s * seconds
    rise = [(seconds * k / steps, k_per_s * seconds * k / steps) for k in range(1, steps + 1)]
    return [*each_second(*[begin_degc] * 10), *((1009.0 + t, begin_degc + k) for t, k in rise)]


@pytest.mark.parametrize(
    ("readings", "trips"),
    [
        # more than 3 s
        (climb(2.9), False),
        (climb(3.0, 1.125), False),
        (climb(3.1), True),
        # 1 K/s
        (climb(4.0, 0.99), False),
        (climb(4.0, 1.0), True),
        (climb(4.0, 1.01), True),
        # the highest operating temperature
        (climb(4.0, end_degc=HOT_DEGC - 0.1), False),
        (climb(4.0, end_degc=HOT_DEGC), True),
        (climb(4.0, end_degc=HOT_DEGC + 0.1), True),
        # one step is a contact, two are heat
        (climb(4.0, steps=1), False),
        (climb(4.0, steps=2), True),
        (climb(3.9, steps=4), True),  # readings of less than a second are taken together
    ],
)
def test_the_rule_of_the_standard_holds_from_its_numbers_on(readings: Readings, trips: bool) -> None:
    assert score_of(readings) == trips


@pytest.mark.parametrize(
    ("share", "trips"), [(0.24, False), (0.25, False), (0.26, True), (0.99, True), (-0.3, False)]
)
@pytest.mark.parametrize("cell", [0, 1])
def test_a_cell_that_lost_a_quarter_of_its_voltage_makes_a_cold_sensor_trip(
    share: float, trips: bool, cell: int
) -> None:
    cells, highest, dropped_s = inputs_of([0, 0]), np.zeros(2), np.full(1, np.inf)
    cells.usable[:] = 1
    for volt in (3.2, 3.2 * (1.0 - share)):
        cells.raw[:] = 3.2
        cells.raw[cell] = volt
        voltage_drop(0.0, cells, highest, dropped_s, np.zeros(2, np.int64))
    assert score_of(climb(4.0, end_degc=30.0), float(dropped_s[0])) == trips


@pytest.mark.parametrize(
    ("dropped_s", "trips"), [(0.0, True), (59.9, True), (60.0, True), (60.1, False), (math.inf, False)]
)
def test_a_voltage_drop_counts_for_a_minute(dropped_s: float, trips: bool) -> None:
    assert score_of(climb(4.0, end_degc=30.0), dropped_s) == trips


@pytest.mark.parametrize(
    ("degc", "dropped_s", "readable"),
    [
        (-40.0, NO_DROP, False),
        (-39.9, NO_DROP, True),
        (199.9, NO_DROP, True),
        (200.0, NO_DROP, False),
        (200.0, DROP, True),
        (1199.9, DROP, True),
        (1200.0, DROP, False),
        (math.nan, DROP, False),
    ],
)
def test_a_reading_beyond_what_can_be_is_no_answer(degc: float, dropped_s: float, readable: bool) -> None:
    assert math.isnan(score_of(each_second(degc), dropped_s)) != readable


@pytest.mark.parametrize(
    ("degc", "trips"),
    [
        # 1 K/s on average, though a step falls: 3.9, 4.0 and 4.1 K in 4 s
        ((52.0, 53.5, 53.4, 54.8, 55.9), False),
        ((52.0, 53.5, 53.4, 54.8, 56.0), True),
        ((52.0, 53.5, 53.4, 54.8, 56.1), True),
        # less the largest step: 0.29, 0.3 and 0.31 K/s
        ((50.0, 60.0, 60.5, 61.0, 61.16), False),
        ((50.0, 60.0, 60.5, 61.0, 61.24), True),
        # back by more than 0.7 of the rise
        ((50.0, 53.1, 52.9, 56.5, 60.0), False),
        ((50.0, 53.1, 53.0, 56.5, 60.0), True),
        # three of the four steps rise
        ((50.0, 56.0, 55.9, 55.8, 61.0), False),
        ((50.0, 56.0, 55.9, 55.9, 61.0), False),
        ((50.0, 56.0, 55.9, 56.1, 61.0), True),
        # the largest step is the second, and it is more than what leads beyond the highest before
        ((*[57.5] * 7, 50.0, 54.0, 61.4, 62.2, 63.0), False),
        ((*[57.5] * 7, 50.0, 54.0, 58.0, 62.2, 63.0), True),
    ],
)
def test_a_climb_with_a_wrong_reading_in_it_is_a_climb(degc: Sequence[float], trips: bool) -> None:
    assert score_of(each_second(*degc)) == trips


@pytest.mark.parametrize(("end_s", "trips"), [(1002.9, False), (1003.0, False), (1003.1, True)])
def test_a_climb_on_average_takes_more_than_three_seconds(end_s: float, trips: bool) -> None:
    """Only a clock that was set back makes five readings of less."""
    times = (1000.0, 1001.5, 1003.0, 1001.0, end_s)
    assert score_of(list(zip(times, (50.0, 54.0, 57.0, 58.0, 61.0), strict=True))) == trips


def test_a_climb_that_leaves_just_enough_without_its_largest_step_trips() -> None:
    times = (1000.0, 1001.0, 1002.0, 1003.0, 1005.0)
    assert score_of(list(zip(times, (50.0, 60.0, 60.5, 61.0, 61.5), strict=True)))


@pytest.mark.parametrize(("end_degc", "trips"), [(62.9, False), (63.0, True), (63.1, True)])
def test_what_comes_back_to_where_it_was_has_not_heated(end_degc: float, trips: bool) -> None:
    dip = each_second(*[60.0] * 10, 50.0)
    assert score_of([*dip, (1012.0, 56.5), (1014.0, end_degc)]) == trips


@pytest.mark.parametrize(("pause_s", "kept"), [(0.998, False), (0.999, True), (1.0, True)])
def test_readings_are_kept_that_are_a_second_apart_or_nearly(pause_s: float, kept: bool) -> None:
    bank, state, score = inputs_of([0]), new_state(1), np.zeros(1)
    for t_s in (0.0, pause_s):
        bank.raw[0] = 25.0 + t_s
        trip(t_s, HOT_DEGC, bank, np.array([NO_DROP]), state, score)
    assert state[0, ANCHOR_T] == (pause_s if kept else 0.0)


@pytest.mark.parametrize(
    ("degc", "trips"),
    [
        ((30.0, 471.0), False),  # a bad frame, which says 0 V too
        ((54.9, 471.0), False),
        ((55.0, 471.0), True),  # clipped
        ((30.0, 471.0, 471.0, 471.0, 471.0), False),
        ((471.0, 471.0, 471.0, 471.0), False),
        ((471.0, 471.0, 471.0, 471.0, 471.0, 471.0), False),
        ((471.0, 471.0, 471.0, 471.0, 471.0, 470.0), False),
        ((30.0, 471.0, 472.0, 473.0, 474.0, 475.0), True),
        ((60.0, 200.0), True),
        ((60.0, 300.0, 300.0), True),  # stays at the end of its range
    ],
)
def test_a_sensor_beyond_its_range_is_believed_only_if_it_was_hot_or_goes_on(
    degc: Sequence[float], trips: bool
) -> None:
    assert score_of(each_second(*degc), DROP) == trips


def test_a_sensor_that_was_not_hot_a_second_before_is_not_believed_beyond_its_range() -> None:
    readings = [(1000.0, 50.0), (1001.0, 56.0), (1001.5, 471.0)]
    assert not score_of(readings, DROP)
    assert score_of([*readings[:2], (1002.0, 471.0)], DROP)


RATES = (0.0, 0.5, 0.9, 0.95, 1.0, 1.05, 1.1, 2.0, 3.0, 30.0, -1.0, -5.0)
PAUSES_S = (0.25, 0.9, 0.999, 1.0, 1.0, 1.0, 1.05, 1.5, 2.0, 5.0, 600.0, -0.5, -3.0)
LEVELS = (
    -40.0,
    -39.0,
    0.0,
    25.0,
    54.0,
    55.0,
    56.0,
    190.0,
    199.0,
    200.0,
    210.0,
    471.0,
    1150.0,
    1199.0,
    1200.0,
)


@pytest.mark.parametrize(("begin_s", "seed"), [(0.0, 1), (0.5, 2), (1e9, 3), (-2.0, 4)])
@pytest.mark.parametrize("groups", [1, 4])
def test_sensors_trip_as_the_twin_says(begin_s: float, seed: int, groups: int) -> None:
    rng, n = np.random.default_rng(seed), 10 * groups
    group = list(rng.integers(0, groups, n)) if groups > 1 else [0] * n
    bank, state, score = inputs_of(group), new_state(n), np.zeros(n)
    twins, degc, t_s, rate = [Sensor() for _ in range(n)], rng.choice(LEVELS, n), begin_s, np.zeros(n)
    tripped = 0
    for frame in range(80):
        dropped_s = rng.choice([0.0, 0.0, 59.0, 61.0, math.inf], groups)
        rate = np.where(rng.random(n) < 0.2, rng.choice(RATES, n), rate)
        pause_s = float(rng.choice(PAUSES_S)) if frame else 0.0
        degc = np.where(rng.random(n) < 0.04, rng.choice(LEVELS, n), degc + rate * pause_s)
        t_s += pause_s
        bank.raw[:] = np.where(rng.random(n) < 0.04, np.nan, degc)
        trip(t_s, HOT_DEGC, bank, dropped_s, state, score)
        for c, twin in enumerate(twins):
            said = twin.take(t_s, float(bank.raw[c]), HOT_DEGC, float(dropped_s[group[c]]))
            np.testing.assert_equal(float(score[c]), said)
            tripped += said == 1.0
        np.testing.assert_array_equal(state, [columns(twin) for twin in twins])
    assert tripped > 20


def columns(twin: Sensor) -> Floats:
    """Return the kernel's row of what a twin keeps."""
    row = np.zeros(13)
    row[ANCHOR : ANCHOR + 5] = np.nan
    for a, (t_s, degc) in enumerate(twin.readings):
        row[[ANCHOR + a, ANCHOR_T + a]] = degc, t_s
    row[[RISING_S, STEPS, HIGHEST]] = twin.rising_s, twin.steps, twin.highest
    return row


def test_nothing_is_known_of_new_sensors_and_cells() -> None:
    drops = DROPS.new(given={"group": np.array([0, 3, 1, 1])}, cells=4, groups=3)
    assert drops.highest.tolist() == [0.0] * 4
    assert drops.dropped_s.tolist() == [math.inf] * 4, "of three groups, and of cells that count for none"
    new = new_last_resort(channels_of(["sensor1", "sensor2"], ["cell_temperature"] * 2, np.full(2, 0.1)))
    np.testing.assert_array_equal(new.state, [columns(Sensor())] * 2)
    np.testing.assert_array_equal(new.score, [math.nan] * 2)
    new.state[:] = 1.0
    forget_values(new)
    np.testing.assert_array_equal(new.state, [columns(Sensor())] * 2)


VOLTS = (-1.1, -1.0, -0.9, 0.0, 1.5, 1.6, 1.65, 2.4, 2.475, 2.5, 3.2, 3.3, 3.3, 3.3, 5.4, 5.5, 5.6, math.nan)


@pytest.mark.parametrize("groups", [1, 4])
def test_cells_drop_as_the_twin_says(groups: int) -> None:
    rng, n = np.random.default_rng(groups), 10 * groups
    group = rng.integers(0, groups + 1, n)  # the last: of no group
    cells, highest, dropped_s = inputs_of([0] * n), np.zeros(n), np.full(groups + 1, np.inf)
    twin = Cells(list(group), groups + 1)
    for _ in range(200):
        dt_s = float(rng.choice([0.1, 1.0, 10.0, 300.0]))
        cells.raw[:] = np.where(rng.random(n) < 0.8, 3.3, rng.choice(VOLTS, n))
        cells.usable[:] = rng.random(n) < 0.8
        voltage_drop(dt_s, cells, highest, dropped_s, group)
        twin.take(dt_s, cells.raw, cells.usable)
        np.testing.assert_allclose(highest, twin.highest, rtol=1e-12)
        np.testing.assert_allclose(dropped_s, twin.dropped_s, rtol=1e-12)
    assert np.isfinite(dropped_s).all()


@pytest.mark.parametrize(
    ("degc", "chatters", "doubted", "dropped_s", "score", "then"),
    [
        # a contact that chatters reads numbers that rise by chance
        ([24.0, 24.0, 24.0, 64.0, 101.0, 140.0], True, doubts.ALONE, NO_DROP, 0.0, doubts.ALONE),
        ([24.0, 24.0, 24.0, 64.0, 101.0, 140.0], True, doubts.ALONE, DROP, 1.0, doubts.TOLD),
        ([24.0, 24.0, 24.0, 64.0, 101.0, 140.0], True, doubts.WITNESSED, NO_DROP, 1.0, doubts.WITNESSED),
        ([24.0, 24.0, 24.0, 64.0, 101.0, 140.0], False, doubts.ALONE, NO_DROP, 1.0, doubts.TOLD),
        ([24.0, 24.0, 24.0, 64.0, 101.0, 140.0], False, doubts.NOT, NO_DROP, 1.0, doubts.NOT),
        # it climbs as heat does, from 1 K/s on, and by 20 K in 10 s at most
        ([30.0, 30.0, 40.0, 50.0, 60.0, 70.0], True, doubts.NOT, NO_DROP, 1.0, doubts.NOT),
        ([30.0, 30.0, 50.0, 70.0, 90.0, 110.0], True, doubts.NOT, NO_DROP, 1.0, doubts.NOT),
        ([30.0, 30.0, 50.1, 70.2, 90.3, 110.4], True, doubts.NOT, NO_DROP, 0.0, doubts.NOT),
        ([30.0, 41.0, 50.0, 61.0, 72.0, 83.0], True, doubts.NOT, NO_DROP, 0.0, doubts.NOT),
    ],
)
def test_a_contact_that_chatters_is_heard_with_a_witness_or_where_it_climbs_and_what_is_told_is_no_doubt(
    degc: list[float], chatters: bool, doubted: float, dropped_s: float, score: float, then: float
) -> None:
    channels = channels_of(["s"], ["cell_temperature"], np.array([0.1]))
    bank, doubt, found = inputs_of([0]), new_doubt(1, 1), new_last_resort(channels)
    drops = DROPS.new(given={"group": np.zeros(1, np.int64)}, cells=1, groups=1)
    drops.dropped_s[:] = dropped_s
    doubt.state[0, doubts.CHATTERS_S], doubt.state[0, doubts.DOUBTED] = 9.0 * chatters, doubted
    doubt.score[0, doubts.UNPROVEN] = 1.0
    for i, x in enumerate(degc):
        bank.raw[0] = x
        judge_last_resort(10.0 * i, HOT_DEGC, bank, drops, doubt, found)
    assert (found.score[0], doubt.state[0, doubts.DOUBTED]) == (score, then)
    assert doubt.score[0, doubts.UNPROVEN] == (0.0 if then == doubts.TOLD else 1.0)
