"""A cell without siblings: the kernel against its slow twin, what it raises and what a load explains."""

import math

import numpy as np

from agent.detect.detectors.lone_cell import judge_lone_cell, new_lone_cells
from agent.detect.kernels import load as loads
from tests.agent.detect.banks import inputs_of

ORDER = 86
ROWS = """
lone-cell voltage critical 25 % 5   600 5   latched
lone-cell voltage warning   3 % 30 3600 0.5 -
"""
KEPT: dict[object, list[str]] = {}


def test_frame_by_frame_lone_cells_are_those_of_the_twin() -> None:
    rng, fell = np.random.default_rng(1), 0
    group = [0, 1, 1, 2, 2, 2]
    bank = inputs_of(group)._replace(circuit=np.array([0, 1, 0, 0, 0, 1]))
    load, state = loads.new_load(np.arange(2), np.full(2, -1), -1), new_lone_cells(6)
    level, level_a, before, loaded, of_three, unmeasured = [math.nan] * 6, [0.0] * 6, [0.0] * 6, 0, 0, 0
    for _ in range(3000):
        dt_s = float(rng.choice([1.0, 10.0, 300.0]))
        bank.raw[:] = rng.choice([3.3, 3.25, 3.2, 2.4, 1.4], 6, p=[0.6, 0.15, 0.1, 0.1, 0.05])
        bank.usable[:] = rng.random(6) < 0.95
        load.regime[:] = rng.choice([loads.REST, loads.UNKNOWN, loads.DISCHARGE], 2, p=[0.7, 0.2, 0.1])
        load.state[:, loads.RESTED_S] = rng.choice([299.0, 300.0, 1e4], 2)
        load.state[:, loads.NOW] = rng.choice(
            [0.0, 1.0, 1.4, 1.6, -1.0, np.nan], 2, p=[0.3, 0.3, 0.2, 0.1, 0.05, 0.05]
        )
        load.state[:, loads.SLOW] = rng.choice([0.0, 0.019, -0.021, 0.029, 0.031, 0.039, 0.041], 2)
        load.state[:, loads.LARGEST], load.state[:, loads.NOISE] = rng.choice([1.0, 10.0], 2), [0.0, 0.01]
        judge_lone_cell(dt_s, bank, load, state)
        expected, depths = {}, {}
        for c in range(6):
            if not bank.usable[c]:
                assert math.isnan(state[c, 2])
                continue
            j, lone = (0, 1, 0, 0, 0, 1)[c], c < 3
            x, unknown = float(bank.raw[c]), load.regime[j] == loads.UNKNOWN
            least_a = max(0.02, 0.003 * load.state[j, loads.LARGEST], 4.0 * load.state[j, loads.NOISE])
            still = load.state[j, loads.RESTED_S] >= 300.0 and abs(load.state[j, loads.SLOW]) <= least_a
            rests = still and not unknown
            amps = 0.0 if unknown else float(load.state[j, loads.NOW])
            same = abs(amps - level_a[c]) <= max(least_a, 0.5 * abs(level_a[c]))
            begins = math.isnan(level[c]) or (lone and unknown and x > level[c])
            if begins or (not unknown and not rests and not same):
                level[c], level_a[c] = x, amps
            gain = 1.0 - math.exp(-dt_s / (120.0 if lone else 1800.0))
            level[c] += (x - level[c]) * gain
            level_a[c] += (amps - level_a[c]) * gain
            depths[c] = depth = (level[c] - x) / max(level[c], 2.0) * 100.0
            if lone and not rests:
                depth = 0.0 if depth < 25.0 else min(depth, 24.9)
            flowed = 0.0 if unknown else 1.0 if rests else 2.0
            expected[c] = [level[c], depth, min(depth, before[c]), flowed, level_a[c], depths[c]]
        stand = [float(bank.raw[c]) for c in depths if c >= 3 and -3.0 <= depths[c] <= 3.0]
        for c, columns in expected.items():
            if c >= 3:
                from_v = min(level[c], max(stand, default=0.0))
                depth = (from_v - float(bank.raw[c])) / max(from_v, 2.0) * 100.0
                none = min(depth, depths[c]) < 25.0 or columns[3] == 2.0
                columns[1] = 0.0 if none else min(depth, 24.9) if columns[3] == 0.0 else depth
                columns[2] = min(columns[1], before[c])
            before[c] = columns[1]
            np.testing.assert_allclose(state[c], columns, rtol=1e-9, atol=1e-12)
            fell += c < 3 and columns[2] >= 3.0
            loaded += columns[2] >= 3.0 and columns[3] == 2.0
            of_three += c >= 3 and columns[2] >= 25.0
            unmeasured += c >= 3 and columns[2] == 24.9
    assert min(fell, loaded, of_three, unmeasured) > 5
