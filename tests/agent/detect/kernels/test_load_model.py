"""What load explains of temperatures: most of what it does, nothing of what it does not."""

import numpy as np
import pytest

from agent.detect.channels import Floats, make_bank
from agent.detect.kernels import load as loads
from agent.detect.kernels.inputs import Inputs, new_inputs

PERIOD_S, DAY = 30.0, 2880
EVERY_5_H, RESTING = 600, 0.05


def cycles(days: float, seed: int = 1) -> Floats:
    """Return currents, A: every five hours 20 min of discharge at 40 to 100 A, 2 h of charge, and rest."""
    rng = np.random.default_rng(seed)
    cycle = np.concatenate([np.full(40, -1.0), np.full(240, 0.2), np.zeros(EVERY_5_H - 280)])
    amps = np.concatenate([rng.uniform(40.0, 100.0) * cycle for _ in range(int(days * DAY / EVERY_5_H))])
    return amps + RESTING * rng.standard_normal(len(amps))


def bodies(amps: Floats, lag_s: Floats, room: Floats, k_at_100_a: float = 30.0) -> Floats:
    """Return temperatures (frames, bodies), 0.1 K and 0.03 K of noise: I^2 heats by so much, given time."""
    rng = np.random.default_rng(3)
    degc = np.empty((len(amps), len(lag_s)))
    over = np.zeros(len(lag_s))
    slow_room = room[0]
    for i, a in enumerate(amps):
        over = over + PERIOD_S / lag_s * (k_at_100_a * (a / 100.0) ** 2 - over)
        slow_room += PERIOD_S / 3000.0 * (room[i] - slow_room)
        degc[i] = slow_room + over
    return np.round(degc + 0.03 * rng.standard_normal(degc.shape), 1)


class Watched:
    """Sensors of one circuit, and what load and room explain of them."""

    def __init__(self, sensors: int, room: bool = False) -> None:
        places = [f"string1/sensor{i}" for i in range(sensors)]
        bank = make_bank(
            places, ["cell_temperature"] * sensors, np.full(sensors, 0.1), ("cell_temperature",), 0.01
        )
        self.bank: Inputs = new_inputs(bank, np.zeros(sensors, np.int64))
        self.load = loads.new_load(np.zeros(1, np.int64), np.full(1, -1), 1 if room else -1)
        self.model = loads.new_model(sensors)

    def explained(self, amps: Floats, degc: Floats, room: Floats | None = None) -> Floats:
        """Return what is explained of each temperature, K, frame by frame."""
        out = np.empty_like(degc)
        value = np.full(2, np.nan)
        for i in range(len(amps)):
            value[0], value[1] = amps[i], np.nan if room is None else room[i]
            loads.take_load(PERIOD_S, value, self.load)
            loads.explain_by_load(PERIOD_S, degc[i], self.bank, self.load, self.model)
            out[i] = self.model.explained
        return out


def left(degc: Floats, explained: Floats) -> Floats:
    """Return the share of each sensor's swing that is not explained."""
    return np.std(degc - explained, axis=0) / np.std(degc, axis=0)


STILL = np.full(100 * DAY, 25.0)


INERTIAS_S = np.array([400.0, 1200.0, 3000.0, 6000.0])


def test_after_a_week_most_of_what_load_does_is_explained_whatever_the_inertia() -> None:
    amps = cycles(8)
    degc = bodies(amps, INERTIAS_S, STILL)
    explained = Watched(4).explained(amps, degc)
    assert np.ptp(degc, axis=0).min() > 5.0
    assert (left(degc[-DAY:], explained[-DAY:]) < [0.2, 0.2, 0.2, 0.3]).all()
    assert (
        np.abs(explained[:120]).max(axis=0) < 0.05 * np.ptp(degc[:120], axis=0)
    ).all()  # nothing is known yet


def test_after_a_week_most_of_what_a_measured_room_does_is_explained() -> None:
    rng = np.random.default_rng(5)
    t_s = PERIOD_S * np.arange(8 * DAY)
    weather = np.interp(t_s, np.arange(0.0, 9 * 86400.0, 7200.0), rng.normal(0.0, 2.0, 108))
    room = 25.0 + 3.0 * np.sin(2 * np.pi * t_s / 86400.0) + weather
    idle = RESTING * rng.standard_normal(len(t_s))
    degc = bodies(idle, INERTIAS_S[:1], room)
    explained = Watched(1, room=True).explained(idle, degc, room)
    assert (left(degc[-DAY:], explained[-DAY:]) < 0.2).all()
    unmeasured = Watched(1).explained(idle, degc)
    assert (left(degc[-DAY:], unmeasured[-DAY:]) > 0.9).all()  # an idle current explains none of it


def test_a_fault_in_the_midst_of_load_is_not_explained_away() -> None:
    amps = cycles(8)
    degc = bodies(amps, INERTIAS_S[:1], STILL)
    ill = degc.copy()
    ill[6 * DAY : 6 * DAY + 240, 0] += np.linspace(0.0, 4.0, 240)  # 2 K an hour
    took = Watched(1).explained(amps, ill) - Watched(1).explained(amps, degc)
    assert np.abs(took[6 * DAY : 6 * DAY + 240]).max() < 0.2


def test_a_load_that_never_changes_explains_nothing() -> None:
    amps = np.full(2 * DAY, -40.0)
    drifting = np.round(np.linspace(25.0, 30.0, 2 * DAY), 1)[:, None]
    assert np.abs(Watched(1).explained(amps, drifting)[-1]).max() < 0.1


@pytest.mark.parametrize(("resting", "rank"), [((), 4), ((3,), 4), ((0, 1, 2), 4), ((), 2)])
def test_the_inverse_is_that_of_the_ridged_covariance_of_features_that_move(
    resting: tuple[int, ...], rank: int
) -> None:
    rng = np.random.default_rng(2)
    seen = (
        rng.standard_normal((50, rank)) @ rng.standard_normal((rank, loads.FEATURES)) * [1e4, 5e3, 30.0, 2.0]
    )
    seen[:, resting] = 0.0
    covariance = seen.T @ seen / len(seen)
    out = np.zeros((1, loads.FEATURES, loads.FEATURES))
    loads._invert(np.tril(covariance)[None], out, 0)
    moves = [k for k in range(loads.FEATURES) if k not in resting]
    ridged = covariance + loads.RIDGE * np.diag(np.diag(covariance))
    expected = np.zeros_like(covariance)
    expected[np.ix_(moves, moves)] = np.linalg.inv(ridged[np.ix_(moves, moves)])
    size = np.sqrt(np.outer(np.diag(ridged), np.diag(ridged)))
    np.testing.assert_allclose(out[0] * size, expected * size, atol=1e-9)


def regimes(amps: list[float]) -> list[int]:
    """Return the regime after each current, ten seconds apart."""
    load = loads.new_load(np.zeros(1, np.int64), np.full(1, -1), -1)
    found = []
    for a in amps:
        loads.take_load(10.0, np.array([a]), load)
        found.append(int(load.regime[0]))
    return found


def test_regimes_follow_the_current_beyond_what_noise_and_offset_do() -> None:
    noise = (0.5 * np.random.default_rng(1).standard_normal(500)).tolist()
    found = regimes([*([-80.0] * 20), *noise, *([15.0] * 20), float("nan"), *noise])
    assert found[2:20] == [loads.DISCHARGE] * 18
    assert found[60:520] == [loads.REST] * 460
    assert found[525:540] == [loads.CHARGE] * 15
    assert found[540] == loads.UNKNOWN
    assert found[-400:] == [loads.REST] * 400


@pytest.mark.parametrize("wild", [3276.7, -3276.8, 6553.5, 327.67])
def test_a_register_that_reads_wild_twice_is_no_load_and_one_that_stays_is(wild: float) -> None:
    load = loads.new_load(np.zeros(1, np.int64), np.full(1, -1), -1)
    for a in [20.0, -20.0] * 50 + [0.1] * 50 + [wild, wild, 0.1, wild, -wild, wild] + [0.1] * 50:
        loads.take_load(10.0, np.array([a]), load)
    assert load.state[0, loads.LARGEST] < 30.0
    assert load.regime[0] == loads.REST
    for _ in range(5):
        loads.take_load(10.0, np.array([wild]), load)
    assert load.state[0, loads.LARGEST] > 0.5 * abs(wild)
    assert load.regime[0] == (loads.CHARGE if wild > 0.0 else loads.DISCHARGE)
