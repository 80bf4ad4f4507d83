"""A safety limit of temperature that is given, at 50 and at 75 degC: for heat that comes slowly, or between
two frames, and for what one sensor alone says.
"""

import numpy as np
import pytest

from agent.detect.alarms.states import AlarmEvent
from agent.detect.limits import SiteLimit
from agent.detect.settings import Settings
from agent.detect.watch import UnitDetectors
from tests.agent.detect.racks import Floats, feed, healthy, places

SENSORS, N, AT = 8, 260, 200
PERIODS = [1.0, 30.0]


def heard(frames: Floats, high: float, period_s: float, by_profile: bool = False) -> list[AlarmEvent]:
    """Return what is said where the safety limit is `high`, a site's or a profile's."""
    profile = np.tile((-np.inf, np.inf), (SENSORS, 3, 1))
    settings = Settings()
    if by_profile:
        profile[:, :, 1] = 0.9 * high, 0.95 * high, high
    else:
        settings = Settings(limits=(SiteLimit("cell_temperature", 2, high=high),))
    watch = UnitDetectors(*places(0, SENSORS), period_s, settings, profile)
    return [e for e in feed(watch, frames, dt_s=period_s) if e.state == "NEW"]


def criticals(events: list[AlarmEvent], *detectors: str) -> list[AlarmEvent]:
    return [e for e in events if e.severity == "critical" and (e.detector in detectors or not detectors)]


def rising(to_degc: float) -> Floats:
    """Return all sensors that rise alike, as slowly as a load heats them."""
    frames = healthy(N, 0, SENSORS)
    frames += np.interp(np.arange(N), [0, 60, AT, N], [0.0, 0.0, to_degc - 25.0, to_degc - 25.0])[:, None]
    return frames.round(1)


@pytest.mark.parametrize("by_profile", [False, True])
@pytest.mark.parametrize("high", [50.0, 75.0])
def test_a_temperature_at_its_safety_limit_is_critical_with_the_second_frame(
    high: float, by_profile: bool
) -> None:
    frames = rising(high + 2.0)
    (first, *_) = criticals(heard(frames, high, 30.0, by_profile), "over-temperature")
    reached = int(np.argmax(frames.max(axis=1) >= high))
    assert first.t_s <= 30.0 * (reached + 2)
    assert first.limit == high
    whose = "of the profile" if by_profile else "set by the site"
    assert f"(limit {high:g} degC, {whose})" in first.text


@pytest.mark.parametrize("by_profile", [False, True])
@pytest.mark.parametrize("high", [50.0, 75.0])
def test_below_its_safety_limit_it_is_not(high: float, by_profile: bool) -> None:
    assert not criticals(heard(rising(high - 3.0), high, 30.0, by_profile), "over-temperature")


@pytest.mark.parametrize("period_s", PERIODS)
@pytest.mark.parametrize(("high", "degc"), [(50.0, 53.0), (75.0, 78.0)])
def test_heat_between_two_frames_beyond_it_is_critical(high: float, degc: float, period_s: float) -> None:
    frames = healthy(N, 0, SENSORS)
    frames[AT:, [2, 3, 5]] = [degc, degc + 9.0, degc + 4.0]
    (first, *_) = criticals(heard(frames, high, period_s))
    assert first.detector == "sudden-heat"
    assert first.t_s <= period_s * (AT + 1)
    alone = healthy(N, 0, SENSORS)
    alone[AT:, 2] = degc
    (first, *_) = criticals(heard(alone, high, period_s))
    assert first.detector == "unproven-heat"
    assert first.t_s <= period_s * AT + max(31.0, period_s)


@pytest.mark.parametrize("period_s", PERIODS)
def test_a_lone_jump_that_stays_below_it_is_no_unproven_heat(period_s: float) -> None:
    for high, degc in ((50.0, 46.0), (75.0, 70.0)):
        frames = healthy(N, 0, SENSORS)
        frames[AT:, 2] = degc
        assert not criticals(heard(frames, high, period_s), "unproven-heat", "sudden-heat")


def test_an_operating_limit_is_advice_and_no_heat() -> None:
    profile = np.tile([(0.0, 45.0), (-10.0, 60.0), (-20.0, 65.0)], (SENSORS, 1, 1))
    frames = healthy(N, 0, SENSORS)
    frames[AT:, 2] = 52.0
    watch = UnitDetectors(*places(0, SENSORS), 30.0, profile=profile)
    events = [e for e in feed(watch, frames, dt_s=30.0) if e.state == "NEW"]
    assert not criticals(events)
    assert ("over-temperature", "advice") in {(e.detector, e.severity) for e in events}
