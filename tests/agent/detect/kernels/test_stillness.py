"""Standing still against its slow twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.detect.kernels.stillness import find_stuck, follow
from tests.agent.detect.naive.stillness import Channel

RAW = st.one_of(st.integers(0, 3), st.integers(-(2**40), 2**40))
VALUES = st.tuples(RAW, st.sampled_from([0, 0, 0, 1, 4, 5, 5, 6]))
FRAMES = st.tuples(st.sampled_from([0.1, 1.0, 15.0, 1e9]), st.lists(VALUES, min_size=3, max_size=3))


class Followed:
    """The kernel over n channels, each beside its twin; every second one teaches nothing."""

    def __init__(self, n: int) -> None:
        self.teaches = np.array([1 - c % 2 for c in range(n)], np.uint8)
        self.last, self.seen, self.counts = np.zeros(n, np.int64), np.zeros(n, np.uint8), np.zeros((n, 6))
        self.twins = [Channel(bool(teaches)) for teaches in self.teaches]

    def take(self, dt_s: float, raw: list[int], quality: list[int]) -> tuple[bool, bool]:
        """Take a frame by both; return whether any channel moved, and any turned."""
        codes = np.array(quality, np.uint8)
        said = follow(dt_s, np.array(raw, np.int64), codes, self.teaches, self.last, self.seen, self.counts)
        answered = 0 in quality
        steps = (
            [
                twin.take(dt_s, *value)
                for twin, value in zip(self.twins, zip(raw, quality, strict=True), strict=True)
            ]
            if answered
            else []
        )
        expected = any(moved for moved, _ in steps), any(turned for _, turned in steps)
        assert said == (answered, *expected)
        rows = [
            (t.still_s, t.still_frames, t.direction, t.reversals, t.frames, t.longest) for t in self.twins
        ]
        np.testing.assert_array_equal(self.counts, rows)
        np.testing.assert_array_equal(self.last, [t.last or 0 for t in self.twins])
        np.testing.assert_array_equal(self.seen, [t.last is not None for t in self.twins])
        return expected


@settings(max_examples=40)
@given(st.lists(FRAMES, max_size=12))
def test_channels_are_followed_as_the_twin_says(frames: list[tuple[float, list[tuple[int, int]]]]) -> None:
    followed = Followed(3)
    for dt_s, values in frames:
        followed.take(dt_s, [raw for raw, _ in values], [quality for _, quality in values])


def test_forty_channels_that_tremble_are_followed_as_the_twin_says() -> None:
    rng, followed, n = np.random.default_rng(1), Followed(40), 40
    raw, moved, turned = rng.integers(3200, 3400, n), 0, 0
    for _ in range(200):
        raw = raw + rng.choice([0, 0, 0, 0, 1, -1, 2, -2, 3], n)
        quality = np.where(rng.random(n) < 0.1, rng.choice([1, 4, 5, 6], n), 0)
        quality = np.full(n, 4) if rng.random() < 0.05 else quality
        has = followed.take(float(rng.choice([0.5, 1.0, 15.0])), raw.tolist(), quality.tolist())
        moved, turned = moved + has[0], turned + has[1]
    assert moved > 100
    assert turned > 100


@pytest.mark.parametrize(
    ("still_s", "frames", "limit", "stuck"),
    [
        (30.0, 20.0, 20.0, True),
        (29.9, 20.0, 20.0, False),  # units pause for some seconds now and then
        (30.1, 20.0, 21.0, False),
        (1e9, 1e9, np.inf, False),  # nothing can be proven
    ],
)
@pytest.mark.parametrize("n", [1, 3])
def test_a_channel_is_stuck_from_its_limit_and_half_a_minute_on(
    still_s: float, frames: float, limit: float, stuck: bool, n: int
) -> None:
    for c in range(n):
        counts, found = np.zeros((n, 6)), np.ones(n, np.bool_)
        counts[c, :2] = still_s, frames
        limits = np.full(n, np.inf)
        limits[c] = limit
        assert find_stuck(counts, limits, found) == stuck
        assert found.tolist() == [stuck and o == c for o in range(n)]
