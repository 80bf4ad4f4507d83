"""What alarms say: nothing that is not known, and no figure that makes no sense."""

import math

import pytest

from agent.detect.detectors.thermal_slope import AMONG
from agent.detect.explanations.heat import as_finely, risen
from agent.detect.explanations.said import Sentence, said
from agent.detect.kernels.heating import Heating

RISEN = Sentence("risen", "{risen}")
RISING = Heating(certain=1.0, own=1.5, against=1.5, noise=0.1, rise_k=0.7, for_s=28.0)


def test_a_rise_is_told_with_its_time() -> None:
    assert said(RISEN, **risen(RISING, AMONG)).text == ", 0.7 K up among them in about 28 s"


@pytest.mark.parametrize("rise_k", [-47.3, math.nan])
def test_a_sensor_that_heats_again_after_a_fall_is_not_said_to_be_up(rise_k: float) -> None:
    assert said(RISEN, **risen(RISING._replace(rise_k=rise_k, for_s=0.0), AMONG)).text == ""


@pytest.mark.parametrize(
    ("value", "beside", "words"),
    [
        (-0.00043, 2.0, "0.0"),
        (0.77, 1.234, "0.8"),
        (0.00123, 0.0041, "0.0012"),
        (-2.6, 13.0, "-3"),
        (0.3, 0.0, "0.30"),
    ],
)
def test_what_siblings_do_is_told_no_finer_than_what_the_sensor_does(
    value: float, beside: float, words: str
) -> None:
    number, decimals = as_finely(value, beside)
    assert f"{number:.{decimals}f}" == words
