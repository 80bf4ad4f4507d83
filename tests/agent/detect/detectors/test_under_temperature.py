"""What under-temperature says of whole frames."""

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.watch import UnitDetectors
from tests.agent.detect.racks import feed, healthy, places


def heard(degc: float, profile: list[tuple[float, float]] | None, period_s: float) -> list[AlarmEvent]:
    """Return what is said of four sensors of which the second cools to this within 20 minutes."""
    limits = None if profile is None else np.array([profile] * 4, float)
    watch, frames = UnitDetectors(*places(0, 4), period_s, profile=limits), healthy(60, 0, 4)
    frames[:, 1] = np.interp(np.arange(60), [0, 40, 59], [25.0, degc, degc]).round(1)
    return [e for e in feed(watch, frames, dt_s=period_s) if e.detector == "under-temperature"]


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
