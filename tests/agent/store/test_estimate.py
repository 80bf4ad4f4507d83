"""What `check` promises of the disk, against a buffer that is filled."""

from pathlib import Path

import numpy as np
import pytest

from agent.bench.buffer import batch_of_unit
from agent.bench.wire import simulated
from agent.store.estimate import estimate, history_mb
from tests.agent.store.buffers import Opener


@pytest.mark.parametrize(("values", "batch_s"), [(300, 10), (300, 60), (20, 10), (240, 30)])
def test_the_disk_holds_as_many_days_as_was_said(open_store: Opener, values: int, batch_s: int) -> None:
    store = open_store()
    rng = np.random.default_rng(1)
    count = 6000 // batch_s
    store.seal(
        [
            batch_of_unit(rng, "rack1/bmu", simulated(rng, batch_s)[:, :values], n * batch_s)
            for n in range(count)
        ]
    )
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    said = estimate([(values, 1.0)], batch_s, 60).stored_mb_per_day
    assert said == pytest.approx(pages * 1024 / 1e6 * 86_400 / (count * batch_s), rel=0.25)


def test_more_units_share_what_each_commit_costs() -> None:
    one, many = estimate([(300, 1.0)], 10, 60), estimate([(300, 1.0)] * 64, 10, 60)
    assert many.stored_mb_per_day == pytest.approx(64 * one.stored_mb_per_day)
    assert many.flash_mb_per_day < 64 * 0.6 * one.flash_mb_per_day


def test_slow_units_make_a_batch_of_a_single_frame() -> None:
    assert estimate([(300, 60.0)], 10, 60) == estimate([(300, 60.0)], 10, 1)


@pytest.mark.parametrize(
    ("free", "max_mb", "kept"),
    [(300.0, 1000.0, 60.0), (2000.0, 1000.0, 200.0), (100_000.0, 1000.0, 250.0), (100_000.0, 40.0, 40.0)],
)
def test_what_was_delivered_stays_on_a_share_of_the_free_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, max_mb: float, kept: float
) -> None:
    monkeypatch.setattr("agent.store.estimate.free_mb", lambda _: free)
    assert history_mb(tmp_path / "buffer.db", max_mb, None) == kept
    assert history_mb(tmp_path / "buffer.db", max_mb, 0.0) == 0.0
    assert history_mb(tmp_path / "buffer.db", max_mb, 77.0) == 77.0
