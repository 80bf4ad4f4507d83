"""Cooling that is lost, told from what load does to a rack whose room nobody measures."""

import numpy as np
import pytest

from agent.detect.channels import Floats
from agent.detect.detectors import cooling_lost as conductance

PERIOD_S, DAY = 20.0, 86400.0
USUAL = 1 / 7200.0  # 1/s


def body(conductances: Floats, seed: int = 1, room_swing_k: float = 1.5) -> tuple[Floats, Floats, Floats]:
    """Return temperature (0.1 K), current and room of a rack with a discharge of 15 min each eight hours."""
    rng = np.random.default_rng(seed)
    t_s = PERIOD_S * np.arange(len(conductances))
    room = 25.0 + room_swing_k * np.sin(2 * np.pi * t_s / DAY) + 0.3 * np.sin(2 * np.pi * t_s / 900.0)
    amps = np.where(
        (t_s - 3600.0) % 28800.0 < 900.0, -100.0, np.where((t_s - 3600.0) % 28800.0 < 7200.0, 14.0, 0.05)
    )
    degc, true = np.empty_like(t_s), 25.0
    for i, k in enumerate(conductances):
        true += PERIOD_S * (4e-7 * amps[i] ** 2 - k * (true - room[i]))
        degc[i] = true
    return np.round(degc + 0.03 * rng.standard_normal(len(t_s)), 1), amps, room


def judged(degc: Floats, amps: Floats, room: Floats | None = None) -> Floats:
    """Return the verdict, times, after each sample."""
    state = conductance.new_conductance(1)
    out = np.empty(len(degc))
    for i in range(len(degc)):
        room_degc = np.nan if room is None else float(room[i])
        conductance.judge_conductance(
            PERIOD_S, float(degc[i]), room_degc, float(amps[i]), abs(amps[i]) < 5.0, state, 0
        )
        out[i] = state[0, conductance.TIMES]
    return out


def days(n: float, factor: float = 1.0) -> Floats:
    """Return `n` days of a conductance."""
    return np.full(int(n * DAY / PERIOD_S), factor * USUAL)


@pytest.mark.parametrize("measured", [False, True])
def test_fans_that_fail_are_heard_within_two_days_and_never_before(measured: bool) -> None:
    degc, amps, room = body(np.concatenate([days(8), days(2, 0.25)]))
    times = judged(degc, amps, room if measured else None)
    failed = int(8 * DAY / PERIOD_S)
    assert not times[:failed].any()
    assert times[failed:].max() >= 2.0
    assert times.max() <= 4.5  # no more than is true


def test_a_filter_that_clogs_over_weeks_is_heard_at_half_the_conductance() -> None:
    falling = USUAL * np.concatenate([np.ones(7 * 4320), np.linspace(1.0, 0.4, 18 * 4320)])
    degc, amps, _ = body(falling)
    heard = int(np.argmax(judged(degc, amps) >= 1.25))
    assert 0.4 < falling[heard] / USUAL < 0.8


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_room_that_swings_and_fans_that_are_switched_are_no_warning(seed: int) -> None:
    degc, amps, _ = body(days(20), seed, room_swing_k=3.0)
    assert not judged(degc, amps).any()
    rng = np.random.default_rng(seed)
    switched = USUAL * np.repeat(rng.choice([0.3, 1.0], 60), 1440)
    degc, amps, _ = body(switched, seed)
    assert judged(degc, amps).max() < 2.0


def test_without_a_load_nothing_is_claimed() -> None:
    degc, amps, _ = body(np.concatenate([days(3), days(3, 0.2)]))
    assert not judged(degc, np.full_like(amps, np.nan)).any()
    rng = np.random.default_rng(3)
    still = 25.0 + 2.0 * np.sin(np.arange(25920) / 700.0) + 0.03 * rng.standard_normal(25920)
    assert not judged(still.round(1), 0.05 + 0.02 * rng.standard_normal(25920)).any()


def test_it_hears_again_after_a_month_of_nothing() -> None:
    degc, amps, _ = body(np.concatenate([days(8), days(2, 0.25)]))
    gone = int(2 * DAY / PERIOD_S)
    state = conductance.new_conductance(1)
    times = []
    for i in range(len(degc)):
        dt_s = 30 * DAY if i == gone else PERIOD_S
        lost = np.nan if i % 50 == 0 or gone < i < gone + 300 else 0.0
        conductance.judge_conductance(
            dt_s, float(degc[i]) + lost, np.nan, float(amps[i]), abs(amps[i]) < 5.0, state, 0
        )
        times.append(state[0, conductance.TIMES])
    assert max(times[: int(8 * DAY / PERIOD_S)]) == 0.0
    assert max(times) >= 2.0
    assert np.isfinite(state).all()
