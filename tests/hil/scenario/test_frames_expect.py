"""Frames that must be at the collector: a hole, an early end and none at all are found."""

import numpy as np
import pytest

from hil.scenario.evidence import Evidence
from hil.scenario.expect import FramesExpect

EXPECT = FramesExpect(kind="frames", unit="rack-1", from_s=10.0, until_s=50.0, gap_s=2.0)


def evidence(*times: float) -> Evidence:
    found = Evidence("agent")
    if times:
        t_s = np.array(times)
        found.expect_frames("rack-1", ["string1"], ["voltage"], 100)
        found.add("rack-1", t_s, np.ones((len(t_s), 1)), np.zeros((len(t_s), 1), np.uint8))
    return found


@pytest.mark.parametrize(
    ("times", "held", "seen"),
    [
        (range(60), True, "the last frame is of 59.0 s; 41 within, the longest gap 1.0 s"),
        (range(45), False, "the longest gap 6.0 s"),
        ([*range(20), *range(30, 60)], False, "the longest gap 11.0 s"),
        ([], False, "there is no frame"),
    ],
)
def test_a_hole_an_early_end_and_nothing_are_found(times: list[float], held: bool, seen: str) -> None:
    result = EXPECT.check(evidence(*times), [])
    assert result.held is held
    assert seen in result.seen
