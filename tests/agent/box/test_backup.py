"""A box replaced: the same agent on new hardware, nothing private in the file, nothing believed of it."""

import contextlib
import io
import tarfile
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from agent.box.backup import Backup, BackupError, from_bytes, restore, to_bytes, with_agent_id
from agent.cli import main
from tests.agent.config.test_config import GOOD

BACKUP = Backup("room-3", "agent.toml", {"agent.toml": GOOD.encode(), "profiles.d/acme.toml": b"# acme"})


def run(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(main, [str(a) for a in arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_a_restored_box_is_the_same_agent_whatever_its_name_is(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "tls").mkdir(parents=True)
    (old / "profiles.d").mkdir()
    (old / "agent.toml").write_text(GOOD)  # the id is the old box's host name
    (old / "profiles.d" / "site.toml").write_text("# a site's own")
    (old / "tls" / "ca.pem").write_text("authority")
    (old / "tls" / "agent.key").write_text("-----BEGIN PRIVATE KEY-----")
    said = run("backup", "--config", old / "agent.toml", tmp_path / "file.tar.gz")
    assert "agent.key: a private key stays on its box" in said
    assert (tmp_path / "file.tar.gz").stat().st_mode & 0o777 == 0o600
    restored = run("restore", tmp_path / "file.tar.gz", "--folder", new)
    agent = said.split("agent ")[-1].split(",")[0]
    assert f"this box is agent {agent} now" in restored
    assert tomllib.loads((new / "agent.toml").read_text())["agent"]["id"] == agent
    assert (new / "profiles.d" / "site.toml").exists()
    assert (new / "tls" / "ca.pem").exists()
    assert not (new / "tls" / "agent.key").exists()


def test_a_box_that_is_an_agent_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text("mine")
    with pytest.raises(BackupError, match="this box is an agent already"):
        restore(BACKUP, tmp_path)
    assert (tmp_path / "agent.toml").read_text() == "mine"


@pytest.mark.parametrize(
    "agent", ["", "[agent]\nprofile_dirs = []\n", '[agent]\nid = "room-3"\n', "[agent] # a remark\n"]
)
def test_the_id_is_written_where_it_was_not_said(agent: str) -> None:
    text = agent + GOOD
    before, after = tomllib.loads(text), tomllib.loads(with_agent_id(text, "room-3"))
    assert after.pop("agent") == {**before.pop("agent", {}), "id": "room-3"}
    assert after == before


@pytest.mark.parametrize("name", ["files/../../etc/passwd", "files//etc/passwd", "elsewhere", "files/"])
def test_a_file_that_would_land_elsewhere_is_refused(name: str) -> None:
    out = io.BytesIO(to_bytes(BACKUP))
    with tarfile.open(fileobj=out, mode="r:gz") as tar:
        members = [(m, tar.extractfile(m).read()) for m in tar]  # type: ignore[union-attr]
    hostile = io.BytesIO()
    with tarfile.open(fileobj=hostile, mode="w:gz") as tar:
        for member, content in [*members, (tarfile.TarInfo(name), b"")]:
            tar.addfile(member, io.BytesIO(content))
    with pytest.raises(BackupError, match="has no place in a backup"):
        from_bytes(hostile.getvalue())


@given(st.binary(max_size=300), st.integers(0, 400))
def test_damaged_backups_are_refused_or_sound(noise: bytes, at: int) -> None:
    good = to_bytes(BACKUP)
    for data in (noise, good[:at], good[:at] + noise + good[at + len(noise) :]):
        with contextlib.suppress(BackupError):
            assert from_bytes(data).config in BACKUP.files
