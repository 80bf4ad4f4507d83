"""How long standing still is credible, against the slow twin, and every number just before and just after."""

import numpy as np
import pytest

from agent.detect.credible import CredibleStillness, credible_frames
from agent.detect.kernels.stillness import FRAMES, LONGEST, REVERSALS, STILL
from tests.agent.detect.naive import credible as naive

WHOLE, CHANNEL = 1e-6, 1e-9


@pytest.mark.parametrize("seed", range(12))
def test_limits_are_those_of_the_twin(seed: int) -> None:
    rng, n, period_s = np.random.default_rng(seed), seed % 4, float((seed % 3) * 4 + 2)
    credible = CredibleStillness(n, period_s)
    whole, channels = naive.Credible(WHOLE, period_s), [naive.Credible(CHANNEL, period_s) for _ in range(n)]
    noise, longest = rng.choice([0.02, 0.3, 0.6, 0.95]), int(rng.integers(0, 12))
    counts, ends, faulty = np.zeros((n, 6)), 0, False
    elapsed_s, frames, turned = 0.0, 0, 0
    while ends < 8:
        dt_s = float(rng.choice([10.0, 20.0, 200.0], p=[0.6, 0.38, 0.02]))
        reversed = bool(rng.random() < noise)
        good = rng.random(n) < (0.9 if ends % 4 else 0.0)
        counts[:, STILL] += dt_s
        counts[good, FRAMES] += 1
        counts[good & (rng.random(n) < noise), REVERSALS] += 1
        counts[:, LONGEST] = np.maximum(counts[:, LONGEST], rng.integers(0, 10, n))
        if rng.random() < 0.003:
            credible.stretch_faulty = faulty = True
        before = counts.copy()
        credible.learn(dt_s, reversed, counts, longest)
        elapsed_s, frames, turned = elapsed_s + dt_s, frames + 1, turned + reversed
        if elapsed_s >= 600:
            if not faulty:
                whole.end_stretch(turned, frames, longest)
                for twin, row in zip(channels, before, strict=True):
                    twin.end_stretch(row[REVERSALS], row[FRAMES], row[LONGEST])
            before[:, [REVERSALS, FRAMES]] = 0.0
            elapsed_s, frames, turned, faulty, ends = 0.0, 0, 0, False, ends + 1
            noise = rng.choice([0.02, 0.3, 0.6, 0.95])
        np.testing.assert_array_equal(counts, before)
        assert (credible.limit, credible.stretch_s) == (whole.limit, elapsed_s)
        assert (credible.stretch_frames, credible.stretch_reversals) == (frames, turned)
        assert (credible.stretches, credible.stretch_faulty) == (len(whole.rates), faulty)
        np.testing.assert_array_equal(credible.limits, [twin.limit for twin in channels])
        if whole.rates:
            assert credible.rate == pytest.approx(whole.rate, rel=1e-12)
            np.testing.assert_allclose(credible.rates, [twin.rate for twin in channels], rtol=1e-12)


@pytest.mark.parametrize(
    ("rate", "improbable", "frames"),
    [
        (0.0, WHOLE, np.inf),
        (-0.0, WHOLE, np.inf),
        (-0.5, WHOLE, np.inf),
        (0.5, WHOLE, 20),  # 2 ** -20 is 0.95e-6, and 2 ** -19 is not
        (0.5, CHANNEL, 30),
        (0.9, 1e-5, 5),
        (0.95, WHOLE, 5),
        (1.0, 1e-10, 4),  # no rate is above 0.999
        (7.0, 1e-10, 4),
    ],
)
def test_as_many_frames_may_stand_still_as_chance_makes_credible(
    rate: float, improbable: float, frames: float
) -> None:
    assert credible_frames(rate, improbable) == frames


def learn(credible: CredibleStillness, frames: int, reversals: int, longest: int = 0) -> None:
    """Hear a stretch of frames in which the unit and each channel turn so often."""
    counts = np.zeros((len(credible.limits), 6))
    for k in range(frames):
        counts[:, FRAMES] += 1
        counts[:, REVERSALS] += k < reversals
        counts[:, LONGEST] = longest
        credible.learn(600.0 / frames, k < reversals, counts, longest)


def test_a_limit_is_told_after_the_third_stretch() -> None:
    credible = CredibleStillness(2, 1.0)
    for _ in range(2):
        learn(credible, 100, 100)
        assert credible.limit == np.inf
        assert np.isinf(credible.limits).all()
    learn(credible, 100, 100)
    assert credible.rate == pytest.approx(0.7), "a hundred are at least seventy"
    assert credible.limit == 12, "0.3 ** 11.48 is one in a million"
    assert credible.limits.tolist() == [18, 18]


@pytest.mark.parametrize(("longest", "limit"), [(8, 24.0), (10, 30.0), (11, np.inf)])
def test_what_takes_longer_than_five_minutes_is_no_proof(longest: int, limit: float) -> None:
    credible = CredibleStillness(1, 10.0)
    for _ in range(3):
        learn(credible, 100, 100, longest)
    assert credible.limit == limit, "three times the longest so far"
    assert credible.limits.tolist() == [limit]


@pytest.mark.parametrize(("reversals", "limit", "limits"), [(37, 67, 100), (49, 43, 64), (98, 13, 19)])
def test_one_in_a_million_is_credible_for_the_frame_and_one_in_a_billion_for_a_channel(
    reversals: int, limit: int, limits: int
) -> None:
    """Of 100 frames; at 1.1 or 0.9 of these probabilities one of the numbers would be another."""
    credible = CredibleStillness(1, 1.0)
    for _ in range(3):
        learn(credible, 100, reversals)
    assert credible.limit == limit
    assert credible.limits.tolist() == [limits]
