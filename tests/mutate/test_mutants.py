"""The tests find mistakes: a small sample, and eight lines on which the tool itself is tried."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutate.targets import ROOT

SOURCE = """LIMIT = 3


def beyond(x):
    n = 0
    while n < x:
        n += 1
    return n > LIMIT
"""
TESTS = """from source import beyond


def test_beyond():
    assert beyond(5) and not beyond(1)
"""
#: Tries all mutants of SOURCE; run apart, for what forks must have loaded neither pytest's plugins nor numba.
TRIES = """import json, sys
from pathlib import Path
from tests.mutate.children import Children, Refused
from tests.mutate.operators import mutants

root = Path(sys.argv[1])
children = Children(root, {"source.py": tuple(sys.argv[2:])}, least_s=0.0)
try:
    outcomes = dict(children.outcomes(mutants("source.py", (root / "source.py").read_text())))
except Refused as why:
    sys.exit(str(why))
print(json.dumps({mutant.after: outcome for mutant, outcome in outcomes.items()}))
"""


def tried(root: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Try the mutants of SOURCE with TESTS."""
    (root / "source.py").write_text(SOURCE)
    if not (root / "test_source.py").exists():
        (root / "test_source.py").write_text(TESTS)
    command = [sys.executable, "-c", TRIES, str(root), *tests]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.long(10)
def test_a_mutant_is_killed_or_hangs_or_lives_as_its_test_has_it(tmp_path: Path) -> None:
    outcomes = json.loads(tried(tmp_path, "test_source.py").stdout)
    alive = {after for after, outcome in outcomes.items() if outcome == "lives"}
    assert alive == {"LIMIT = 4", "LIMIT = 2", "n <= x", "n += 2", "n >= LIMIT"}, (
        "the test does not look that closely"
    )
    assert {after for after, outcome in outcomes.items() if outcome == "hangs"} == {
        "n -= 1",
        "n += 0",
        "pass",
    }
    assert outcomes["LIMIT = 0"] == outcomes["n < LIMIT"] == "killed"
    assert (tmp_path / "source.py").read_text() == SOURCE


def test_without_a_test_all_live(tmp_path: Path) -> None:
    assert set(json.loads(tried(tmp_path).stdout).values()) == {"lives"}


@pytest.mark.parametrize("tests", ["def test_a():\n    assert False\n", "import nothing_of_that_name\n", ""])
def test_tests_that_fail_or_are_none_without_a_mutant_are_refused(tmp_path: Path, tests: str) -> None:
    (tmp_path / "test_source.py").write_text(tests)
    done = tried(tmp_path, "test_source.py")
    assert done.returncode == 1
    assert done.stderr.startswith("fails without a mutant")


@pytest.mark.long(20)
def test_of_a_sample_the_tests_kill_so_many_that_nineteen_of_twenty_may_be_true() -> None:
    command = [sys.executable, "-m", "tests.mutate", "--seed", "17", "--seconds", "8", "--json"]
    free = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=free)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert report["sample"]["made"] >= 1
    assert report["sample"]["interval_95"][1] >= 0.95, report["survivors"]
    assert not report["called_equivalent_but_killed"]
