"""For how many channel-seconds the detectors judged, learned, were blind, or had no sensor."""

import math
from typing import NamedTuple

from agent.detect.channels import Floats
from agent.detect.kernels.arrays import Array, Group
from agent.detect.kernels.compiled import compiled

JUDGED, LEARNING, BLIND, NO_SENSOR, COLUMNS = range(5)


class CoverageSeconds(NamedTuple):
    """seconds (4,): since the start."""

    seconds: Floats


COVERAGE = Group(CoverageSeconds, seconds=Array((COLUMNS,)))


@compiled
def count_seconds(counted_s: float, blind_s: float, age_s: float, learnt: bool, seconds: Floats) -> None:
    """Add what a frame stands for to the seconds of one channel, whose last value is `age_s` old."""
    if math.isinf(age_s):
        seconds[NO_SENSOR] += counted_s
    elif age_s >= blind_s:
        seconds[BLIND] += counted_s
    elif learnt:
        seconds[JUDGED] += counted_s
    else:
        seconds[LEARNING] += counted_s
