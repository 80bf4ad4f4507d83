"""What is replaced whole survives a power cut, and there is one way to do it."""

import ast
import os
import stat
from pathlib import Path

import pytest

from drivers.durable import replace_whole
from tests.graph import modules


def test_content_is_on_the_disk_before_its_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, done = tmp_path / "state.json", []
    path.write_bytes(b"old")
    fsync, replace = os.fsync, os.replace

    def synced(handle: int) -> None:
        what = Path(os.readlink(f"/proc/self/fd/{handle}"))
        done.append(("fsync folder", b"") if what == tmp_path else ("fsync", what.read_bytes()))
        fsync(handle)

    def renamed(old: Path, new: Path) -> None:
        done.append(("rename", new.read_bytes()))
        replace(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    replace_whole(path, b"new")

    assert done == [("fsync", b"new"), ("rename", b"old"), ("fsync folder", b"")]
    assert path.read_bytes() == b"new"


def test_a_disk_that_fails_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    with pytest.raises(OSError, match="Input/output"):
        replace_whole(path, b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("state.json", b"old")]


def test_a_secret_is_never_readable_by_others_whatever_a_power_cut_left(tmp_path: Path) -> None:
    path, left = tmp_path / "agent.key", tmp_path / ".agent.key.part"
    left.write_bytes(b"half")
    left.chmod(0o666)
    replace_whole(path, b"key", 0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_else_replaces_a_file() -> None:
    """A key takes the place of another without being written again: that is the one rename besides."""
    found = {
        name for name, path in modules().items() if any(map(_replaces, ast.walk(ast.parse(path.read_text()))))
    }
    assert found == {"drivers.durable", "agent.tls.certificate"}


def _replaces(node: ast.AST) -> bool:
    """Whether a call is os.replace(old, new) or Path.replace(new); a text's takes two arguments."""
    if not (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "replace"
    ):
        return False
    of_os = isinstance(node.func.value, ast.Name) and node.func.value.id == "os"
    return of_os or (len(node.args) == 1 and not node.keywords)
