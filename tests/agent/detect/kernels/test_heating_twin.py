"""How sensors heat, against its slow twin: verdicts from any slopes, and whole frames from any state."""

import math

import numpy as np
import pytest

from agent.detect.channels import Floats
from agent.detect.kernels import heating, noise, slope
from agent.detect.kernels import load as loads
from agent.detect.kernels.inputs import Inputs
from tests.agent.detect.banks import inputs_of
from tests.agent.detect.naive import load as naive_load
from tests.agent.detect.naive import slope as naive
from tests.agent.detect.naive.heating import Rest, Verdict, heating_of, slackens, stepped
from tests.agent.detect.naive.rows import read_row, write_row
from tests.agent.detect.naive.slope_arrays import arrays_in, arrays_of
from tests.agent.detect.naive.slope_states import any_state

SCALES = len(naive.SCALES_S)


def with_rises(slopes: slope.Slopes, c: int, risen_k: float, gained_k: float) -> None:
    """Make a sensor of which nothing is known stand so far above its half hour."""
    m = slopes.moments
    for first_sum, y in ((slope.X0, risen_k), (slope.G0, gained_k)):
        m[c, : slope.BEFORE, first_sum] = y
        m[c, slope.BEFORE, first_sum] = y
    m[c, : slope.BEFORE, slope.S0] = 1.0
    m[c, slope.BEFORE, slope.S0] = 3.0


def any_slopes(rng: np.random.Generator, signal: slope.Signal, c: int) -> None:
    per_min = [np.nan, -0.1, 0.0, 0.01, 0.089, 0.09, 0.1, 0.3, 0.45, 0.46, 1.0, 1.45, 1.5, 3.0]
    certain = rng.choice(per_min, SCALES) if rng.random() < 0.8 else rng.choice(per_min[:4], SCALES)
    if rng.random() < 0.1:
        certain[:] = np.nan
    signal.fit[c, :, slope.CERTAIN] = certain / 60.0
    signal.fit[c, :, slope.SLOPE] = (certain + rng.choice([0.0, 0.02, 0.5], SCALES)) / 60.0


def test_from_any_slopes_a_sensor_is_judged_as_the_twin_says() -> None:
    rng, limited = np.random.default_rng(1), {0.09: 0, 0.45: 0, 1.45: 0}
    rises = [
        0.0,
        0.1,
        0.14,
        0.3,
        0.38,
        0.4,
        0.42,
        0.43,
        0.45,
        0.47,
        0.87,
        0.9,
        0.95,
        1.0,
        1.05,
        1.5,
        1.9,
        2.0,
        2.1,
        2.8,  # below three register steps of 1 K
        3.0,
        3.9,
        4.0,
        4.5,
    ]
    for _ in range(1600):
        bank = inputs_of([0, 0, 0])
        bank.step[1] = step = float(rng.choice([0.1, 0.3, 1.0]))
        slopes = slope.new_slopes(np.full(3, 0.1), slope.new_repeats())
        for signal in (slopes.temperature, slopes.gain):
            any_slopes(rng, signal, 1)
        slopes.gain.fit[1][np.isnan(slopes.temperature.fit[1])] = np.nan
        risen_k, gained_k = (float(k) for k in rng.choice(rises, 2))
        with_rises(slopes, 1, risen_k, gained_k)
        known = np.flatnonzero(~np.isnan(slopes.temperature.fit[1, : slope.BEFORE, slope.SLOPE]))
        if not known.size:
            risen_k = math.nan
        if not known.size or np.isnan(slopes.gain.fit[1, known[0], slope.SLOPE]):
            gained_k = math.nan
        naive_signals = []
        for signal in (slopes.temperature, slopes.gain):
            of = naive.Signal(float(signal.step[1]))
            of.noise.difference = signal.noise[1, noise.DIFFERENCE] = float(rng.choice([0.0, 0.02, 0.1]))
            of.jump = rng.choice([0.0, 0.0, 0.0, 0.02, 0.1, 0.101, 0.14, 0.25, 0.3, 3.0], SCALES).tolist()
            signal.learned[1, :, slope.JUMP] = of.jump
            of.noise.leap = signal.noise[1, noise.LEAP] = float(rng.choice([0.0, 0.0, 0.02]))
            naive_signals.append(of)
        bank.value[1] = float(rng.choice([np.nan, 61.0]))
        quiet = bool(rng.random() < 0.5)
        verdict = rng.choice([np.nan, 0.0, 3.0], (3, 6))
        expected = verdict.copy()
        twin = read_row(Verdict, heating, expected[1])
        fits = [[tuple(row) for row in of.fit[1].tolist()] for of in (slopes.temperature, slopes.gain)]
        twin.judge(fits[0], fits[1], risen_k, gained_k, stepped(*naive_signals), step, quiet)
        twin.hot = float(verdict[1, heating.HOT])
        write_row(twin, heating, expected[1])
        heating._judge_sensor(bank, slopes, verdict, quiet, 1)
        np.testing.assert_allclose(verdict, expected, rtol=1e-9)
        for at in limited:
            limited[at] += at in verdict[1, [heating.AGAINST, heating.AT_REST]]
    assert min(limited.values()) > 10


def test_a_rise_that_is_one_step_is_never_more_than_advice() -> None:
    def against(rises_k: float, beyond_k: float, leaps_k: float = 0.0) -> float:
        slopes = slope.new_slopes(np.full(1, 0.1), slope.new_repeats())
        for signal, difference in ((slopes.temperature, 0.03), (slopes.gain, 0.06)):
            signal.fit[0, 1] = 0.2 / 60.0
            signal.noise[0, noise.DIFFERENCE] = difference  # neighbours are up to 0.214 and 0.369 K apart
        slopes.temperature.learned[0, 1, slope.JUMP] = beyond_k
        slopes.temperature.noise[0, noise.LEAP] = leaps_k
        with_rises(slopes, 0, rises_k, rises_k)
        verdict = np.full((1, 6), np.nan)
        heating._judge_sensor(inputs_of([0]), slopes, verdict, False, 0)
        return float(verdict[0, heating.AGAINST])

    assert against(0.5, 0.0) == pytest.approx(0.2)  # a rise without a step
    assert against(0.5, 0.186) == heating.ADVICE_AT_MOST  # a step of 0.4 K
    assert against(0.5, 0.186, leaps_k=0.1) == pytest.approx(0.2)  # and another one now
    assert against(0.77, 0.186) == heating.ADVICE_AT_MOST
    assert against(0.78, 0.186) == pytest.approx(0.2)  # it rises on
    assert against(0.5, 0.22) == heating.ADVICE_AT_MOST  # one that is wholly beyond the sensor's own noise
    assert against(0.63, 0.22) == pytest.approx(0.2)
    twice = 2.0 * (3.8 * 0.06 + math.sqrt(2.0) * 0.1)
    assert against(0.5, twice) == heating.ADVICE_AT_MOST
    assert against(0.5, math.nextafter(twice, 1.0)) == pytest.approx(
        0.2
    )  # the slope of the gain is without it


def test_a_share_of_what_all_siblings_do_is_excused() -> None:
    def against(own: float, siblings: float) -> float:
        slopes = slope.new_slopes(np.full(1, 0.1), slope.new_repeats())
        for signal, k_per_min in ((slopes.temperature, own), (slopes.gain, own - siblings)):
            signal.fit[0, 2] = k_per_min / 60.0
        with_rises(slopes, 0, 5.0, 5.0)
        verdict = np.full((1, 6), np.nan)
        heating._judge_sensor(inputs_of([0]), slopes, verdict, False, 0)
        return float(verdict[0, heating.AGAINST])

    assert against(2.0, 0.0) == pytest.approx(2.0)
    assert against(2.0, 1.0) == pytest.approx(0.5)  # a gain of 1, half of their 1 is excused
    assert against(2.0, 1.5) == pytest.approx(-0.25)
    assert against(2.0, -1.0) == pytest.approx(1.5)  # itself, less half of what they cool by
    assert against(-1.0, -3.0) == pytest.approx(-2.5)


def test_from_any_state_the_battery_rests_as_the_twin_says() -> None:
    rng, n, found = np.random.default_rng(2), 3, []
    for _ in range(500):
        cells, heat = inputs_of([0] * n), heating.new_heat(2, n)
        load = loads.new_load(np.zeros(2, np.int64), np.full(2, -1), -1)
        load.state[:, loads.NOW] = rng.choice([np.nan, 0.0], 2)
        load.state[:, loads.RESTED_S] = rng.choice([290.0, 300.0, 310.0], 2)
        cells.value[:] = rng.choice([np.nan, 3.25, 3.3], n) if rng.random() < 0.9 else np.nan
        moved = rng.choice([0.0, 0.0, 0.02, 0.035, -0.035, -0.05], n)
        heat.slow_v[:] = np.where(rng.random(n) < 0.2, np.nan, 3.3 + moved)
        heat.quiet_s[0] = float(rng.choice([0.0, 30.0, 55.0]))
        twin = Rest(float(heat.quiet_s[0]), heat.slow_v.tolist())
        dt_s = float(rng.choice([1.0, 60.0, 70.0, 300.0, 1e6]))
        heating.follow_rest(dt_s, cells, load, heat)
        currents = [(float(row[loads.NOW]), float(row[loads.RESTED_S])) for row in load.state]
        twin.take(dt_s, currents, cells.value.tolist())
        assert heat.quiet_s[0] == pytest.approx(twin.quiet_s)
        np.testing.assert_allclose(heat.slow_v, twin.slow_v, rtol=1e-9)
        found.append(twin.quiet_s > 0.0)
    assert 50 < sum(found) < 450


@pytest.mark.parametrize(("moved_v", "rests"), [(0.03125, False), (0.029, True)])
def test_voltages_that_stand_within_30_mv_of_their_half_hour_rest(moved_v: float, rests: bool) -> None:
    cells, heat = inputs_of([0]), heating.new_heat(1, 1)
    cells.value[0], heat.slow_v[0] = 3.0, 3.0 + moved_v
    heating.follow_rest(1e-9, cells, loads.new_load(np.zeros(1, np.int64), np.full(1, -1), -1), heat)
    assert (heat.quiet_s[0] > 0.0) == rests


class Watched:
    """Two sensors of one circuit from any state, in the kernel's arrays and as twins."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.bank: Inputs = inputs_of([0, 0])
        self.load = loads.new_load(np.zeros(1, np.int64), np.full(1, -1), -1)
        self.load.feature[:] = rng.normal(size=4)
        self.load.inverse[:] = np.diag([1.0, 2.0, 0.5, 0.0])
        self.models = [loads.new_model(2), loads.new_model(2)]
        for model in self.models:
            model.cross[:] = rng.normal(size=(2, 4))
            model.mean[:] = [25.0, 0.0]
            model.age_s[:] = rng.choice([0.0, 86400.0], 2)
        self.twin = any_state(rng)
        self.slopes = arrays_of(self.twin)
        self.bank.step[:] = [sensor.temperature.step for sensor in self.twin.sensors]
        self.heat = heating.new_heat(2, 0)
        self.verdicts = [read_row(Verdict, heating, row) for row in self.heat.verdict]

    def twin_models(self, model: loads.Model) -> list[naive_load.Model]:
        columns = (model.mean, model.age_s, model.explained)
        return [
            naive_load.Model(model.cross[c].tolist(), *(float(of[c]) for of in columns)) for c in range(2)
        ]

    def take(self, dt_s: float) -> None:
        """Judge what is in the bank, and let the twins judge it."""
        value, gain = self.bank.value, self.bank.value - self.bank.median
        state = naive_load.State(*[0.0] * 8)
        circuit = naive_load.Circuit(state, True, feature=self.load.feature[0].tolist())
        explained: list[Floats] = []
        for model, y in zip(self.models, (value, gain), strict=True):
            twins = self.twin_models(model)
            for c, twin in enumerate(twins):
                twin.take(
                    dt_s, float(y[c]), self.bank.restart[c] == 1, circuit, self.load.inverse[0].tolist()
                )
            explained.append(np.array([twin.explained for twin in twins]))
        for c in np.flatnonzero(
            self.bank.restart == 2
        ):  # returned: it teaches nothing until its windows are full
            self.twin.sensors[c].temperature.age_s = self.twin.sensors[c].gain.age_s = -dt_s
        signals = [value - explained[0], gain - explained[1]]
        self.twin.take(dt_s, *(y.tolist() for y in signals), (self.bank.restart == 1).tolist())
        hot = np.where(value > 30.0, 0.0, value)  # what is doubted
        heating.judge_heating(dt_s, self.bank, self.load, *self.models, self.slopes, hot, self.heat)
        quiet = self.heat.quiet_s[0] >= 60.0
        for c, (verdict, sensor) in enumerate(zip(self.verdicts, self.twin.sensors, strict=True)):
            rises = sensor.rise("x"), sensor.rise("g")
            step = float(self.bank.step[c])
            fits = sensor.temperature.fit, sensor.gain.fit
            steps = stepped(sensor.temperature, sensor.gain)
            verdict.judge(*fits, *rises, steps, step, bool(quiet))
            verdict.hot = float(hot[c])
        np.testing.assert_allclose(self.heat.signal, signals[0], rtol=1e-9)
        np.testing.assert_allclose(self.heat.gain, signals[1], rtol=1e-9, atol=1e-12)


def test_from_any_state_a_frame_is_judged_as_the_twins_judge_it() -> None:
    rng, heats = np.random.default_rng(3), 0
    for _ in range(50):
        watched = Watched(rng)
        bank = watched.bank
        bank.value[:] = rng.choice([np.nan, 24.0, 25.0, 31.0], 2)
        bank.median[:] = rng.choice([np.nan, 24.0, 22.0, 22.0], 2)
        bank.restart[:] = rng.choice([0, 0, 1, 2], 2)
        watched.heat.quiet_s[0] = float(rng.choice([59.0, 60.0, 65.0]))
        watched.take(float(rng.choice([1.5, 6.0, 24.0, 400.0])))
        expected = arrays_in(arrays_of(watched.twin))
        for name, array in arrays_in(watched.slopes).items():
            lost = 1e-40 if name == "moments" else 1e-12
            np.testing.assert_allclose(array, expected[name], rtol=1e-6, atol=lost, err_msg=name)
        verdict = watched.heat.verdict.copy()
        for row, twin in zip(verdict, watched.verdicts, strict=True):
            write_row(twin, heating, row)
        np.testing.assert_allclose(watched.heat.verdict, verdict, rtol=1e-6, atol=1e-12)
        heats += int((verdict[:, : heating.HOT] > 0.0).sum())
    assert heats > 8


def test_how_a_sensor_heats_is_told_as_the_twin_tells_it() -> None:
    rng, told = np.random.default_rng(4), []
    columns = {"against": heating.AGAINST, "alone": heating.ALONE, "at_rest": heating.AT_REST}
    for _ in range(80):
        twin = any_state(rng)
        sensor = twin.sensors[1]
        for k, window in enumerate(sensor.windows):
            ages_s = window.tau_s * rng.uniform(0.0, 1.5, 9 + 3 * k)
            window.samples = [
                naive.Sample(float(age), *rng.normal(20.0, 1.0, 2).tolist(), []) for age in ages_s
            ]
        sensor.temperature.noise.sd = float(rng.choice([1e-4, 3e-3, 0.05]))
        times = rng.choice([0.2, 0.45, 0.5, 1.0, -1.0], SCALES)
        for k in range(SCALES):
            steep = float(rng.choice([1.0, 5.0])) / 100.0
            sensor.temperature.fit[k] = (steep * float(times[k]), 0.0)
            sensor.gain.fit[k] = (steep * float(times[-k]), 0.0)
            if rng.random() < 0.1:
                sensor.temperature.fit[k] = (math.nan, math.nan)
        slopes, verdict = arrays_of(twin), rng.normal(size=(2, 6))
        verdict[:, [heating.AGAINST_SCALE, heating.ALONE_SCALE]] = rng.choice(
            [np.nan, 0, 1, 2, 3, 4, 5], (2, 2)
        )
        of_twin = read_row(Verdict, heating, verdict[1])
        for column, at in columns.items():
            found = heating.heating_of(slopes, verdict, 1, at)
            assert found._asdict() == pytest.approx(
                heating_of(sensor, of_twin, column), rel=1e-6, nan_ok=True
            )
            slack = heating.slackens(slopes, verdict, 1, at)
            assert slack == slackens(sensor, of_twin, column)
            told.append((found.for_s > 0.0, slack))
    assert all(20 < sum(of) < len(told) - 20 for of in zip(*told, strict=True))


def test_of_new_sensors_nothing_is_known() -> None:
    heat = heating.new_heat(3, 2)
    assert (heat.signal.shape, heat.gain.shape, heat.verdict.shape) == ((3,), (3,), (3, 6))
    assert (heat.slow_v.shape, heat.quiet_s.tolist()) == ((2,), [0.0])
    assert np.isnan(heat.verdict).all()
    assert np.isnan([*heat.signal, *heat.gain, *heat.slow_v]).all()


@pytest.mark.parametrize(("now", "slack"), [(2.9, True), (3.0, False), (3.1, False), (np.nan, False)])
def test_a_rate_slackens_that_is_less_than_half_by_two_sigmas(
    now: float, slack: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heating, "_white", lambda *of: 1.0)
    slopes, verdict = slope.new_slopes(np.full(1, 0.1), slope.new_repeats()), np.zeros((1, heating.COLUMNS))
    verdict[0, heating.ALONE_SCALE] = 2.0
    slopes.temperature.fit[0, :3, slope.SLOPE] = now, np.nan, 10.0
    assert heating.slackens(slopes, verdict, 0, heating.ALONE) == slack
