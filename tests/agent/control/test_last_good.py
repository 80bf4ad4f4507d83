"""The last good value of each point keeps its own time."""

import numpy as np
import pytest

from agent.control.last_good import LastGood


def test_what_was_last_good_keeps_its_own_age_and_a_slope_needs_five_minutes() -> None:
    last = LastGood(2)
    for minute in range(6):
        last.take(60.0 * minute, np.array([20.0 + minute, np.nan if minute else 3.0]))
        assert np.isnan(last.per_minute(60.0 * minute)[0]) == (minute < 4)
    assert last.per_minute(300.0)[0] == pytest.approx(1.0)
    assert np.isnan(last.per_minute(300.0)[1])
    assert (last.value[1], last.at_s[1]) == (3.0, 0.0)
