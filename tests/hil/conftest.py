"""What several tests of the bench need."""

import os
import shutil
from collections.abc import Callable

import pytest


@pytest.fixture
def command() -> Callable[[str, str], str]:
    """The path of a program of a Debian package; where it is missing tests skip, under CI=true they fail."""

    def find(program: str, package: str) -> str:
        path = shutil.which(program)
        if path is None:
            say = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            say(f"{program} is missing: apt-get install {package}")
        return str(path)

    return find
