"""The faults that the scoreboard tries on a sensor."""

import numpy as np
import pytest

from agent.bench.detection.faults import FAULTS, ONSET


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_a_short_id_and_spoils_a_day_of_a_sensor(fault: str) -> None:
    assert fault.replace("_", "").replace(".", "").replace("-", "").isalnum()
    sound = 25.0 + np.random.default_rng(1).normal(0.0, 0.05, ONSET)
    spoilt = sound.copy()
    FAULTS[fault](spoilt, np.random.default_rng(2))
    assert np.isfinite(spoilt).all() == (fault != "breaks")  # a cable that breaks leaves nothing to read
    assert np.nanmax(np.abs(spoilt - sound)) > 0.09
