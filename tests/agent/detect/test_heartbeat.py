"""The heartbeats of a unit against their slow twin, and every number just before and just after."""

from collections.abc import Sequence

import numpy as np
import pytest

from agent.detect.heartbeat import Heartbeats
from agent.quality import Quality
from tests.agent.detect.naive.heartbeat import Beat

GOOD, LOST = int(Quality.GOOD), int(Quality.NO_REPLY)
DT_S = 5.0


class Followed:
    """The heartbeats of a frame beside their twins. promised_s: by value, None for what is no heartbeat and
    infinite where nobody said.
    """

    def __init__(self, promised_s: Sequence[float | None]) -> None:
        quantities = ["soc" if s is None else "heartbeat" if s == np.inf else "counter" for s in promised_s]
        within_s = np.array([np.inf if s is None else s for s in promised_s])
        self.beats = Heartbeats(quantities, within_s)
        self.twins = {i: Beat(None if s == np.inf else s) for i, s in enumerate(promised_s) if s is not None}
        self.standing: int | None = None
        assert self.beats.at == list(self.twins)

    def take(self, still_s: object, unmoved: object, gaps_s: object, seen: object, quality: object) -> None:
        """Take a frame by both; all by value, gaps_s too."""
        counts = np.zeros((len(np.asarray(still_s)), 6))
        counts[:, 0], counts[:, 1] = still_s, unmoved
        gaps, known, codes = np.asarray(gaps_s, float), np.asarray(seen, np.uint8), np.asarray(quality)
        self.beats.follow(counts, known, gaps[self.beats.at], DT_S, codes.astype(np.uint8))
        stood, self.standing = self.standing, None
        for i, twin in self.twins.items():
            if not known[i]:
                continue
            if twin.take(*counts[i, :2], gaps[i], DT_S, stood == i, codes[i] == GOOD):
                self.standing = i
                break
        assert self.beats.standing == self.standing
        assert [self.beats.limit_s(i) for i in self.twins] == [twin.limit_s for twin in self.twins.values()]
        expected = np.zeros(len(counts), bool)
        if self.standing is not None:
            since_s = counts[self.standing, 0]
            promised = self.twins[self.standing].promised_s is not None
            expected = np.full(len(counts), True) if promised else counts[:, 0] >= since_s
        np.testing.assert_array_equal(self.beats.not_fresh(counts), expected)
        over = [i for i, twin in self.twins.items() if counts[i, 0] >= twin.limit_s]
        for frozen in (False, True):
            self.beats.resume(counts, frozen=frozen)
            assert self.beats.standing == (over[0] if over and frozen else None)
        self.beats.standing = self.standing


@pytest.mark.parametrize("seed", range(25))
def test_heartbeats_are_followed_as_the_twin_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 7))
    kinds = [None, np.inf, np.inf, 10.0, 35.0]
    followed = Followed([kinds[rng.integers(len(kinds))] for _ in range(n)])
    seen = rng.random(n) < 0.5
    for _ in range(40):
        seen |= rng.random(n) < 0.1
        followed.take(
            rng.choice([0.0, 0.0, 5.0, 14.9, 15.0, 30.0, 35.0, 39.9, 40.0, 50.0, 100.0], n),
            rng.integers(0, 5, n),
            rng.choice([1.0, 5.0, 7.0, 8.0, 10.0, 20.0], n, p=[0.5, 0.2, 0.2, 0.06, 0.03, 0.01]),
            seen,
            np.where(rng.random(n) < 0.3, LOST, GOOD),
        )


def limit_after(gaps_s: Sequence[float]) -> float:
    """The limit of a heartbeat that nobody promised, after steps so far apart."""
    one = Heartbeats(["heartbeat"], np.array([np.inf]))
    for gap_s in gaps_s:
        one.follow(np.zeros((1, 6)), np.ones(1, np.uint8), np.array([gap_s]), DT_S, np.zeros(1, np.uint8))
    return one.limit_s(0)


@pytest.mark.parametrize(
    ("gaps_s", "limit_s"),
    [
        ([], np.inf),
        ([10.0] * 5, np.inf),
        ([10.0] * 6, 50.0),
        ([99.0, *[10.0] * 6], 50.0),  # nobody knows what was before the first step
        ([1.0, 99.0, *[10.0] * 6], 495.0),
        ([1.0] * 6, 30.0),
        ([6.0] * 6, 30.0),
        ([6.1] * 6, 30.5),
    ],
)
def test_a_heartbeat_is_believed_after_six_steps_for_five_times_its_longest(
    gaps_s: list[float], limit_s: float
) -> None:
    assert limit_after(gaps_s) == limit_s


@pytest.mark.parametrize(
    ("still_s", "unmoved", "quality", "stands"),
    [
        (39.9, 9, GOOD, False),
        (40.0, 9, GOOD, True),  # 35 s and one poll
        (40.0, 2, GOOD, True),
        (1e6, 1, GOOD, False),
        (1e6, 9, LOST, False),  # as it was
    ],
)
def test_a_promised_heartbeat_stands_from_its_time_and_a_poll_on_in_two_reads(
    still_s: float, unmoved: int, quality: int, stands: bool
) -> None:
    one = Heartbeats(["counter"], np.array([35.0]))
    counts = np.array([[still_s, unmoved, 0, 0, 0, 0]])
    for _ in range(2):
        one.follow(counts, np.ones(1, np.uint8), np.zeros(1), DT_S, np.full(1, quality, np.uint8))
        assert (one.standing == 0) == stands
    one.follow(counts, np.zeros(1, np.uint8), np.zeros(1), DT_S, np.full(1, quality, np.uint8))
    assert one.standing is None, "what was never read stands for nothing"
