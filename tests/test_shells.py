"""zsh and fish themselves complete what this machine alone knows: units, alarm ids with colons, profiles."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import main
from tests.terminal import BIN
from tests.test_completion import ALARMS, socket

__all__ = ["socket"]

LONG_S = 60.0  # for a machine that is busy
#: A line, and what its last word becomes.
LINES = [
    ("cellwarden profile show pac", "pace-rtu"),
    ("cellwarden export --config {at}/agent.toml --unit rack1/", "rack1/bmu17"),
    ("cellwarden alarm ack --socket {at}/control.sock rack-1:cell", ALARMS[2]),
    ("cellwarden alarm shelve --socket {at}/control.sock rack-2:", ALARMS[3]),
]
#: zsh's own completion is for a terminal; here is told what our function gives to it.
ZSH = "compdef() { }; compadd() { print -l -- $completions }; source {at}/completion.zsh\n"


@pytest.fixture
def at(socket: Path) -> Path:
    """A folder with an agent's socket, a configuration, and the completion of both shells."""
    units = '[[unit]]\nname = "bmu17"\nrack = "rack1"\n[[unit]]\nname = "room-b"\n'
    (socket.parent / "agent.toml").write_text(units)
    for shell in ("zsh", "fish"):
        told = CliRunner().invoke(main, ["completion", shell]).stdout
        (socket.parent / f"completion.{shell}").write_text(told)
    return socket.parent


async def run(at: Path, *command: str) -> list[str]:
    """Run a shell; return the words that it prints."""
    env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(at)}
    done = await asyncio.to_thread(
        subprocess.run, command, env=env, capture_output=True, text=True, timeout=LONG_S, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.skipif(not shutil.which("fish"), reason="no fish")
async def test_fish_completes_profiles_units_and_alarms(at: Path) -> None:
    asked = "; ".join(f"complete -C '{line.format(at=at)}'" for line, _ in LINES)
    found = await run(at, "fish", "--no-config", "-c", f"source {at}/completion.fish; {asked}")
    assert found == [word for _, word in LINES]


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh")
async def test_zsh_completes_profiles_units_and_alarms(at: Path) -> None:
    asked = "".join(f"words=({line}); CURRENT=$#words; _cellwarden_completion\n" for line, _ in LINES)
    found = await run(at, "zsh", "-f", "-c", (ZSH + asked).replace("{at}", str(at)))
    assert found == [word for _, word in LINES]
