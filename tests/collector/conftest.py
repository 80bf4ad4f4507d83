"""Fixtures of the collector's tests."""

from pathlib import Path

import pytest

from tests.collector.places import PLACES, Place


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(request.param, PLACES[request.param].new(tmp_path))
