"""What filled-values says of whole frames."""

import pytest

from tests.agent.detect.racks import feed, filled, raised, watch_of


@pytest.mark.parametrize(("many", "within_s"), [(3, 200.0), (4, 130.0)])
def test_cells_that_are_filled_in_are_told(many: int, within_s: float) -> None:
    events = feed(watch_of(16, period_s=10.0), filled(150, 16, many, 0.001, 1, 100), dt_s=10.0)
    (event,) = [e for e in events if e.detector == "filled-values"]
    assert event.t_s - 1000.0 <= within_s
    assert event.value == many


@pytest.mark.parametrize(("many", "step"), [(0, 0.001), (4, 0.01), (0, 0.01), (8, 0.001)])
def test_nothing_is_told_of_healthy_cells_of_coarse_registers_or_of_most_of_a_string(
    many: int, step: float
) -> None:
    frames = filled(400, 16, many, step, 2)
    assert not raised(feed(watch_of(16, period_s=10.0), frames, dt_s=10.0), "filled-values")
