"""Limits of voltage: the kernel against its twin, and when which alarm follows, at each period."""

import math

import numpy as np
import pytest

from agent.detect.channels import Channels
from agent.detect.detectors import voltage_limit as kernel
from agent.detect.detectors.voltage_limit import judge_voltage_limit, new_voltage_limit
from agent.detect.kernels.arrays import Part
from agent.detect.kernels.inputs import BLIND, new_inputs
from agent.detect.rows import are_opposite
from agent.detect.settings import Settings
from agent.detect.unit_arrays import new_banks
from tests.agent.detect.racks import places

ORDER = 5
ROWS = """
voltage-limit      voltage     critical  inf      V       5     60   0.01   latched  3
voltage-limit      voltage     warning   inf      V      30     60   0.01   -        3
voltage-limit      voltage     advice    inf      V      60    300   0.01   -        3
"""
KEPT = {Part("voltage-limit", 1): ["detectors.voltage_limit.state"]}
INF = math.inf


class Twin:
    """The chemistry of a battery, and whether it is doubted, told plainly."""

    def __init__(self) -> None:
        self.age_s, self.limit_v, self.doubted = 0.0, 0.0, False

    def take(self, dt_s: float, cells: list[tuple[float, float, float]]) -> list[tuple[float, float]]:
        """Take (voltage, lowest, highest) of each cell; return its two scores, dead band 0.01."""
        known = [(x, *of) for x, *of in cells if not math.isnan(x) and min(map(abs, of)) < INF]
        if known:
            limit_v = max(high if high < INF else low for _, low, high in known)
            same = abs(limit_v - self.limit_v) <= 0.001
            self.age_s = self.age_s + dt_s if same else 0.0
            self.limit_v = self.limit_v if same else limit_v
            beyond = sum(not low - 1e-9 <= x <= high + 1e-9 for x, low, high in known)
            many = beyond >= 2 and beyond > len(known) / 4
            self.doubted = many and (self.doubted or self.age_s <= 60.0)
        if not self.doubted:
            return [(x, -x) for x, *_ in cells]
        return [
            (x, -x) if math.isnan(x) else (min(x, high - 0.01), min(-x, -low - 0.01))
            for x, low, high in cells
        ]


@pytest.mark.parametrize("seed", range(6))
def test_cells_are_scored_as_the_twin_scores_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    channels = Channels(*places(5))
    limits = Settings(chemistry="LFP").unit_limits(channels.quantities)
    for _ in range(40):
        found, twin = new_voltage_limit(channels, limits), Twin()
        found.derived[:, kernel.LOW] = rng.choice([1.8, 1.8, -INF], 5)
        found.derived[:, kernel.HIGH] = rng.choice([3.9, 3.9, INF], 5)
        found.state[0, kernel.AGE_S] = twin.age_s = float(rng.choice([0.0, 30.0, 59.0, 60.0, 61.0]))
        found.state[0, kernel.LIMIT_V] = twin.limit_v = float(
            rng.choice([3.9, 3.9, 3.90095, 3.90105, 1.8, 0.0])
        )
        found.state[0, kernel.DOUBTED] = twin.doubted = bool(rng.random() < 0.3)
        volts = new_inputs(channels.volts, channels.circuit_of_volts, faults=False)
        banks = new_banks(channels, limits)
        gate, inner = banks.gate, banks.measuring.inner
        for _frame in range(6):
            dt_s = float(rng.choice([1.0, 10.0, 60.0]))
            gate.si[:] = rng.choice([3.3, 3.3, 1.8, 1.7999, 3.9, 3.9001, 4.2, 0.0, math.nan], 5)
            measured = (rng.random(5) < 0.9).astype(np.uint8)
            volts.score[:, BLIND] = blind = rng.choice([0.0, 1.0, np.nan], 5)
            judge_voltage_limit(dt_s, gate, volts, banks.measuring, measured, found)
            x = np.where(measured == 1, gate.si, np.nan)
            expected = twin.take(dt_s, np.column_stack([x, found.derived[:, :2]]).tolist())
            np.testing.assert_array_equal(found.score, expected)
            told = measured.astype(bool) & ((gate.si < inner[:, 0]) | (gate.si > inner[:, 1]))
            np.testing.assert_array_equal(volts.score[:, BLIND], np.where(told & (blind > 0.0), 0.0, blind))
            known = [
                not math.isnan(v) and np.isfinite(of).any()
                for v, of in zip(x, found.derived[:, :2], strict=True)
            ]
            assert math.isnan(found.heard[0]) != any(known)
            state = found.state[0].tolist()
            assert state == [float(twin.doubted), twin.age_s, twin.limit_v]


@pytest.mark.parametrize(
    ("cells", "beyond", "doubted"),
    [(1, 1, False), (4, 1, False), (7, 2, True), (8, 2, False), (11, 3, True), (12, 3, False)],
)
def test_a_chemistry_is_doubted_where_more_than_a_quarter_and_two_at_least_pass_it(
    cells: int, beyond: int, doubted: bool
) -> None:
    """Of two circuits too: the battery has one chemistry."""
    where, quantities, steps = places(cells)
    channels = Channels(
        ["string1", "string2", *where], ["current", "current", *quantities], np.append([0.1, 0.1], steps)
    )
    limits = Settings(chemistry="LFP").unit_limits(channels.quantities)
    found, banks = new_voltage_limit(channels, limits), new_banks(channels, limits)
    assert found.state.shape[0] == 2
    volts = new_inputs(channels.volts, channels.circuit_of_volts, faults=False)
    banks.gate.si[:] = 3.3
    banks.gate.si[channels.volts.index[:beyond]] = 4.2
    measured = np.ones(len(channels.places), np.uint8)
    for _ in range(2):
        judge_voltage_limit(1.0, banks.gate, volts, banks.measuring, measured, found)
        assert found.state[:, kernel.DOUBTED].tolist() == [float(doubted), 0.0]
        assert np.isnan(found.heard).tolist() == [False, True]


def test_where_nobody_says_a_chemistry_none_is_derived_and_over_and_under_have_not_one_cause() -> None:
    channels = Channels(*places(2))
    found = new_voltage_limit(channels, Settings().unit_limits(channels.quantities))
    assert found.derived[:, : kernel.HIGH + 1].tolist() == [[-INF, INF]] * 2
    assert are_opposite("voltage-limit", "voltage-limit-low")
