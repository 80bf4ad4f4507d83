"""What alarms say: nothing that is not known, and no figure that makes no sense."""

import math

import pytest

from agent.detect.explain import risen
from agent.detect.heating import Seen

RISING = Seen(certain=1.0, own=1.5, against=1.5, noise=0.1, rise_k=0.7, for_s=28.0)


def test_a_rise_is_told_with_its_time() -> None:
    assert risen(RISING, " among them") == ", 0.7 K up among them in about 28 s"


@pytest.mark.parametrize("rise_k", [-47.3, math.nan])
def test_a_sensor_that_heats_again_after_a_fall_is_not_said_to_be_up(rise_k: float) -> None:
    assert risen(RISING._replace(rise_k=rise_k, for_s=0.0)) == ""
