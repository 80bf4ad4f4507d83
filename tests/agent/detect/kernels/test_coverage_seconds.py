"""The account of a unit's channels: each second of each is judged, learning, blind, or without a sensor."""

import math

import numpy as np
import pytest

from agent.detect.kernels.coverage import BLIND, COLUMNS, JUDGED, LEARNING, NO_SENSOR, count_seconds


@pytest.mark.parametrize(
    ("age_s", "learnt", "column"),
    [
        (0.0, True, JUDGED),
        (0.0, False, LEARNING),
        (59.9, True, JUDGED),
        (59.9, False, LEARNING),
        (60.0, True, BLIND),
        (60.0, False, BLIND),
        (1e9, True, BLIND),
        (math.inf, True, NO_SENSOR),
        (math.inf, False, NO_SENSOR),
    ],
)
def test_a_second_is_counted_once(age_s: float, learnt: bool, column: int) -> None:
    assert {JUDGED, LEARNING, BLIND, NO_SENSOR} == set(range(COLUMNS))
    seconds = np.full(COLUMNS, 100.0)
    count_seconds(2.5, 60.0, age_s, learnt, seconds)
    count_seconds(1e9, 60.0, age_s, learnt, seconds)
    expected = np.full(COLUMNS, 100.0)
    expected[column] += 2.5 + 1e9
    assert seconds.tolist() == expected.tolist()
