"""The leave-one-out median against the obvious way to compute it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agent.detect.kernels.siblings import sibling_median
from tests.agent.detect.banks import bank_of
from tests.agent.detect.naive.inputs import median_of_others

VALUES = st.one_of(st.integers(-3, 3).map(float), st.just(np.nan))


@given(hnp.arrays(float, st.tuples(st.integers(1, 6), st.integers(1, 9)), elements=VALUES), st.data())
def test_is_the_median_of_the_others_frame_after_frame(frames: np.ndarray, data: st.DataObject) -> None:
    n = frames.shape[1]
    cut = data.draw(st.integers(0, n))
    groups = [g for g in (range(cut), range(cut, n)) if len(g)]
    member = np.arange(n)
    start = np.cumsum([0, *map(len, groups)])
    rest, out = np.zeros(n), np.full(n, np.nan)
    for value in frames:
        sibling_median(value, member, start, rest, out)
        for group in groups:
            for c in group:
                others = [value[o] for o in group if o != c and not np.isnan(value[o])]
                np.testing.assert_equal(out[c], np.median(others) if others else np.nan)


@pytest.mark.parametrize(("sizes", "seed"), [((1, 2, 3), 1), ((4, 5, 1, 6), 2), ((17,), 3), ((40,), 4)])
def test_is_the_twin_s_median_in_groups_that_lie_anywhere(sizes: tuple[int, ...], seed: int) -> None:
    rng = np.random.default_rng(seed)
    group = rng.permutation([g for g, size in enumerate(sizes) for _ in range(size)]).tolist()
    bank, rest, out = bank_of(group), np.zeros(len(group)), np.full(len(group), np.nan)
    for levels in (3, 10_000, 3, 10_000, *[50] * 20):
        value = 3.3 + rng.integers(-levels, levels, len(group)) / 1024
        value[rng.random(len(group)) < rng.choice([0.0, 0.1, 0.6])] = np.nan
        sibling_median(value, bank.member, bank.start, rest, out)
        np.testing.assert_array_equal(out, [median_of_others(value, group, c) for c in range(len(group))])
