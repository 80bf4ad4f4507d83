"""What a slope teaches about the slopes to reckon with: falls do, rises do not."""

import numpy as np
import pytest

from agent.detect.kernels import noise
from agent.detect.kernels.slope import SCALES_S, SIGMAS, SLOPE
from agent.detect.kernels.wander import POSSIBLE, WANDER
from agent.detect.watch import UnitDetectors
from tests.agent.detect.racks import Floats, feed, raised

SENSORS, PERIOD_S, DAY = 16, 60.0, 1440
SCALE = 4  # 1536 s


def _watch() -> UnitDetectors:
    places = [f"string1/sensor{i + 1}" for i in range(SENSORS)]
    return UnitDetectors(places, ["cell_temperature"] * SENSORS, np.full(SENSORS, 0.01), PERIOD_S)


def _white(days: int, sd_k: float = 0.29) -> Floats:
    frames: Floats = 25.0 + sd_k * np.random.default_rng(8).standard_normal((days * DAY, SENSORS))
    return frames


def _wandering(days: int) -> Floats:
    """Return sensors that go up and down alike, by half a kelvin and within hours, each in its own time."""
    rng = np.random.default_rng(9)
    periods_s, phases = rng.uniform(2.0, 7.0, (4, SENSORS)) * 3600.0, rng.uniform(0.0, 6.3, (4, SENSORS))
    t_s = PERIOD_S * np.arange(days * DAY)[:, None, None]
    return _white(days, 0.02) + 0.25 * np.sin(2.0 * np.pi * t_s / periods_s + phases).sum(axis=1)


@pytest.mark.parametrize(("k_per_min", "widens"), [(0.02, False), (-0.02, True)])
def test_a_ramp_that_is_not_beyond_doubt_yet_widens_what_is_possible_only_where_it_falls(
    k_per_min: float, widens: bool
) -> None:
    watch, frames = _watch(), _white(4)
    feed(watch, frames[: 3 * DAY], dt_s=PERIOD_S)
    possible = watch._banks.gain.learned[:, SCALE, POSSIBLE].copy()
    ramp = frames[3 * DAY : 3 * DAY + 60]
    ramp[:, ::4] += k_per_min * np.arange(1, 61)[:, None]
    feed(watch, ramp, t_s=3 * DAY * PERIOD_S, dt_s=PERIOD_S)
    grown = watch._banks.gain.learned[::4, SCALE, POSSIBLE] / possible[::4]
    assert (grown > 1.5).all() if widens else (grown < 1.02).all()


def test_a_wander_that_is_symmetric_is_learned_as_it_is() -> None:
    watch, frames, squares = _watch(), _wandering(4), []
    for i, frame in enumerate(frames):
        watch.judge(i * PERIOD_S, frame, np.zeros(SENSORS, np.uint8))
        if i >= 2 * DAY:
            squares.append(watch._banks.gain.fit[:, SCALE, SLOPE] ** 2)
    learned = watch._banks.gain.learned[:, SCALE, WANDER] / np.mean(squares, axis=0)
    assert 0.85 < np.mean(learned) < 1.15
    assert ((learned > 0.5) & (learned < 2.0)).all()


def test_what_wanders_beyond_white_noise_counts_twice_and_white_noise_itself_once() -> None:
    for frames, times in ((_white(4), 1.0), (_wandering(4), 2.0)):
        watch = _watch()
        feed(watch, frames, dt_s=PERIOD_S)
        gain, tau_s = watch._banks.gain, SCALES_S[SCALE]
        white = 0.5 / tau_s * np.sqrt(PERIOD_S / tau_s) * gain.noise[:, noise.SD]
        sd = np.sqrt(np.maximum(gain.learned[:, SCALE, WANDER], white**2))
        ratio = (gain.learned[:, SCALE, POSSIBLE] / SIGMAS[SCALE] / sd) ** 2
        assert times < np.median(ratio) < 1.5 * times


def test_a_sensor_that_warms_from_the_start_is_known_as_soon_as_others_and_in_peace() -> None:
    watch, frames = _watch(), _white(1, 0.02)
    frames[:, 3] += 0.005 * np.arange(DAY)
    assert not raised(feed(watch, frames, dt_s=PERIOD_S), "thermal-slope")
    assert watch.coverage().learning == 0
