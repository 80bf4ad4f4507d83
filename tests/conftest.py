"""What holds for every test: the same examples at every run, and no test fails for being slow."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.browser import chromium, see  # noqa: F401, fixtures

settings.register_profile("cellwarden", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=20_000, print_blob=True)  # scripts/fuzz
settings.load_profile("cellwarden")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Compile the kernels before the first test that may start an agent: no test's own time is for that."""
    home = Path(__file__).parent
    if any(
        {"agent", "test_main_job.py", "test_first_ten_minutes.py"} & set(item.path.relative_to(home).parts)
        for item in session.items
    ):
        from agent.detect.watch import warm_up

        warm_up()
