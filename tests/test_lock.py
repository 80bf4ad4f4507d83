"""requirements.lock: everything that pyproject.toml asks for, by hash, from nowhere in particular."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def names(requirements: list[str]) -> set[str]:
    found = {re.split(r"[\[<>=;, ]", line, maxsplit=1)[0].lower() for line in requirements}
    return {re.sub(r"[-_.]+", "-", name) for name in found}


def test_the_lock_holds_every_dependency_of_a_package_and_names_no_host() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = names([*project["dependencies"], *extras["agent"], *extras["gpio"], *extras["postgres"]])
    lock = (ROOT / "requirements.lock").read_text()
    pins = re.findall(r"^(\S+)==", lock, re.MULTILINE)
    assert not wanted - names(pins), "run scripts/lock"
    assert len(re.findall(r"^\S+==[^\n]*\\\n    --hash=sha256:", lock, re.MULTILINE)) == len(pins)
    assert "://" not in lock
