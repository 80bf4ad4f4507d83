"""Cells far below their siblings: the kernel against its slow twin, and the frame in which it raises."""

import math

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.detectors.cell_collapse import DEPTH, DEPTHS, SCORE, judge_cell_collapse
from agent.detect.kernels.arrays import Part
from tests.agent.detect.banks import inputs_of
from tests.agent.detect.racks import feed, healthy, raised, watch_of

ROWS = "cell-collapse voltage critical 25 % 5 600 5 latched"
KEPT = {Part("collapse", 1): ["detectors.cell_collapse"]}
N, COLLAPSE_AT, CELL = 8, 60, 4


def test_from_any_state_a_frame_makes_what_the_twin_says() -> None:
    rng, deep = np.random.default_rng(1), 0
    for _ in range(200):
        bank, state = inputs_of([0] * N), DEPTHS.new(cells=N)
        depth = [0.0] * N
        for _frame in range(5):
            bank.median[:] = rng.choice(
                [1.2, 1.9, 2.0, 3.3, 12.6, np.nan], N, p=[0.2, 0.2, 0.1, 0.3, 0.1, 0.1]
            )
            bank.away[:] = bank.median * rng.choice([-0.9, -0.3, -0.26, -0.24, 0.0, 0.3], N)
            bank.usable[:] = rng.random(N) < 0.9
            judge_cell_collapse(bank, state)
            for c in range(N):
                known = bank.usable[c] and not math.isnan(bank.away[c])
                now = -bank.away[c] / (bank.median[c] if bank.median[c] >= 2.0 else 2.0) * 100.0
                expected = (now if now < depth[c] else depth[c]) if known else math.nan
                depth[c] = now if known else depth[c]
                np.testing.assert_allclose(state[c], [depth[c], expected], rtol=1e-9)
                assert (state[c, DEPTH], state[c, SCORE]) == pytest.approx((depth[c], expected), nan_ok=True)
                deep += expected >= 25.0
    assert deep > 100


def events_of(fall_v: float, period_s: float, frames_low: int = 99) -> list[AlarmEvent]:
    frames = healthy(120, N)
    frames[COLLAPSE_AT : COLLAPSE_AT + frames_low, CELL] -= fall_v
    return [e for e in feed(watch_of(N, period_s=period_s), frames, dt_s=period_s) if e.state == "NEW"]


@pytest.mark.parametrize("fall_v", [0.9, 2.0, 3.2])
@pytest.mark.parametrize(("period_s", "after_s"), [(1.0, 7.0), (5.0, 15.0), (10.0, 20.0), (30.0, 60.0)])
def test_a_cell_that_collapses_is_critical_in_the_third_frame_or_after_ten_seconds(
    fall_v: float, period_s: float, after_s: float
) -> None:
    event = next(e for e in events_of(fall_v, period_s) if e.severity == "critical")
    assert (event.detector, event.location) == ("cell-collapse", f"string1/module1/cell{CELL + 1}")
    assert event.t_s - COLLAPSE_AT * period_s <= after_s
    told_mv = float(event.text.split(" mV below")[0].split()[-1])
    assert told_mv == pytest.approx(1e3 * fall_v, abs=15.0)


@pytest.mark.parametrize("period_s", [1.0, 5.0, 10.0, 30.0])
@pytest.mark.parametrize("frames_low", [1, 2])
def test_one_or_two_frames_are_no_collapse(period_s: float, frames_low: int) -> None:
    for fall_v in (0.9, 2.0, 3.2):
        assert not [e for e in events_of(fall_v, period_s, frames_low) if e.severity == "critical"]


def test_a_cell_that_stands_so_from_the_first_frame_on_is_one_critical_alarm() -> None:
    frames = healthy(60, N)
    frames[:, CELL] -= 1.4
    assert raised(feed(watch_of(N), frames)) == [
        ("cell-collapse", "critical", f"string1/module1/cell{CELL + 1}")
    ]


def test_a_fifth_below_the_others_is_no_collapse() -> None:
    assert not [e for e in events_of(0.66, 10.0) if e.detector == "cell-collapse"]
