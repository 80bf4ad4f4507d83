"""A temperature under its limit: where somebody gave one."""

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.detectors.under_temperature import judge_under_temperature
from agent.detect.watch import UnitDetectors
from tests.agent.detect.banks import inputs_of
from tests.agent.detect.racks import feed, healthy, places

ROWS = """
under-temperature  temperature critical  inf     degC    10    600   3      latched  3
under-temperature  temperature warning   inf     degC    30    600   3      -        3
under-temperature  temperature advice    inf     degC    60    600   3      -        3
"""

KEPT: dict[object, list[str]] = {}


def heard(degc: float, profile: list[tuple[float, float]] | None, period_s: float) -> list[AlarmEvent]:
    """Return what is said of four sensors of which the second cools to this within 20 minutes."""
    limits = None if profile is None else np.array([profile] * 4, float)
    watch, frames = UnitDetectors(*places(0, 4), period_s, profile=limits), healthy(60, 0, 4)
    frames[:, 1] = np.interp(np.arange(60), [0, 40, 59], [25.0, degc, degc]).round(1)
    return [e for e in feed(watch, frames, dt_s=period_s) if e.detector == "under-temperature"]


def test_sensors_are_scored_by_what_the_gate_lets_pass_of_measurements() -> None:
    temps, score = inputs_of([0, 0, 0, 0]), np.zeros(4)
    temps.value[:] = [-3.0, 25.0, np.nan, -40.0]
    judge_under_temperature(temps, np.array([1, 1, 1, 0], np.uint8), score)
    np.testing.assert_array_equal(score, [3.0, -25.0, np.nan, np.nan])


@pytest.mark.parametrize(("degc", "severity"), [(-1.0, "advice"), (-12.0, "warning"), (-21.0, "critical")])
def test_a_sensor_below_a_limit_is_told_with_that_limit(degc: float, severity: str) -> None:
    tiers = [(0.0, 45.0), (-10.0, 50.0), (-20.0, 60.0)]
    told = heard(degc, tiers, 30.0)
    limit = tiers[("advice", "warning", "critical").index(severity)][0]
    assert (told[-1].severity, told[-1].limit, told[-1].location) == (
        severity,
        limit,
        "string1/module1/sensor2",
    )
    assert told[-1].text.endswith(f" degC when raised, below {limit:g} degC, of the profile.")
    assert len({e.name for e in told}) == 1


def test_where_nobody_gives_a_limit_and_at_the_limit_itself_nothing_is_said() -> None:
    assert not heard(-30.0, None, 30.0)
    assert not heard(0.0, [(0.0, 45.0), (-10.0, 50.0), (-20.0, 60.0)], 30.0)
