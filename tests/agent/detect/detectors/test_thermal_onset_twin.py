"""A rise with a second sign: the kernel against its slow twin, which keeps every reading."""

import math

import numpy as np
import pytest

from agent.detect.channels import Channels
from agent.detect.detectors.thermal_onset import (
    CELL,
    GROUND,
    ITSELF,
    RISEN,
    judge_thermal_onset,
    new_thermal_onset,
)
from agent.detect.kernels import noise
from agent.detect.kernels.doubt import CHATTERS_S, new_doubt
from agent.detect.kernels.heating import new_heat
from agent.detect.kernels.inputs import new_inputs
from agent.detect.kernels.slope import new_repeats, new_slopes
from agent.detect.kernels.voltage_drop import DROPS
from tests.agent.detect.banks import bank_of, inputs_of
from tests.breadth import sampled

ORDER = 45
ROWS = """
thermal-onset temperature warning 1 K 0 600 0.5 -
"""
KEPT: dict[object, list[str]] = {}

STEP_K, SD_K = 0.1, 0.08
GROUP, CELLS = [0, 0, 1], [0, 0, 1]  # of sensors, and of cells, in two places
NAN = math.nan


class Twin:
    """One signal: all readings, each with the minute in which it was read."""

    def __init__(self) -> None:
        self.minutes: list[list[float]] = [[]]
        self.moves: list[list[float]] = [[]]
        self.last = NAN

    def take(self, dt_s: float, ends: bool, x: float) -> None:
        if dt_s > 300.0:
            self.__init__()  # type: ignore[misc]
        if ends:
            self.minutes.append([])
            self.moves.append([])
        if math.isnan(x):
            return
        self.minutes[-1].append(x)
        if not math.isnan(self.last):
            self.moves[-1].append(x - self.last)
        self.last = x

    def rise(self, x: float) -> float:
        ground = NAN
        for minute in self.minutes[:-2]:
            if minute:
                top = max(minute)
                fallen = top + math.exp(-1.0 / 30.0) * (ground - top)
                ground = fallen if ground > top else top
        return x - ground

    def rises(self, x: float) -> bool:
        return self.rise(x) >= 1.0

    def rises_on(self, x: float) -> bool:
        moves = [move for minute in self.moves[-2:] for move in minute]
        fall = max((-move for move in moves), default=0.0)
        left = self.rise(x) - max(moves, default=NAN) - (2.0 * fall if fall > 6.0 * SD_K else 0.0)
        return left >= max(0.4, 6.0 * SD_K)


@pytest.mark.parametrize("seed", range(sampled(2, 4)))
def test_frame_by_frame_rises_are_those_of_the_twin(seed: int) -> None:
    rng, told = np.random.default_rng(seed), {"rises on": 0, "cell": 0, "neither": 0}
    temps = inputs_of(GROUP, step=STEP_K)
    volts = new_inputs(bank_of(CELLS, at=range(3, 6)), np.zeros(3, np.int64))
    drops = DROPS.new(given={"group": np.array(CELLS)}, cells=3, groups=2)
    doubt, heat = new_doubt(3, 3), new_heat(3, 3)
    slopes = new_slopes(temps.step, new_repeats())
    for signal in (slopes.temperature, slopes.gain):
        signal.noise[:, noise.SD] = SD_K
    places = [f"string{g + 1}/sensor{c}" for c, g in enumerate(GROUP)]
    channels = Channels(places, ["cell_temperature"] * 3, np.full(3, STEP_K))
    onset = new_thermal_onset(channels)
    twins = [[Twin(), Twin()] for _ in GROUP]
    minute_s, since_rest_s, fell_s = 0.0, 0.0, [math.inf, math.inf]
    level = np.full(3, 25.0)
    for _ in range(4000):
        dt_s = float(rng.choice([1.0, 10.0, 30.0, 301.0], p=[0.45, 0.45, 0.09, 0.01]))
        level += rng.choice([0.0, 0.0, 0.0, 0.5, 1.5, -1.0], 3, p=[0.5, 0.3, 0.08, 0.07, 0.02, 0.03])
        level += 0.05 * (25.0 - level)
        temps.raw[:] = np.where(rng.random(3) < 0.03, NAN, level)
        temps.value[:] = np.where(rng.random(3) < 0.05, NAN, temps.raw)
        temps.median[:] = [temps.value[1], temps.value[0], NAN]
        temps.away[:] = temps.raw - temps.median
        heat.quiet_s[0] = rng.choice([60.0, 59.9], p=[0.9, 0.1])
        doubt.state[:, CHATTERS_S] = rng.choice([0.0, 1.0], 3, p=[0.95, 0.05])
        volts.raw[:] = rng.choice([3.3, 3.21, 3.195, 3.1, NAN], 3, p=[0.7, 0.1, 0.05, 0.1, 0.05])
        volts.usable[:] = ~np.isnan(volts.raw) & (rng.random(3) < 0.95)
        volts.away[:] = [volts.raw[0] - 3.3, volts.raw[1] - rng.choice([3.3, 3.1]), NAN]
        doubt.usual_v[:] = rng.choice([3.3, 3.25, NAN], 3)
        judge_thermal_onset(
            dt_s, temps, volts, drops, doubt, heat, slopes.temperature, slopes.gain, onset
        )  # fmt: skip

        rests = heat.quiet_s[0] >= 60.0
        since_rest_s = 0.0 if rests else since_rest_s + dt_s
        minute_s += dt_s
        ends = minute_s >= 60.0
        minute_s = 0.0 if ends else minute_s
        cell = [-1, -1]
        for e, g in enumerate(CELLS):
            usual_v, x = doubt.usual_v[e], volts.raw[e]
            sank = math.exp(min(dt_s, 300.0) / 60.0) * (usual_v - x) >= 0.03 * usual_v
            beside = math.isnan(volts.away[e]) or volts.away[e] <= -0.03 * usual_v
            if volts.usable[e] and sank and beside and (cell[g] < 0 or x < volts.raw[cell[g]]):
                cell[g] = e
        for g in (0, 1):
            fell_s[g] = math.inf if cell[g] < 0 else 0.0 if math.isinf(fell_s[g]) else fell_s[g] + dt_s
        for c, (itself, away) in enumerate(twins):
            itself.take(dt_s, ends, float(temps.value[c]))
            away.take(dt_s, ends, float(temps.value[c] - temps.median[c]))
            read = [(itself, float(temps.raw[c])), (away, float(temps.away[c]))]
            known = read[:1] if math.isnan(temps.away[c]) else read
            rise, g = itself.rise(float(temps.raw[c])), GROUP[c]
            with_cell = since_rest_s <= 60.0 + dt_s and rise >= 0.1 * (fell_s[g] + dt_s)
            held = math.isnan(temps.value[c])
            on = rests and not held and all(signal.rises_on(x) for signal, x in known)
            loud = all(signal.rises(x) for signal, x in known) and not doubt.state[c, CHATTERS_S]
            expected = rise if loud and (on or with_cell) else rise * 0.0
            np.testing.assert_allclose(onset.score[c, RISEN], expected, rtol=1e-9, atol=1e-12)
            assert onset.score[c, CELL] == (cell[g] if with_cell else -1)
            told["rises on"] += expected > 0.0 and on
            told["cell"] += expected > 0.0 and with_cell and not on
            told["neither"] += loud and not expected > 0.0
    assert min(told.values()) > 5, told


def test_a_cell_that_fell_counts_until_a_minute_and_a_frame_after_rest() -> None:
    """A load of a minute or more heats by itself."""
    temps = inputs_of([0], step=STEP_K)
    volts = new_inputs(bank_of([0], at=range(1, 2)), np.zeros(1, np.int64))
    drops = DROPS.new(given={"group": np.zeros(1, np.int64)}, cells=1, groups=1)
    doubt, heat, slopes = new_doubt(1, 1), new_heat(1, 1), new_slopes(temps.step, new_repeats())
    onset = new_thermal_onset(Channels(["sensor1"], ["cell_temperature"], np.full(1, STEP_K)))
    assert [len(onset.fell_s), len(onset.cell)] == [2, 2], "the only place, and no place"
    temps.raw[0] = temps.value[0] = 60.0
    temps.median[0] = temps.away[0] = volts.away[0] = NAN
    volts.raw[0], volts.usable[0], doubt.usual_v[0], heat.quiet_s[0] = 3.0, 1, 3.3, 0.0
    told = []
    for _ in range(8):
        onset.state[0, ITSELF, GROUND] = 25.0
        judge_thermal_onset(
            10.0, temps, volts, drops, doubt, heat, slopes.temperature, slopes.gain, onset
        )  # fmt: skip
        told.append(onset.score[0, RISEN])
    assert told == [35.0] * 7 + [0.0]


def test_a_tenth_of_a_kelvin_a_second_since_its_cell_fell_is_enough() -> None:
    temps = inputs_of([0], step=STEP_K)
    volts = new_inputs(bank_of([0], at=range(1, 2)), np.zeros(1, np.int64))
    drops = DROPS.new(given={"group": np.zeros(1, np.int64)}, cells=1, groups=1)
    doubt, heat, slopes = new_doubt(1, 1), new_heat(1, 1), new_slopes(temps.step, new_repeats())
    onset = new_thermal_onset(Channels(["sensor1"], ["cell_temperature"], np.full(1, STEP_K)))
    onset.state[0, ITSELF, GROUND] = 25.0
    temps.raw[0] = temps.value[0] = 26.0
    temps.median[0] = temps.away[0] = volts.away[0] = NAN
    volts.raw[0], volts.usable[0], doubt.usual_v[0], heat.quiet_s[0] = 3.0, 1, 3.3, 60.0
    judge_thermal_onset(10.0, temps, volts, drops, doubt, heat, slopes.temperature, slopes.gain, onset)
    assert onset.score[0].tolist() == [1.0, 0.0]


def test_of_two_cells_that_fall_the_lower_is_named() -> None:
    temps = inputs_of([0], step=STEP_K)
    volts = new_inputs(bank_of([0, 0, 0], at=range(1, 4)), np.zeros(3, np.int64))
    drops = DROPS.new(given={"group": np.zeros(3, np.int64)}, cells=3, groups=1)
    doubt, heat, slopes = new_doubt(1, 3), new_heat(1, 1), new_slopes(temps.step, new_repeats())
    temps.raw[0] = temps.value[0] = 29.0
    temps.median[0], temps.away[0], volts.away[:] = NAN, NAN, NAN
    volts.usable[:], doubt.usual_v[:], heat.quiet_s[0] = 1, 3.3, 60.0
    for raw, lowest in (([3.0, 2.9, 3.1], 1), ([2.9, 3.0, 3.1], 0), ([3.1, 3.0, 2.9], 2)):
        onset = new_thermal_onset(Channels(["sensor1"], ["cell_temperature"], np.full(1, STEP_K)))
        onset.state[0, ITSELF, GROUND] = 25.0
        volts.raw[:] = raw
        judge_thermal_onset(
            10.0, temps, volts, drops, doubt, heat, slopes.temperature, slopes.gain, onset
        )  # fmt: skip
        assert onset.score[0].tolist() == [4.0, lowest]
