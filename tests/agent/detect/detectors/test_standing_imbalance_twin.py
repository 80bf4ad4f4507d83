"""Cells that stand far from their siblings: the kernel against its slow twin, and when it raises."""

import math

import numpy as np
import pytest

from agent.detect.detectors import DETECTORS
from agent.detect.detectors.standing_imbalance import judge_standing_imbalance
from agent.detect.kernels import imbalance
from tests.agent.detect.banks import inputs_of
from tests.agent.detect.racks import Floats

ORDER = 105
ROWS = """
standing-imbalance voltage warning 10  % 45 3600 1   -
standing-imbalance voltage advice   2.5 % 45 3600 0.5 -
"""
KEPT: dict[object, list[str]] = {}
N, CELL = 8, 4


def twin(reading: float, away: float, median: float, usable: bool, ages: Floats, baselines: Floats) -> float:
    if not usable or math.isnan(reading):
        return math.nan
    share = 100.0 / (median if median > 2.0 else 2.0)
    if reading * share <= -25.0:
        return 0.0
    usual = [b for age, b in zip(ages, baselines, strict=True) if age > 0.0]
    if any(b * away <= 0.0 for b in usual):
        return 0.0
    return min(map(abs, [away, *usual])) * share


def test_from_any_state_a_frame_makes_what_the_twin_says() -> None:
    rng, far = np.random.default_rng(1), 0
    for _ in range(300):
        bank, cells, score = inputs_of([0] * N), imbalance.new_cells(N, 1, np.full(1, -1)), np.full(N, np.nan)
        bank.median[:] = rng.choice([1.2, 1.9, 3.3, 12.6, np.nan], N)
        side = rng.choice([-1.0, 1.0], (N, 1))
        sizes = side * rng.choice([0.03, 0.1, 0.5], (N, 5)) * (1.0 - 2.0 * (rng.random((N, 5)) < 0.1))
        bank.away[:] = sizes[:, 3] + rng.choice([0.0, 0.0, -1.0], N) + 0.0 * bank.median
        cells.state[:] = side  # what is none of its business too
        cells.verdict[:, imbalance.EXPECTED] = 0.25 * sizes[:, 4]
        cells.state[:, imbalance.MEAN + 1] = 0.75 * sizes[:, 4]
        bank.away[rng.random(N) < 0.1] = math.nan
        bank.usable[:] = rng.random(N) < 0.9
        cells.state[:, imbalance.BASELINE : imbalance.BASELINE + 4] = sizes[:, :4]
        cells.state[:, imbalance.AGE : imbalance.AGE + 4] = rng.choice([0.0, 1.0, 1e6], (N, 4))
        judge_standing_imbalance(bank, cells, score)
        for c in range(N):
            ages, baselines = cells.state[c, imbalance.AGE :][:4], cells.state[c, imbalance.BASELINE :][:4]
            reading, median, usable = bank.away[c], bank.median[c], bool(bank.usable[c])
            expected = twin(reading, sizes[c, 4], median, usable, ages, baselines)
            assert score[c] == pytest.approx(expected, nan_ok=True)
            far += expected > 2.5
    assert far > 100


def test_it_is_judged_before_the_contact_that_takes_its_scores_back() -> None:
    order = [detector.name for detector in DETECTORS]
    assert order.index("standing-imbalance") < order.index("loose-contact")
