"""What is no measurement, both sides: against the slow twin over frames of every kind, and by hand."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from agent.detect.channels import Channels
from agent.detect.kernels.measured import MEASURED_ARRAY, _is_code, judge_measured, new_measuring
from agent.detect.settings import Settings
from tests.agent.detect.naive.measured import Frames, Value

WHY = ("", "not read", "code", "invalid", "beyond", "zeros", "together")
Q = {"V": "cell_voltage", "M": "module_voltage", "T": "cell_temperature", "A": "ambient_temperature",
     "P": "voltage", "I": "current", "S": "soc"}  # fmt: skip
STEP = {"V": 0.001, "M": 0.01, "T": 0.1, "A": 0.1}


class Unit:
    """Values of these kinds, one letter each, with limits of 2.5 and 3.65 V and of 60 degC."""

    def __init__(self, kinds: str) -> None:
        quantities = [Q[kind] for kind in kinds]
        step = np.array([STEP.get(kind, 1.0) for kind in kinds])
        channels = Channels([f"string1/module1/at{i}" for i in range(len(kinds))], quantities, step)
        given = Settings().unit_limits(quantities)
        values = given.values.copy()
        cells = np.array(quantities) == "cell_voltage"
        values[cells, 1], values[cells, 2] = (2.5, 3.65), (1.8, 3.9)
        values[np.array(quantities) == "current", 0] = (-100.0, 100.0)
        self.limits = given._replace(values=values)
        self.of = new_measuring(channels, self.limits)
        self.measured = MEASURED_ARRAY.new(frame=len(kinds))
        self.n = len(kinds)
        self.plain = Frames(
            [
                Value(q, self.of.step[i], values[i, :, 0].max(), values[i, :, 1].min())
                for i, q in enumerate(quantities)
            ]
        )

    def take(
        self, si: Sequence[float], dt_s: float = 10.0, quality: Sequence[int] | None = None
    ) -> list[str]:
        """Return why each value of a frame is no measurement, "" where it is one."""
        codes = np.zeros(self.n, np.uint8) if quality is None else np.array(quality, np.uint8)
        judge_measured(dt_s, np.array(si, float), codes, self.of, self.measured)
        said = [WHY[why] for why in self.of.why]
        assert self.measured.tolist() == [not why for why in said]
        assert said == self.plain.take(dt_s, si, codes.tolist())
        return said

    def alone(self, *frames: Sequence[float], dt_s: float = 10.0) -> list[str]:
        """Return what is said of the last of these frames."""
        return [self.take(frame, dt_s) for frame in frames][-1]


@pytest.mark.parametrize("seed", range(6))
def test_frames_of_every_kind_are_told_as_the_twin_tells_them(seed: int) -> None:
    rng, seen = np.random.default_rng(seed), set()
    for _ in range(60):
        unit = Unit("".join(rng.choice(list("VVVVVTTTTMMAPIS"), rng.integers(1, 14))))
        si = np.zeros(unit.n)
        for _frame in range(12):
            kinds = unit.plain.values
            base = np.array([3.3 if "voltage" in v.quantity else 25.0 for v in kinds])
            move = rng.choice(["noise", "zeros", "one", "some", "step"])
            if move == "noise":
                si = base + rng.normal(0.0, 0.01, unit.n).round(2)
            elif move == "zeros":
                si = np.where(rng.random(unit.n) < rng.choice([1.0, 0.9]), rng.choice([0.0, -40.0, -0.0]), si)
            elif move == "one":
                si = np.full(unit.n, rng.choice([65.535, 4.2, 64.0, 0.0, 1e4, 1100.0, 215.0]))
            elif move == "some":
                odd = rng.random(unit.n) < 0.6
                si = np.where(
                    odd, rng.choice([3.95, 1.0, 90.0, 255.04, 6513.5, 3236.7, 29.9, 30.0, -41.0]), si
                )
            else:
                si = si + rng.choice([0.05, 0.2, 0.31, 5.0], unit.n)
            quality = rng.choice([0, 1, 2, 4, 6], unit.n, p=[0.9, 0.03, 0.03, 0.02, 0.02])
            read = np.where(quality == 0, si, np.nan)
            read[rng.random(unit.n) < 0.02] = np.nan
            seen |= set(unit.take(read.tolist(), float(rng.choice([1.0, 10.0, 30.0])), quality.tolist()))
    assert seen == set(WHY)


def test_a_code_and_what_is_outside_valid_are_none_and_what_is_not_read_is_known_apart() -> None:
    nan = math.nan
    assert Unit("VVVTV").take([nan, nan, nan, 25.0, 3.3], quality=[1, 2, 4, 0, 0]) == [
        "code", "invalid", "not read", "", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kinds", "frame", "said"),
    [
        ("VVTT", [0.0, 0.0, 0.0, 0.0], ["zeros"] * 4),
        ("VT", [0.0, 0.0], ["zeros"] * 2),
        ("VVTIS", [0.0, 0.0, 0.0, 0.0, 0.0], ["zeros"] * 5),  # also what may be 0 honestly
        ("VVP", [0.0, 0.0, 0.0], ["zeros"] * 3),
        ("VTT", [0.0, -40.0, -40.0], ["zeros"] * 3),  # registers of 0 with an offset
        ("VVTI", [0.0, 0.0, 0.0, 12.5], ["zeros"] * 3 + [""]),
    ],
)
def test_zeros_in_two_quantities_that_cannot_all_be_zero_are_none(
    kinds: str, frame: list[float], said: list[str]
) -> None:
    assert Unit(kinds).take(frame) == said


@pytest.mark.parametrize(
    ("kinds", "frame"),
    [
        ("VVTTT", [0.0, 3.3, 0.0, 0.0, 0.0]),  # a dead cell, in a room that freezes
        ("VVTIS", [3.3, 3.3, 0.0, 0.0, 0.0]),  # at rest, empty, in the cold
        ("VTAP", [3.3, 0.0, 0.0, 0.0]),  # and its contactor is open
        ("VVIS", [0.0, 0.0, 0.0, 0.0]),  # two dead cells at rest: one quantity
        ("VVTT", [0.0, 0.0, 0.0, 1.0]),  # two dead cells in the cold
        ("TTA", [0.0, 0.0, 0.0]),  # a freezing room
    ],
)
def test_zeros_that_may_be_honest_are_measured(kinds: str, frame: list[float]) -> None:
    assert Unit(kinds).take(frame) == [""] * len(kinds)


@pytest.mark.parametrize("step_k", [0.005, 0.1, 1.0])
def test_open_and_full_registers_read_codes_to_half_a_step(step_k: float) -> None:
    codes = [215.0, 255.0, 471.0, 511.0]
    codes += [full * step_k - offset for full in (32767.0, 65535.0) for offset in (0.0, 40.0)]
    for code in codes:
        for steps, one in ((-0.52, False), (-0.48, True), (0.0, True), (0.48, True), (0.52, False)):
            assert _is_code(code + steps * step_k, step_k) == one, (code, steps)
    assert not any(_is_code(degc, step_k) for degc in (-40.0, 0.0, 25.0, 100.0, 300.0))


NORMAL = [3.30, 3.31, 3.29, 3.30]


def test_three_cells_that_come_to_one_number_beyond_a_limit_in_one_frame_are_none_while_they_read_it() -> (
    None
):
    unit = Unit("VVVV")
    at = [4.095, 4.095, 3.29, 4.095]
    assert unit.alone(NORMAL, at) == ["together", "together", "", "together"]
    assert unit.take(at) == ["together", "together", "", "together"]
    assert unit.take([3.30, 4.095, 3.29, 4.095]) == ["", "together", "", "together"], "they came together"
    assert unit.take([3.30, 4.095, 3.29, 4.094]) == ["", "together", "", ""], "another number"
    assert unit.take([3.30, 4.095, 4.095, 4.095]) == ["", "together", "", ""], "not in one frame"


def test_two_cells_or_two_sensors_are_judged_as_they_are() -> None:
    assert Unit("VVTT").alone([3.3, 3.3, 25.0, 25.0], [4.095, 4.095, 90.0, 90.0]) == [""] * 4


def test_three_cells_that_clip_at_full_scale_one_after_the_other_are_measured() -> None:
    unit = Unit("VVVV")
    frames = [NORMAL, [5.0, 3.31, 3.29, 3.3], [5.0, 5.0, 3.29, 3.3], [5.0, 5.0, 5.0, 3.3], [5.0] * 4]
    for frame in frames:
        assert unit.take(frame) == [""] * 4


def test_cells_that_pass_a_limit_step_by_step_to_one_number_are_measured() -> None:
    unit = Unit("VVVV")  # a charger that does not stop, a register of 10 mV
    for step in range(60):
        assert unit.take([3.60 + 0.01 * step] * 4) == [""] * 4


def test_sensors_of_a_whole_degree_that_pass_a_limit_together_are_measured() -> None:
    unit = Unit("TTTT")
    for degc in range(50, 90, 2):
        assert unit.take([float(degc)] * 4) == [""] * 4


def test_cells_that_a_load_pulls_down_to_many_numbers_are_measured_though_some_are_equal() -> None:
    sagged = [2.31, 2.31, 2.31, 2.29, 2.28, 2.33, 2.35]
    assert Unit("V" * 7).alone([3.1] * 7, sagged) == [""] * 7
    assert Unit("V" * 6).alone([3.1] * 6, sagged[:6]) == ["together"] * 3 + [""] * 3, "half of them"


def test_equal_numbers_inside_the_limits_mean_nothing() -> None:
    assert Unit("VVVVTTTT").alone([3.0] * 4 + [20.0] * 4, [3.65] * 4 + [60.0] * 4) == [""] * 8


def test_the_first_value_of_a_sensor_is_a_leap_and_that_of_a_cell_is_where_it_stands() -> None:
    assert Unit("VVVVTTTT").take([5.0] * 4 + [85.0] * 4) == [""] * 4 + ["together"] * 4


def test_a_silence_gives_time_to_move() -> None:
    frames = [3.6, 3.6, 3.6], [3.78, 3.78, 3.78]
    assert Unit("VVV").alone(*frames, dt_s=1.0) == ["together"] * 3
    assert Unit("VVV").alone(*frames, dt_s=8.1) == [""] * 3


def test_quantities_are_counted_apart() -> None:
    assert Unit("TTIA").alone([25.0, 25.0, 50.0, 25.0], [150.0] * 4) == [""] * 4


@pytest.mark.parametrize(
    ("kind", "si"), [("V", 30.0), ("V", -30.0), ("T", 1100.0), ("A", -40.0), ("M", 1000.0)]
)
def test_what_no_matter_in_the_room_has_is_none(kind: str, si: float) -> None:
    unit = Unit(kind)
    assert unit.take([si]) == ["beyond"]
    assert unit.take([0.999 * si]) == [""]


@pytest.mark.parametrize("volts", [-0.4, 0.0, 5.2, 8.0])
def test_a_cell_alone_at_a_number_that_its_input_can_read_is_measured(volts: float) -> None:
    assert Unit("VVVV").alone(NORMAL, [volts, *NORMAL[1:]]) == [""] * 4
