"""What holds for every test: the same examples at every run, and no test fails for being slow."""

import fcntl
import gc
import os
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import settings

from tests.browser import chromium, see  # noqa: F401, fixtures

settings.register_profile("cellwarden", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=20_000, print_blob=True)  # scripts/fuzz
settings.load_profile("cellwarden")
os.environ["XDG_RUNTIME_DIR"] = "/nonexistent"  # no test takes over what another one's scan has found
gc.disable()  # until all is collected, see below


def pytest_collection_finish(session: pytest.Session) -> None:
    """Compile the kernels before the first test that may start an agent: no test's own time is for that."""
    home = Path(__file__).parent
    if not session.config.option.collectonly and any(
        {"agent", "test_main_job.py", "test_first_ten_minutes.py", "test_readme.py"}
        & set(item.path.relative_to(home).parts)
        for item in session.items
    ):
        from agent.detect.watch import warm_up

        warm_up()
    gc.freeze()  # thousands of tests and all modules are no garbage: no collection need look through them
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deal the tests that wait for long, the longest first, to two workers in three, which begin with them:
    meanwhile the third keeps the cores at work. Who is done steals from the others.
    """
    seconds = {item: mark.args[0] for item in items if (mark := item.get_closest_marker("long"))}
    long = sorted(seconds, key=lambda item: -seconds[item])
    short = iter([item for item in items if item not in seconds])
    workers, left = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")), len(items)
    dealt: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for item in long:
        waiting = dealt[: max(1, workers * 2 // 3)]
        min(waiting, key=lambda own: sum(seconds[other] for other in own)).append(item)
    items.clear()
    for n, own in enumerate(dealt):
        share = left // (workers - n)  # as --dist worksteal deals what comes: one piece for each
        left -= share
        items += [*own, *islice(short, max(0, share - len(own)))]
    items += short


@pytest.fixture
def multicast() -> Iterator[None]:
    """Have this machine's announcements to oneself: whoever looks hears all that are made at the time."""
    with Path(tempfile.gettempdir(), "cellwarden-tests-multicast").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
