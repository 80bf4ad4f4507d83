"""Delays and dead bands, against the plain way of saying them."""

from dataclasses import replace

import numpy as np
import pytest

from agent.detect.channels import Floats
from agent.detect.kernels.debounce import CHANGED, LIMIT, ON_DELAY, debounce, new_delays
from agent.detect.limits import Limited
from agent.detect.rows import rows_of
from agent.detect.table import Row
from tests.agent.detect.naive.debounce import Debounced


def scores(n: int, rows: tuple[Row | None, ...], rng: np.random.Generator) -> Floats:
    """Return scores that stay for a while, around the limits and on them, or are not known."""
    marks = [x for row in rows if row for x in (row.limit, row.limit - row.dead_band, 0.5 * row.limit)]
    near = rng.choice([*marks, 2.0 * max(marks), 0.0], n) + rng.choice([0.0, 0.0, 1e-9, -1e-9], n)
    return np.where(rng.random(n) < 0.1, np.nan, near)


@pytest.mark.parametrize("n", [1, 20])  # of one, what came before decides whether a frame is quiet
@pytest.mark.parametrize("detector", ["thermal-slope", "over-temperature", "last-resort", "sensor-fault"])
def test_tiers_come_and_go_as_the_table_says(detector: str, n: int) -> None:
    rng = np.random.default_rng(1)
    rows = rows_of(detector)
    plain = [Debounced(rows) for _ in range(n)]
    other, delays = new_delays([(3, rows_of("blind")), (n, rows)])
    before, raised, cleared = np.zeros(n, int), 0, 0
    for _ in range(50):
        x = scores(n, rows, rng)
        for _ in range(int(rng.choice([1, 3, 30]))):
            counted_s = float(rng.choice([0.1, 1.0, 37.0, 400.0]))
            heard = np.where(rng.random(n) < 0.1, np.nan, 1.0)  # nothing new of these in this frame
            told = np.where(np.isnan(heard), np.nan, x)
            tiers = np.array([one.take(counted_s, float(s)) for one, s in zip(plain, told, strict=True)])
            changed = debounce(counted_s, np.repeat(x, 2), 2, np.repeat(heard, 3), 3, delays)
            marked = np.flatnonzero(delays.tier & CHANGED)
            np.testing.assert_array_equal(delays.tier & ~np.uint8(CHANGED), tiers)
            np.testing.assert_array_equal(marked, np.flatnonzero(tiers != before))
            assert changed == len(marked)
            delays.tier[marked] ^= CHANGED
            raised, cleared = raised + int((tiers > before).sum()), cleared + int((tiers < before).sum())
            before = tiers
    assert raised > n
    assert cleared > n
    assert not other.over_s.any()


@pytest.mark.parametrize("n", [1, 30])
def test_channels_may_have_limits_of_their_own_and_rows_take_so_many_frames(n: int) -> None:
    rng = np.random.default_rng(2)
    rows = enumerate(rows_of("thermal-slope"))
    shipped = tuple(row and replace(row, frames=frames) for frames, row in rows)
    limit, band = rng.choice([0.5, 1.0, 2.0, np.inf], (n, 3)), rng.choice([0.1, 0.3], (n, 3))
    own = Limited(limit, band, np.zeros((n, 3), np.uint8))
    of_channel = [
        tuple(
            row and replace(row, limit=own.limit[c, tier - 1], dead_band=own.dead_band[c, tier - 1])
            for tier, row in enumerate(shipped)
        )
        for c in range(n)
    ]
    plain = [Debounced(rows) for rows in of_channel]
    (delays,) = new_delays([(n, shipped)], [own])
    raised = 0
    for _ in range(60):
        x = rng.choice([0.0, 0.3, 0.5, 0.7, 0.9, 1.0, 1.5, 1.9, 2.0, 3.0], n)
        for _ in range(int(rng.choice([1, 3, 30]))):
            counted_s = float(rng.choice([0.1, 1.0, 37.0, 400.0]))
            tiers = [one.take(counted_s, float(s)) for one, s in zip(plain, x, strict=True)]
            debounce(counted_s, x, 1, x, 1, delays)
            raised += int((delays.tier & CHANGED > 0).sum())
            delays.tier[:] &= ~np.uint8(CHANGED)
            assert delays.tier.tolist() == tiers
    assert raised > 2 * n


def test_a_score_that_falls_while_it_counts_counts_anew() -> None:
    (delays,) = new_delays([(1, rows_of("cell-drift"))])
    on_delay_s, limit = delays.table[0, ON_DELAY], delays.table[0, LIMIT]
    for score in (limit, 0.0, limit):
        x = np.array([score])
        assert [debounce(0.4 * on_delay_s, x, 1, x, 1, delays) for _ in range(3)] == [0, 0, 0]
        assert (delays.over_s > 0.0).any() == (score > 0.0)


@pytest.mark.parametrize("frames", [2, 3, 4])
@pytest.mark.parametrize("counted_s", [0.5, 1.0, 10.0, 600.0])
def test_a_row_is_raised_by_so_many_frames_at_least_and_after_its_delay(
    frames: int, counted_s: float
) -> None:
    row = replace(rows_of("last-resort")[3], on_delay_s=6.0, frames=frames)  # type: ignore[type-var]
    (delays,) = new_delays([(1, (None, None, None, row))])
    x, taken = np.ones(1), 0
    while not delays.tier[0]:
        debounce(counted_s, x, 1, x, 1, delays)
        taken += 1
    assert taken == max(frames, int(6.0 / counted_s) + 1)


@pytest.mark.parametrize(("score", "off"), [(1.0, False), (0.9, True)])
def test_a_tier_that_has_no_row_ends_by_the_highest_that_there_is(score: float, off: bool) -> None:
    (delays,) = new_delays([(1, rows_of("sensor-fault"))])
    delays.tier[0] = 3
    x = np.array([score])
    debounce(600.0, x, 1, x, 1, delays)
    assert delays.tier[0] == (CHANGED if off else 3)
