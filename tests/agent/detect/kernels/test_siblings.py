"""The leave-one-out median against the obvious way to compute it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agent.detect.kernels.siblings import sibling_median

VALUES = st.one_of(st.integers(-3, 3).map(float), st.just(np.nan))


@given(hnp.arrays(float, st.tuples(st.integers(1, 6), st.integers(1, 9)), elements=VALUES), st.data())
def test_is_the_median_of_the_others_frame_after_frame(frames: np.ndarray, data: st.DataObject) -> None:
    n = frames.shape[1]
    cut = data.draw(st.integers(0, n))
    groups = [g for g in (range(cut), range(cut, n)) if len(g)]
    member = np.arange(n)
    start = np.cumsum([0, *map(len, groups)])
    order, out = member.copy(), np.zeros(n)
    for value in frames:
        sibling_median(value, member, start, order, out)
        assert sorted(order) == list(range(n))
        for group in groups:
            for c in group:
                others = [value[o] for o in group if o != c and not np.isnan(value[o])]
                np.testing.assert_equal(out[c], np.median(others) if others else np.nan)
