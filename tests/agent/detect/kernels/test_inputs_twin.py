"""What a bank takes from a frame, against its slow twin, and its numbers just before and just after."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from agent.detect.channels import Floats
from agent.detect.kernels.inputs import BLIND, FAULTY, Inputs, new_inputs, take_inputs
from agent.detect.kernels.validity import GOOD, HELD, IMPOSSIBLE, NOT_GOOD, RESTART, RESUMED
from tests.agent.detect.banks import bank_of, inputs_of
from tests.agent.detect.naive.inputs import Passed, Sensors

BLIND_S, STEP_K = 60.0, 0.125
NO_MEASUREMENT = 4.095  # whatever the gate says of it


def passed(x: float, verdict: int = GOOD) -> Passed:
    return Passed(x, x if verdict in (GOOD, RESTART, RESUMED) else math.nan, verdict)


UNREAD = passed(0.0, NOT_GOOD)


def take(
    bank: Inputs, dt_s: float, frame: Sequence[Passed], blind_s: float = BLIND_S, held: bool = False
) -> None:
    """Let the kernel take a frame in which each channel lies where the bank looks for it."""
    size = 1 + max(bank.at, default=0)
    si, value, verdict = np.full(size, -1.0), np.full(size, -1.0), np.full(size, GOOD, np.uint8)
    for at, one in zip(bank.at, frame, strict=True):
        si[at], value[at], verdict[at] = one
    measured = (verdict != NOT_GOOD).astype(np.uint8)
    for at, one in zip(bank.at, frame, strict=True):
        measured[at] &= one.si != NO_MEASUREMENT
    take_inputs(dt_s, blind_s, held, si, value, verdict, measured, bank)


@pytest.mark.parametrize(
    ("lost", "age_s", "scores"),
    [
        (1, 59.9, [0, 0, 0, 0]),
        (1, 60.0, [1, 0, 0, 0]),
        (2, 60.0, [1, 1, 0, 0]),
        (3, 60.0, [2, 2, 2, 0]),  # more than half of the group
        (4, 60.0, [2, 2, 2, 2]),
    ],
)
def test_a_blind_channel_scores_two_where_half_of_its_siblings_are_lost(
    lost: int, age_s: float, scores: list[int]
) -> None:
    bank = inputs_of([0] * 5)  # the fifth was never there
    take(bank, 1.0, [*[passed(25.0)] * 4, UNREAD])
    take(bank, age_s, [*[UNREAD] * lost, *[passed(25.0)] * (4 - lost), UNREAD])
    assert bank.score[:, BLIND].tolist() == [*scores, 0]
    take(bank, 1.0, [UNREAD] * 5, math.nan)
    assert np.isnan(bank.score[:, BLIND]).all(), "the whole unit is out of sight"


@pytest.mark.parametrize(("good", "known"), [(4, True), (3, True), (2, False), (1, False)])
def test_a_median_is_of_half_of_those_of_the_last_five_minutes(good: int, known: bool) -> None:
    bank = inputs_of([0] * 6)
    take(bank, 1.0, [passed(25.0)] * 6)
    take(bank, 299.0, [*[passed(25.0)] * good, *[UNREAD] * (6 - good)])
    assert np.isfinite(bank.median).all() == known
    take(bank, 1.0, [*[passed(25.0)] * good, *[UNREAD] * (6 - good)])
    assert np.isfinite(bank.median).all() == known
    take(bank, 0.5, [*[passed(25.0)] * good, *[UNREAD] * (6 - good)])  # the others are not missed any more
    assert np.isfinite(bank.median[-1])


@pytest.mark.parametrize(("silent_s", "restart"), [(299.0, 0), (300.0, 0), (300.1, 2)])
def test_what_returns_after_five_minutes_begins_afresh(silent_s: float, restart: int) -> None:
    bank = inputs_of([0])
    take(bank, 1.0, [passed(25.0)])
    assert bank.restart[0] == 2, "it was never seen"
    take(bank, silent_s, [passed(25.0)])
    assert bank.restart[0] == restart


@pytest.mark.parametrize(
    ("stands_s", "moved_k", "step_k", "stuck"),
    [
        (599.0, 5.0, STEP_K, False),
        (600.0, 5.0, STEP_K, True),
        (601.0, 1.4, STEP_K, False),
        (601.0, 1.5, STEP_K, True),
        (601.0, -1.5, STEP_K, True),
        (601.0, 2.9, 1.0, False),
        (601.0, 3.0, 1.0, True),
    ],
)
def test_a_sensor_is_stuck_when_its_siblings_moved_for_ten_minutes(
    stands_s: float, moved_k: float, step_k: float, stuck: bool
) -> None:
    bank = inputs_of([0] * 3, step=step_k)
    take(bank, 1.0, [passed(25.0)] * 3)
    for _ in range(3):
        take(bank, stands_s / 3, [passed(25.0), passed(25.0 + moved_k), passed(25.0 + moved_k)])
    assert bank.score[:, FAULTY].tolist() == [float(stuck), 0.0, 0.0]


@pytest.mark.parametrize(
    ("degc", "later_s", "faulty"),
    [
        (49.9, 0.0, False),
        (50.0, 0.0, True),
        (50.0, 86_398.0, True),
        (50.0, 86_399.0, False),  # a day since it stepped
    ],
)
def test_a_sensor_that_stepped_is_doubted_for_a_day_when_it_claims_a_heat(
    degc: float, later_s: float, faulty: bool
) -> None:
    bank = inputs_of([0] * 3, step=STEP_K)
    take(bank, 1.0, [passed(25.0)] * 3)
    take(bank, 1.0, [passed(degc, RESTART), passed(25.0), passed(25.0)])
    take(bank, later_s, [passed(degc + 0.05), passed(25.0), passed(25.0)])
    assert bank.score[0, FAULTY] == faulty


@pytest.mark.parametrize(
    ("away_k", "restart"), [(10 * STEP_K, 1), (11 * STEP_K, 0), (-STEP_K, 1), (-10 * STEP_K, 1)]
)
@pytest.mark.parametrize("later_s", [10.0, 298.0])
def test_a_sensor_that_comes_back_is_believed_again(away_k: float, restart: int, later_s: float) -> None:
    bank = inputs_of([0], step=STEP_K)
    take(bank, 1.0, [passed(25.0)])
    take(bank, 1.0, [passed(80.0, RESTART)])
    take(bank, later_s, [passed(25.0 + away_k)])
    assert bank.restart[0] == restart


@pytest.mark.parametrize(("later_s", "restart"), [(0.0, 1), (298.0, 1), (299.0, 0), (300.0, 0)])
def test_a_sensor_that_stepped_down_is_not_heating_for_five_minutes(later_s: float, restart: int) -> None:
    bank = inputs_of([0], step=STEP_K)
    take(bank, 1.0, [passed(25.0)])
    take(bank, 1.0, [passed(0.0, RESTART)])
    take(bank, later_s, [passed(1.0)])
    take(bank, 0.0, [passed(2.0)])
    assert bank.restart[0] == restart


PAUSES_S = (0.5, 1.0, 1.0, 30.0, 59.5, 60.0, 150.0, 200.0, 299.0, 300.0, 300.5, 43_200.0, 86_400.0)
VERDICTS = (GOOD, NOT_GOOD, IMPOSSIBLE, HELD, RESTART, RESUMED)


@pytest.mark.parametrize("faults", [True, False])
@pytest.mark.parametrize(("sizes", "seed"), [((1,), 1), ((2, 1, 5), 2), ((8,), 3), ((9, 31), 4)])
def test_a_bank_takes_frames_as_the_twin_says(sizes: tuple[int, ...], seed: int, faults: bool) -> None:
    rng = np.random.default_rng(seed)
    group = rng.permutation([g for g, size in enumerate(sizes) for _ in range(size)]).tolist()
    n, step = len(group), float(rng.choice([STEP_K, 1.0]))
    at = rng.permutation(n + 3)[:n].tolist()
    bank = new_inputs(bank_of(group, step, at), np.zeros(n, np.int64), faults=faults)
    twin, x, faulty = Sensors(group, step, faults), np.full(n, 25.0), 0
    lost_share, room = 0.05, 25.0
    for _ in range(160 if n < 20 else 40):
        dt_s = float(rng.choice(PAUSES_S))
        lost_share = float(rng.choice([0.05, 0.5])) if rng.random() < 0.1 else lost_share
        room += step * float(rng.integers(-2, 5))
        stays = rng.random(n) < 0.85
        near = room + step * rng.integers(-12, 13, n)
        x = np.where(stays, x, np.where(rng.random(n) < 0.2, rng.choice([50.0, 49.875, 80.0], n), near))
        odd = np.where(rng.random(n) < lost_share, NOT_GOOD, rng.choice(VERDICTS, n))
        x = np.where(rng.random(n) < 0.02, NO_MEASUREMENT, x)
        verdict = np.where(rng.random(n) < 0.2 + lost_share, odd, GOOD)
        frame = [passed(float(v), int(said)) for v, said in zip(x, verdict, strict=True)]
        blind_s = math.nan if rng.random() < 0.1 else BLIND_S
        held = bool(rng.random() < 0.2)
        take(bank, dt_s, frame, blind_s, held)
        twin.take(dt_s, blind_s, frame, held)
        for name in ("raw", "value", "usable", "restart", "median", "away", "age_s"):
            np.testing.assert_array_equal(getattr(bank, name), [getattr(s, name) for s in twin.sensors])
        np.testing.assert_array_equal(bank.score[:, BLIND], [s.blind for s in twin.sensors])
        if faults:
            np.testing.assert_array_equal(bank.score[:, FAULTY], [s.faulty for s in twin.sensors])
            np.testing.assert_array_equal(bank.memory, memory_of(twin))
            faulty += int(bank.score[:, FAULTY].sum())
    assert faulty > 5 or not faults or n == 1


def memory_of(twin: Sensors) -> Floats:
    """Return the kernel's columns of what the twin keeps."""
    rows = [[s.before, s.suspect_s, s.stands, s.stands_s, s.stood_at, s.latest] for s in twin.sensors]
    return np.array(rows)


def test_nothing_is_known_of_a_new_bank() -> None:
    for faults, columns in ((True, 2), (False, 1)):
        bank = new_inputs(bank_of([0, 0, 1]), np.array([7, 7, 8]), faults=faults)
        assert np.isinf(bank.age_s).all()
        assert all(np.isnan(array).all() for array in (bank.raw, bank.value, bank.median))
        assert not bank.usable.any()
        assert not bank.restart.any()
        assert bank.circuit.tolist() == [7, 7, 8]
        assert (bank.score.shape, bank.memory.shape) == ((3, columns), (3 * faults, 6))
        assert not bank.score.any()
