"""A temperature under its limit: where somebody gave one."""

import numpy as np

from agent.detect.detectors.under_temperature import judge_under_temperature
from tests.agent.detect.banks import inputs_of

ORDER = 55
ROWS = """
under-temperature  temperature critical  inf     degC    10    600   3      latched  3
under-temperature  temperature warning   inf     degC    30    600   3      -        3
under-temperature  temperature advice    inf     degC    60    600   3      -        3
"""
KEPT: dict[object, list[str]] = {}


def test_sensors_are_scored_by_what_the_gate_lets_pass_of_measurements() -> None:
    temps, score = inputs_of([0, 0, 0, 0]), np.zeros(4)
    temps.value[:] = [-3.0, 25.0, np.nan, -40.0]
    judge_under_temperature(temps, np.array([1, 1, 1, 0], np.uint8), score)
    np.testing.assert_array_equal(score, [3.0, -25.0, np.nan, np.nan])
