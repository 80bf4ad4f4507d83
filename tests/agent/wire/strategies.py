"""Batches of every shape that the format allows, for Hypothesis."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agent.quality import Quality
from agent.wire import Batch

EXTREMES = [-(2**63), 2**63 - 1, 0, 1, -1, 7, -7, 8, -8, 2**31, -(2**31) - 1]
int64s = st.one_of(
    st.sampled_from(EXTREMES), st.integers(-10, 10), st.integers(0, 0xFFFF), st.integers(-(2**63), 2**63 - 1)
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ids = st.binary(min_size=16, max_size=16)
leaves = st.one_of(st.none(), st.booleans(), int64s, st.floats(allow_nan=False), texts, st.binary(max_size=8))
details = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
events = st.dictionaries(texts, details, max_size=4).map(lambda event: {**event, "kind": "alarm"})


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    n = draw(st.integers(0, 9))
    m = draw(st.integers(1, 7)) if n else 0
    return Batch(
        agent=draw(texts),
        epoch=draw(ids),
        sequence=draw(st.integers(1, 2**40)),
        unit=draw(texts),
        schema=draw(ids) if n else draw(st.none() | ids),
        boot_id=draw(ids),
        boottime_ns=draw(hnp.arrays(np.int64, n, elements=int64s)),
        utc_ns=draw(hnp.arrays(np.int64, n, elements=int64s)),
        clock=draw(hnp.arrays(np.uint8, n)),
        raw=draw(hnp.arrays(np.int64, (n, m), elements=int64s)),
        quality=draw(hnp.arrays(np.uint8, (n, m), elements=st.sampled_from([int(q) for q in Quality]))),
        events=tuple(draw(st.lists(events, max_size=2))),
    )
