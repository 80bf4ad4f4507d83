"""What a command prints may find no reader, or a full disk; and a command may be spelled wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")
ENTRIES = {"cellwarden": "agent.cli", "cellwarden-collector": "collector.cli", "cellwarden-hil": "hil.cli"}


def end(entry: str, *arguments: str, out: Path | None = None) -> tuple[int, str]:
    """Run a command; return its exit code and what it said on standard error."""
    command = [sys.executable, "-m", ENTRIES[entry], *arguments]
    with (out or Path("/dev/null")).open("wb") as to:
        done = subprocess.run(command, stdout=to, stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("entry", "arguments"),
    [
        ("cellwarden", ["profile", "list"]),  # a table
        ("cellwarden", ["profile", "show", "pace-rtu"]),  # a text
        ("cellwarden", ["--help"]),
        ("cellwarden-hil", ["list"]),
        ("cellwarden-collector", ["--help"]),
    ],
)
def test_on_a_full_disk_a_command_ends_in_one_line(entry: str, arguments: list[str]) -> None:
    assert end(entry, *arguments, out=FULL) == (
        1,
        "CW-002 the output cannot be written: No space left on device\n",
    )


@pytest.mark.parametrize(
    ("entry", "arguments", "meant"),
    [
        ("cellwarden", ["statsu"], "status"),
        ("cellwarden", ["alarm", "akc"], "ack"),
        ("cellwarden-collector", ["audti"], "audit"),
        ("cellwarden-hil", ["rnu"], "run"),
        ("cellwarden", ["status", "--sokcet", "x"], "--socket"),
        ("cellwarden", ["check", "--alow-late"], "--allow-late"),
        ("cellwarden-collector", ["audit", "--snik", "x"], "--sink"),
    ],
)
def test_a_command_that_is_spelled_wrong_is_told_what_was_meant(
    entry: str, arguments: list[str], meant: str
) -> None:
    code, said = end(entry, *arguments)
    assert code == 2
    assert f"'{meant}'" in said.splitlines()[-1]


def test_a_closed_output_is_no_mistake() -> None:
    command = f"exec {sys.executable} -m agent.cli profile list >&-"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
