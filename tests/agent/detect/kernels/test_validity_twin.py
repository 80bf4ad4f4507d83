"""The gate against its slow twin, and its numbers just before and just after."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from agent.detect.channels import Codes, Floats
from agent.detect.kernels.validity import (
    GOOD,
    HELD,
    IMPOSSIBLE,
    LIMITS,
    NOT_GOOD,
    RESTART,
    RESUMED,
    gate,
    limits_of,
)
from tests.agent.detect.naive.validity import Gated

#: Quantity -> lowest and highest possible value, free jump, jump per second, largest jump.
EXPECTED = {
    "cell_temperature": (-40, 200, 2, 1, 10),
    "module_temperature": (-40, 200, 2, 1, 10),
    "battery_temperature": (-40, 200, 2, 1, 10),
    "ambient_temperature": (-40, 85, 2, 1, 10),
    "cell_voltage": (0, 5.5, 1, 0.5, 2),
    "module_voltage": (0, 1000, 6, 3, 12),
    "current": (-20000, 20000, 40000, 0, 40000),
}
QUANTITIES = (*EXPECTED, "soc")


class Gates:
    """The gate of a frame of these quantities."""

    def __init__(self, quantities: Sequence[str]) -> None:
        n = len(quantities)
        self.limits = limits_of(tuple(quantities))
        self.memory, self.held = np.full((n, 5), np.nan), np.zeros(n, np.uint8)
        self.value, self.verdict = np.zeros(n), np.zeros(n, np.uint8)
        self.measured: Codes | None = None  # None: all is

    def take(self, t_s: float, si: Floats, quality: Floats | None = None) -> bool:
        codes = np.zeros(len(si), np.uint8) if quality is None else quality.astype(np.uint8)
        measured = np.ones(len(si), np.uint8) if self.measured is None else self.measured
        kept = self.limits, self.memory, self.held, self.value, self.verdict
        return bool(gate(t_s, si, codes, measured, *kept))


def verdicts_on(quantity: str, *readings: tuple[float, float]) -> list[int]:
    """Return the verdict on each of the readings, (s, value)."""
    one, said = Gates([quantity]), []
    for t_s, x in readings:
        one.take(t_s, np.array([x]))
        said.append(int(one.verdict[0]))
    return said


def test_what_is_no_measurement_is_impossible_and_no_jump_back_is_one() -> None:
    one = Gates(["cell_temperature"])
    for t_s in range(3):
        one.take(float(t_s), np.array([25.0]))
    one.measured = np.zeros(1, np.uint8)
    for t_s in range(3, 9):
        one.take(float(t_s), np.array([0.0]))
        assert (one.verdict[0], np.isnan(one.value[0])) == (IMPOSSIBLE, True)
    one.measured = None
    one.take(9.0, np.array([25.0]))
    assert (one.verdict[0], one.value[0]) == (GOOD, 25.0)


def test_the_limits_are_these_and_what_has_none_may_be_anything() -> None:
    assert LIMITS == EXPECTED
    table = limits_of(("soc", "current"))
    assert table.tolist() == [[-math.inf, math.inf, math.inf, 0.0, math.inf], [*EXPECTED["current"]]]
    assert limits_of(()).shape == (0, 5)


@pytest.mark.parametrize("quantity", EXPECTED)
def test_what_lies_at_a_bound_is_impossible(quantity: str) -> None:
    low, high = EXPECTED[quantity][:2]
    for x in (low, high, math.nan, math.inf, -math.inf):
        assert verdicts_on(quantity, (0.0, float(x))) == [IMPOSSIBLE]
    for x in (math.nextafter(low, math.inf), math.nextafter(high, -math.inf)):
        assert verdicts_on(quantity, (0.0, x)) == [GOOD]


@pytest.mark.parametrize(
    ("quantity", "pause_s", "jump", "verdict"),
    [
        ("cell_temperature", 1.0, 3.0, GOOD),
        ("cell_temperature", 1.0, 3.1, HELD),
        ("cell_temperature", 5.0, -7.0, GOOD),
        ("cell_temperature", 5.0, -7.1, HELD),
        ("cell_temperature", 60.0, 10.0, GOOD),
        ("cell_temperature", 60.0, 10.1, HELD),
        ("cell_temperature", 300.0, 40.0, HELD),
        ("cell_temperature", 300.1, 40.0, RESUMED),  # much can happen unseen
        ("cell_voltage", 1.0, 1.5, GOOD),
        ("cell_voltage", 1.0, 1.55, HELD),
        ("module_voltage", 10.0, 12.0, GOOD),
        ("module_voltage", 10.0, 12.1, HELD),
        ("current", 1.0, 19_991.0, GOOD),
        ("soc", 1.0, 1e300, GOOD),
    ],
)
def test_a_jump_is_held_back_from_its_limit_on(
    quantity: str, pause_s: float, jump: float, verdict: int
) -> None:
    begin = 2.0 if quantity.endswith("voltage") else 8.0
    assert verdicts_on(quantity, (1000.0, begin), (1000.0 + pause_s, begin + jump)) == [GOOD, verdict]


@pytest.mark.parametrize(
    ("degc", "verdict"),
    [
        ((50.0, 50.0, 50.0), RESTART),  # the sensor has stepped
        ((50.0, 51.1, 52.2), GOOD),  # a real climb
        ((50.0, 51.0, 52.0), RESTART),  # half a free jump in a step is no climb
        ((-20.0, -21.1, -22.2), GOOD),
        ((50.0, 60.0, 70.0), GOOD),
        ((50.0, 46.9, 46.9), HELD),  # too far from the one before
        ((50.0, 47.0, 47.0), RESTART),
        ((50.0, 25.0, 50.0), HELD),
        ((50.0, 300.0, 50.0), HELD),  # what is impossible confirms nothing
    ],
)
def test_a_jump_is_believed_when_two_more_agree(degc: tuple[float, ...], verdict: int) -> None:
    readings = [(1000.0 + t, x) for t, x in enumerate((25.0, *degc))]
    assert verdicts_on("cell_temperature", *readings)[-1] == verdict


JUMPS = (0.0, 0.0, 0.0, 0.0, 0.05, 0.5, 0.55, 0.95, 1.0, 1.05, 1.5, 2.0, 2.5, 5.0, 5.05, 20.0)


@pytest.mark.parametrize(("begin_s", "seed"), [(0.0, 1), (1e9, 2), (-100.0, 3)])
def test_values_pass_as_the_twin_says(begin_s: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    quantities = [*QUANTITIES] * 5
    n, gates = len(quantities), Gates(quantities)
    twins = [Gated(*EXPECTED.get(q, (-math.inf, math.inf, math.inf, 0.0, math.inf))) for q in quantities]
    jump = np.array([EXPECTED.get(q, (0, 0, 2.0))[2] for q in quantities])
    level = np.array([3.0 if "voltage" in q else 25.0 for q in quantities])
    x, t_s, seen = level.copy(), begin_s, set()
    for frame in range(150):
        t_s += float(rng.choice([0.5, 1.0, 1.0, 1.0, 2.0, 10.0, 299.5, 300.5, -1.0])) if frame else 0.0
        x = x + jump * rng.choice(JUMPS, n) * rng.choice([-1.0, 1.0], n)
        x = np.where(rng.random(n) < 0.1, level, x)
        x = np.where(rng.random(n) < 0.02, rng.choice([np.nan, 1e6, -1e6, 0.0, np.inf], n), x)
        quality = np.where(rng.random(n) < 0.1, rng.choice([1, 4, 5, 6], n), 0)
        moved = gates.take(t_s, x, quality)
        said = [twin.take(t_s, float(x[c]), int(quality[c])) for c, twin in enumerate(twins)]
        np.testing.assert_array_equal(gates.value, [value for value, _, _ in said])
        np.testing.assert_array_equal(gates.verdict, [verdict for _, verdict, _ in said])
        np.testing.assert_array_equal(gates.held, [twin.agreeing for twin in twins])
        rows = [[*twin.believed, *twin.doubted, twin.direction] for twin in twins]
        np.testing.assert_array_equal(gates.memory, rows)
        assert moved == any(has for _, _, has in said)
        seen |= {verdict for _, verdict, _ in said}
    assert seen == {GOOD, NOT_GOOD, IMPOSSIBLE, HELD, RESTART, RESUMED}


def test_a_frame_that_repeats_has_not_moved() -> None:
    gates, frame = Gates(["cell_voltage", "current"]), np.array([3.3, 10.0])
    moved = [gates.take(0.0, frame), gates.take(1.0, frame), gates.take(2.0, np.array([3.3, 11.0]))]
    lost = np.array([0, 4])
    moved += [gates.take(3.0, np.array([3.3, 12.0]), lost), gates.take(4.0, np.array([np.nan, 11.0]))]
    assert moved == [True, False, True, False, False]
