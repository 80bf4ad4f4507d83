"""For how long batches last: exact while the clock runs, and no years where it jumped."""

import pytest

from agent.store.lasting import Look, lasting_ns, marks
from agent.store.store import Store
from agent.store.upstream import MAIN
from tests.agent.store.buffers import Opener, frame, open_batch

S, YEAR = 10**9, 31_557_600 * 10**9


def looks(batches: int, units: int = 1, every_s: int = 10, jump_ns: int = 0) -> list[Look]:
    """What `marks` finds in batches of ten seconds of some units; the clock jumps in the middle."""
    found = []
    for sequence in marks(1, batches * units, 16):
        first_ns = (sequence - 1) // units * every_s * S + (jump_ns if 2 * sequence > batches * units else 0)
        found.append(Look(sequence, first_ns, first_ns + (9 * S if every_s == 10 else 0)))
    return found


@pytest.mark.parametrize(
    ("batches", "units", "every_s"), [(1, 1, 10), (3, 1, 10), (60_480, 1, 10), (100, 8, 10), (50, 1, 600)]
)
def test_the_time_from_the_first_frame_to_the_last_is_exact(batches: int, units: int, every_s: int) -> None:
    lasts_s = (batches - 1) * every_s + (9 if every_s == 10 else 0)
    assert lasting_ns(looks(batches, units, every_s)) == lasts_s * S


@pytest.mark.parametrize("jump_ns", [57 * YEAR, -57 * YEAR, 3600 * S], ids=["forth", "back", "an hour"])
@pytest.mark.parametrize("batches", [4, 100, 60_480])
def test_a_jump_of_the_clock_makes_no_years_of_it(batches: int, jump_ns: int) -> None:
    lasts_ns = lasting_ns(looks(batches, jump_ns=jump_ns))
    assert 0.6 * batches * 10 * S < lasts_ns < 2 * batches * 10 * S + 80 * S


def test_nothing_lasts_no_time() -> None:
    assert lasting_ns([]) == 0
    assert marks(5, 5, 16) == [5]
    assert marks(1, 3, 16) == [1, 2, 3]


def test_what_a_fire_would_cost_is_no_matter_of_the_clock(open_store: Opener) -> None:
    store: Store = open_store(upstreams=[MAIN])
    for n in range(40):
        at_s = 10 * n + (57 * 31_557_600 if n >= 20 else 0)
        store.seal([open_batch(*(frame(at_s=at_s + k) for k in range(10)))])
    assert 390 < store.exposure().only_here_s < 800
