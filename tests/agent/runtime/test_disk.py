"""A disk that refuses at the start: the room is watched all the same, and people are told."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.run import configuration
from hil.run.processes import Children, wait_for_status

DISKS = {"read-only": ("ro", "Read-only file system"), "full": ("size=16k", "")}


@pytest.fixture(params=DISKS.values(), ids=DISKS)
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Path, str]]:
    options, says = request.param
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("needs root, to mount a disk")
    yield folder, says
    subprocess.run(["umount", str(folder)], check=True)


def test_an_agent_watches_with_a_disk_that_takes_nothing(tmp_path: Path, disk: tuple[Path, str]) -> None:
    folder, says = disk
    config = tmp_path / "agent.toml"
    agent_tables = configuration.agent(tmp_path, store={"path": folder / "buffer.db"})
    config.write_text(agent_tables + configuration.tcp_unit("rack-1", 1, "sunspec-lithium-ion"))
    with Children(tmp_path) as children:
        agent = children.start("agent", "agent.cli", "run", "--config", str(config))
        status = wait_for_status(agent)
        assert "kept in memory only" in json.dumps(status["alarms"])
        assert says in agent.log.read_text()
        agent.stop()
    assert agent.process.returncode == 0
