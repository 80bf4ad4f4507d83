"""Cells far below their siblings: the kernel against its slow twin, and the frame in which it raises."""

import math

import numpy as np
import pytest

from agent.detect.detectors.cell_collapse import DEPTH, DEPTHS, SCORE, judge_cell_collapse, lowest_stayed
from agent.detect.kernels.arrays import Part
from agent.detect.rows import are_opposite
from tests.agent.detect.banks import inputs_of
from tests.agent.detect.racks import Floats

ORDER = 85
ROWS = "cell-collapse voltage critical 25 % 5 600 5 latched"
KEPT = {Part("collapse", 1): ["detectors.cell_collapse"]}
N, COLLAPSE_AT, CELL = 8, 60, 4


def lowest_above(raw: Floats, away: Floats, median: Floats, usable: list[bool]) -> float:
    """Two cells at least, and a quarter of those that are known, a third above their siblings' median."""
    known = [c for c in range(N) if usable[c] and not math.isnan(away[c])]
    above = [raw[c] for c in known if away[c] >= (median[c] if median[c] >= 2.0 else 2.0) / 3.0]
    return min(above) if len(above) >= 2 and 4 * len(above) >= len(known) else math.nan


def test_from_any_state_a_frame_makes_what_the_twin_says() -> None:
    rng, deep, beside_few = np.random.default_rng(1), 0, 0
    for _ in range(200):
        bank, state = inputs_of([0] * N), DEPTHS.new(cells=N)
        depth = [0.0] * N
        for _frame in range(5):
            bank.median[:] = rng.choice(
                [1.2, 1.9, 2.0, 3.3, 12.6, np.nan], N, p=[0.2, 0.2, 0.1, 0.3, 0.1, 0.1]
            )
            bank.away[:] = bank.median * rng.choice([-0.9, -0.3, -0.26, -0.24, 0.0, 0.3, 0.4, 0.8], N)
            bank.raw[:] = bank.median + bank.away
            bank.usable[:] = rng.random(N) < 0.9
            judge_cell_collapse(bank, state)
            usable = [bool(x) for x in bank.usable]
            stayed_v = lowest_above(bank.raw, bank.away, bank.median, usable)
            for c in range(N):
                known = bank.usable[c] and not math.isnan(bank.away[c])
                now = -bank.away[c] / (bank.median[c] if bank.median[c] >= 2.0 else 2.0) * 100.0
                if known and stayed_v - bank.raw[c] > -bank.away[c]:
                    now = (stayed_v - bank.raw[c]) / (stayed_v if stayed_v >= 2.0 else 2.0) * 100.0
                    beside_few += now >= 25.0
                expected = (now if now < depth[c] else depth[c]) if known else math.nan
                depth[c] = now if known else depth[c]
                np.testing.assert_allclose(state[c], [depth[c], expected], rtol=1e-9)
                assert (state[c, DEPTH], state[c, SCORE]) == pytest.approx((depth[c], expected), nan_ok=True)
                deep += expected >= 25.0
    assert deep > 100
    assert beside_few > 100


@pytest.mark.parametrize(
    ("above", "cells", "stayed"),
    [
        (1, 3, False),
        (2, 8, True),
        (2, 9, False),
        (3, 11, True),
        (3, 12, True),
        (3, 13, False),
        (13, 50, True),
    ],
)
def test_those_that_stayed_are_two_and_a_quarter_of_the_string(above: int, cells: int, stayed: bool) -> None:
    bank = inputs_of([0] * cells)
    bank.usable[:], bank.median[:], bank.away[:] = 1, 3.0, 0.0
    bank.away[:above] = 1.0  # a third of the median, to the last digit
    bank.raw[:] = bank.median + bank.away
    np.testing.assert_equal(lowest_stayed(bank, 0), 4.0 if stayed else math.nan)


def test_a_collapse_and_a_voltage_that_is_too_high_have_not_one_cause() -> None:
    assert are_opposite("cell-collapse", "voltage-limit")
    assert not are_opposite("cell-collapse", "voltage-limit-low")


def test_each_string_is_judged_by_itself() -> None:
    bank, state = inputs_of([0, 1, 0, 1, 0]), DEPTHS.new(cells=5)
    bank.usable[:], bank.median[:], bank.away[:] = 1, 4.0, [-1.0, -2.0, 0.0, -3.0, 1.0]
    bank.raw[:] = bank.median + bank.away
    judge_cell_collapse(bank, state)
    assert state[:, DEPTH].tolist() == [25.0, 50.0, 0.0, 75.0, -25.0]
