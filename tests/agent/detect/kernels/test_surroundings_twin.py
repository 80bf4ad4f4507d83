"""Rooms, groups and circuits against their slow twins: from any state."""

import numpy as np
import pytest

from agent.detect.channels import Floats
from agent.detect.kernels import load as loads
from agent.detect.kernels import slope, surroundings
from agent.detect.kernels.inputs import Inputs
from tests.agent.detect.banks import inputs_of
from tests.agent.detect.naive.rows import read_row, write_row
from tests.agent.detect.naive.surroundings import Circuit, Group, Room, cooling, middle

#: Three groups of sensors, on two circuits: of four, three and two sensors.
GROUP = [0, 1, 0, 2, 0, 1, 1, 2, 0]
CIRCUIT_OF = [1, 0, 1, 1, 1, 0, 0, 1, 1]
GROUPS = [[c for c, of in enumerate(GROUP) if of == g] for g in range(3)]
N, GROUPS_N, CIRCUITS = len(GROUP), 3, 2
DAY_S = 86400.0


class Watched:
    """All that is around sensors, in any state."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.bank: Inputs = inputs_of(GROUP)._replace(circuit=np.array(CIRCUIT_OF))
        self.load = loads.new_load(np.arange(CIRCUITS), np.full(CIRCUITS, -1), -1)
        self.slopes = slope.new_slopes(np.full(GROUPS_N, 0.1), slope.new_repeats())
        self.around = surroundings.new_surroundings(GROUPS_N, CIRCUITS, N)
        self._fill_groups(rng)
        self._fill_circuits(rng)
        self.bank.value[:] = rng.choice([np.nan, 24.0, 25.0, 26.0, 25.1], N, p=[0.1, *[0.225] * 4])
        self.bank.median[:] = rng.choice([np.nan, 25.0, 25.5], N, p=[0.05, 0.6, 0.35])
        self.around.room[:2] = rng.choice([np.nan, 18.0, 30.0], 2)
        self.around.room[2] = rng.choice([0.0, 500.0, 1e4])
        self.load.ambient[0] = rng.choice([np.nan, 20.0, 22.0])

    def _fill_groups(self, rng: np.random.Generator) -> None:
        group = self.around.group
        group[:, surroundings.FAST] = rng.choice([3.0, 4.9, 5.0, 8.0], GROUPS_N)
        group[:, surroundings.BASELINE] = rng.choice([np.nan, 2.0, 3.0], GROUPS_N, p=[0.1, 0.45, 0.45])
        group[:, surroundings.SQUARE] = rng.choice([0.01, 0.25, 0.3, 1.0], GROUPS_N)
        ages_s = np.array([0.0, 0.5, 0.999, 1.0, 4.5, 5.0, 5.001, 29.999, 30.0, 40.0]) * DAY_S
        group[:, surroundings.AGE] = rng.choice(ages_s, GROUPS_N)
        group[:, surroundings.DEGRADED] = rng.choice([0.0, 3.0], GROUPS_N)
        group[:, surroundings.UNSEEN_S] = rng.choice([0.0, 540.0, 590.0, 599.0, 1000.0], GROUPS_N)
        self.slopes.temperature.age_s[:] = self.slopes.gain.age_s[:] = 1e6

    def _fill_circuits(self, rng: np.random.Generator) -> None:
        s, state = self.around.circuit, self.load.state
        s[:, surroundings.FLOAT] = rng.choice([np.nan, 0.5, 0.84, 0.86, 2.0], CIRCUITS)
        s[:, surroundings.FLOAT_BASELINE] = rng.choice([0.5, 1.0], CIRCUITS)
        ages_s = np.array([0.0, 0.99, 1.0, 5.999, 6.0, 7.0, 14 * 24.0, 15 * 24.0]) * 3600.0
        s[:, surroundings.FLOAT_AGE] = rng.choice(ages_s, CIRCUITS)
        s[:, surroundings.FLOAT_RATIO] = 9.0
        s[:, surroundings.FLOATS] = rng.choice([-2.0 * DAY_S, -30.0, 0.0, 1.0, 1.0, 1.0], CIRCUITS)
        state[:, loads.NOW] = rng.choice([np.nan, 0.0], CIRCUITS, p=[0.1, 0.9])
        state[:, loads.SLOW] = rng.choice([0.0, -0.5, 0.84, 0.85, 0.86, 1.7, 30.0, -130.0], CIRCUITS)
        state[:, loads.POWER] = rng.choice([np.nan, 900.0, -6000.0, 2000.0], CIRCUITS)
        self.load.regime[:] = rng.integers(0, 4, CIRCUITS)


def assert_rows(
    rows: Floats, before: Floats, twins: list[Group] | list[Circuit], left_out: list[int]
) -> None:
    expected = before.copy()
    for row, twin in zip(expected, twins, strict=True):
        write_row(twin, surroundings, row)
    expected[:, left_out] = rows[:, left_out]
    np.testing.assert_allclose(rows, expected, rtol=1e-9, atol=1e-12)


def test_from_any_state_a_frame_makes_what_the_twins_say() -> None:
    rng, degraded, grown = np.random.default_rng(1), 0, 0
    for _ in range(300):
        watched = Watched(rng)
        bank, load, around = watched.bank, watched.load, watched.around
        group, circuit, unseen_s = (
            around.group.copy(),
            around.circuit.copy(),
            around.group[:, surroundings.UNSEEN_S].copy(),
        )
        groups = [read_row(Group, surroundings, row) for row in group]
        circuits = [read_row(Circuit, surroundings, row) for row in circuit]
        room = Room(*around.room.tolist())
        dt_s, degc = float(rng.choice([1.0, 10.0, 60.0, 600.0, 660.0, 1e6])), float(load.ambient[0])
        room.take(dt_s, degc)
        medians = [middle(bank.value[of].tolist(), bank.median[of].tolist()) for of in GROUPS]
        surroundings.judge_surroundings(dt_s, bank, load, watched.slopes, around)

        np.testing.assert_allclose(around.room, [room.rack, room.block, room.unseen_s], rtol=1e-9)
        over = bank.value - max(degc, room.block) if not np.isnan(degc) else np.full(N, np.nan)
        np.testing.assert_allclose(around.over_room, over, rtol=1e-9)
        np.testing.assert_allclose(around.median, medians)
        seen = ~np.isnan(medians)
        waited = np.where(seen, 0.0, unseen_s + dt_s)
        np.testing.assert_allclose(around.group[:, surroundings.UNSEEN_S], waited)
        doubted = seen & (unseen_s + dt_s > 600.0)
        np.testing.assert_allclose(watched.slopes.temperature.age_s, np.where(doubted, 0.0, 1e6 + dt_s))
        counted_s = min(dt_s, 600.0)
        for g, twin in enumerate(groups):
            twin.take(counted_s, medians[g] - room.rack)
        for j, of in enumerate(circuits):
            state = load.state[j].tolist()
            known = not np.isnan(state[loads.NOW])
            of.take(counted_s, known, state[loads.SLOW], int(load.regime[j]))
        assert_rows(around.group, group, groups, [surroundings.COOLING, surroundings.UNSEEN_S])
        assert_rows(around.circuit, circuit, circuits, [])
        degraded += sum(twin.degraded > 0.0 for twin in groups)
        grown += sum(1.0 < of.float_ratio < 9.0 for of in circuits)
    assert min(degraded, grown) > 20


@pytest.mark.parametrize("regime", range(4))
def test_a_group_cools_worse_by_its_slopes_that_amount_to_3_k(regime: int) -> None:
    rng, heats = np.random.default_rng(2), 0
    for _ in range(100):
        slopes = slope.new_slopes(np.full(2, 0.1), slope.new_repeats())
        around = surroundings.new_surroundings(2, 1, 2)
        amounts_k = rng.choice([np.nan, -1.0, 0.5, 1.4, 1.5, 1.6, 5.0], 6)
        if rng.random() < 0.1:
            amounts_k[2:] = np.nan
        slopes.temperature.fit[1, :, slope.CERTAIN] = certain = amounts_k / slope.SCALES_S
        surroundings._judge_cooling(regime, slopes, around, 1)
        loaded = regime in (loads.CHARGE, loads.DISCHARGE)
        expected = cooling(certain[2:].tolist(), [96.0, 384.0, 1536.0, 6144.0], loaded)
        assert around.group[1, surroundings.COOLING] == pytest.approx(expected, nan_ok=True)
        assert np.isnan(around.group[0, surroundings.COOLING])
        heats += around.group[1, surroundings.COOLING] > 0.0
    assert (heats > 30) != loaded


@pytest.mark.parametrize(
    ("days", "usual_k", "degraded"),
    [(4.0, 5.0, False), (5.0, 5.0, False), (5.1, 5.0, True), (5.1, 6.0, False), (5.1, 5.99, True)],
)
def test_a_group_degrades_after_five_days_of_learning_by_more_than_four_sigmas(
    days: float, usual_k: float, degraded: bool
) -> None:
    around = surroundings.new_surroundings(1, 1, 3)
    around.median[0], around.room[surroundings.RACK] = 30.0, 20.0
    for column, value in (
        (surroundings.FAST, 10.0),
        (surroundings.BASELINE, usual_k),
        (surroundings.SQUARE, 1.0),
    ):
        around.group[0, column] = value
    around.group[0, surroundings.AGE] = days * DAY_S - 10.0
    surroundings._judge_degraded(10.0, around, 0)
    assert (around.group[0, surroundings.DEGRADED] > 0.0) == degraded


def test_of_new_groups_and_circuits_nothing_is_known() -> None:
    around = surroundings.new_surroundings(2, 3, 5)
    assert (around.group.shape, around.circuit.shape) == ((2, 8), (3, 5))
    unknown = [surroundings.COOLING, surroundings.OVER, surroundings.FAST, surroundings.BASELINE]
    assert np.isnan(around.group[:, unknown]).all()
    assert not np.delete(around.group, unknown, axis=1).any()
    unknown = [surroundings.FLOAT, surroundings.FLOAT_BASELINE]
    assert np.isnan(around.circuit[:, unknown]).all()
    assert not np.delete(around.circuit, unknown, axis=1).any()
    np.testing.assert_equal(around.room, [np.nan, np.nan, 0.0])
    assert np.isnan([*around.median, *around.nothing, *around.over_room]).all()
    assert (len(around.median), len(around.nothing), len(around.over_room)) == (2, 2, 5)
    assert around.restart.tolist() == [0, 0]
