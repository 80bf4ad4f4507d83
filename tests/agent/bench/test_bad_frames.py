"""The bad frames of the scoreboard: they are counted where they are critical, and so is a real heat."""

import numpy as np
import pytest

from agent.bench.detection.glitches import (
    CELLS,
    GLITCHES,
    LOAD_A,
    SIGNED,
    STEP,
    TEMPS,
    Unit,
    read,
    sound,
)
from agent.detect.channels import Floats


def burns(frame: Floats, rng: np.random.Generator) -> Floats:
    hot = frame.copy()
    hot[CELLS : CELLS + 2] = 71.0, 88.0
    return hot


def test_registers_are_of_16_bits_and_signed_where_they_may_be_negative() -> None:
    ones = read(np.full(len(STEP), -1))
    assert np.allclose(ones, np.where(SIGNED, -1, 65535) * STEP)
    assert np.allclose(ones[TEMPS], -0.1)


@pytest.mark.parametrize("name", GLITCHES)
def test_each_kind_spoils_a_frame_and_is_a_frame_of_registers(name: str) -> None:
    rng = np.random.default_rng(1)
    frame = sound(rng)
    bad = GLITCHES[name](frame.copy(), rng)
    assert bad.shape == frame.shape
    assert np.isfinite(bad).all()
    assert (np.abs(bad - frame) > STEP).any()
    assert np.allclose(bad / STEP, np.rint(bad / STEP))


def test_a_heat_of_two_frames_is_counted_and_each_glitch_begins_where_the_unit_had_learned() -> None:
    unit = Unit(10.0, LOAD_A)
    for _ in range(2):
        assert unit.critical(burns, 2, 1) is True
        assert unit.critical(burns, 1, 1) is False
        assert unit.critical(GLITCHES["zeros"], 3, 1) is False
        assert unit.critical(GLITCHES["factor 0.1"], 3, 1) is None
