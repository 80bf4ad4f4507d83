"""What filled-values says of whole frames."""

import numpy as np
import pytest

from tests.agent.detect.racks import Floats, feed, raised, watch_of


def filled(n: int, cells: int, many: int, step: float, seed: int, from_frame: int = 0) -> Floats:
    """Return frames of cells of which the first `many` say the mean of the others."""
    rng = np.random.default_rng(seed)
    volts = 3.4 + rng.normal(0.0, 0.003, cells) + rng.normal(0.0, 0.001, (n, cells))
    volts = np.round(volts / step)
    volts[from_frame:, :many] = np.round(volts[from_frame:, many:].mean(axis=1))[:, None]
    frames: Floats = (volts * step).round(6)
    return frames


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
