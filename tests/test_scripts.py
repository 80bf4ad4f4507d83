"""Every script says what it is for before it sets anything up."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.graph import ROOT

SCRIPTS = sorted(p for p in (ROOT / "scripts").iterdir() if p.is_file() and os.access(p, os.X_OK))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_help_is_printed_before_anything_is_set_up(script: Path, tmp_path: Path) -> None:
    bare = tmp_path / "checkout"
    (bare / "scripts").mkdir(parents=True)
    for file in ("lib.sh", script.name):
        (bare / "scripts" / file).write_bytes((ROOT / "scripts" / file).read_bytes())
    command = ["python3" if "python" in script.read_text().splitlines()[0] else "bash"]
    done = subprocess.run(
        [*command, f"scripts/{script.name}", "--help"], cwd=bare, capture_output=True, text=True, timeout=20
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout) > 60
    assert {path.name for path in bare.iterdir()} == {"scripts"}
