"""What a shell completes: quickly, without importing what the commands need, from what this machine knows."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.cli.common.outline import TABLE
from agent.control.server import ControlServer
from tests.manuals import pages, table

HEAVY = ("numpy", "numba", "pydantic", "pymodbus", "rich", "aiohttp", "asyncio", "cryptography", "sqlite3")
CPU_S = 0.6  # it takes 0.15 s of a core, 0.2 s of one that others load; numba alone would take 1.2 s more
ALARMS = [":test:", "rack-1:thermal-slope:sensor2", "rack-1:cell-imbalance:string1/cell5", "rack-2:blind:"]


def complete(line: str, *, after: str = "") -> tuple[list[str], str]:
    """Complete a line as bash does; return the words, and what `after` prints in the same process."""
    code = "import sys; from agent.cli import main\ntry: main(prog_name='cellwarden')\nfinally: "
    code += after or "pass"
    env = {**os.environ, "_CELLWARDEN_COMPLETE": "bash_complete", "COMP_WORDS": line}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    words = [one.partition(",")[2] for one in done.stdout.splitlines() if one]
    return words, done.stderr


@pytest.fixture
async def socket(tmp_path: Path) -> AsyncIterator[Path]:
    """A control socket that answers as an agent's does."""
    path = tmp_path / "control.sock"

    async def status(_: object) -> dict[str, object]:
        return {"units": [{"name": "rack1/bmu1"}, {"name": "rack1/bmu2"}, {"name": "room-b"}]}

    async def alarms(_: object) -> dict[str, object]:
        return {"alarms": [{"id": name} for name in ALARMS]}

    server = ControlServer(path, {"GET /v1/status": status, "GET /v1/alarms": alarms})
    await server.start()
    yield path
    await server.stop()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cellwarden sta", ["status"]),
        ("cellwarden alarm t", ["test"]),
        ("cellwarden alarm test --sec", ["--seconds"]),
        ("cellwarden export --format ", ["csv", "sqlite", "parquet"]),
        ("cellwarden profile show pa", ["pace-rtu"]),
        ("cellwarden probe /dev/ttyUSB0 --profile pyl", ["pylontech-powercube-m2"]),
        ("cellwarden alarm ack --socket /nowhere/at.all ", []),
        ("cellwarden completion ", ["bash", "zsh", "fish"]),
    ],
)
def test_words_are_completed(line: str, words: list[str]) -> None:
    assert complete(line)[0] == words


async def test_units_and_alarms_are_the_running_agents(socket: Path) -> None:
    at = f"--socket {socket}"
    found, _ = await asyncio.to_thread(complete, f"cellwarden alarm shelve {at} rack-1:")
    assert found == ALARMS[1:3]
    found, _ = await asyncio.to_thread(complete, f"cellwarden alarm ack {at} ")
    assert found == ALARMS


def test_units_are_the_configurations_where_it_is_named(tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text('[[unit]]\nname = "bmu1"\nrack = "rack1"\n[[unit]]\nname = "room-b"\n')
    assert complete(f"cellwarden export --config {config} --unit r")[0] == ["rack1/bmu1", "room-b"]
    config.write_text("broken [")
    assert complete(f"cellwarden export --config {config} --unit r") == ([], "")


def test_nothing_heavy_is_imported_for_it() -> None:
    after = "print(sorted(sys.modules), round(__import__('time').process_time(), 3), file=sys.stderr)"
    for line in ("cellwarden ", "cellwarden export --unit ", "cellwarden probe --", "cellwarden alarm ack "):
        _, said = complete(line, after=after)
        modules, _, cpu_s = said.strip().rpartition(" ")
        assert not [name for name in HEAVY if f"'{name}'" in modules], line
        assert float(cpu_s) < CPU_S, line


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
def test_bash_completes_ids_with_colons(tmp_path: Path) -> None:
    """With bash itself: the words that it would put in place of the one after the last colon."""
    source = CliRunner().invoke(main, ["completion", "bash"]).stdout
    (tmp_path / "cellwarden").write_text(
        "#!/bin/sh\necho plain,rack-1:thermal-slope:sensor2; echo plain,rack-1:thermal-slope:sensor3\n"
    )
    (tmp_path / "cellwarden").chmod(0o755)
    line = "cellwarden alarm ack rack-1:ther"
    script = f"""{source}
COMP_LINE={line!r} COMP_POINT={len(line)}
_cellwarden_completion {tmp_path}/cellwarden
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["thermal-slope:sensor2", "thermal-slope:sensor3"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_is_told_how(shell: str) -> None:
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0
    assert f"_CELLWARDEN_COMPLETE={shell}_complete" in done.stdout


def test_the_table_is_what_the_commands_are() -> None:
    assert TABLE.read_text() == table(), "run scripts/manuals"
    assert (
        json.loads(TABLE.read_text())["commands"]["alarm"]["commands"]["ack"]["params"][0]["kind"] == "alarm"
    )


@pytest.mark.skipif(not shutil.which("man"), reason="no man")
def test_manual_pages_render_without_a_warning(tmp_path: Path) -> None:
    found = dict(pages())
    assert {"cellwarden.1", "cellwarden-alarm-ack.1", "cellwarden-collector-audit.1"} <= set(found)
    whole = tmp_path / "all.1"
    whole.write_text("".join(found.values()))
    env = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"}
    command = ["man", "--warnings", "-E", "UTF-8", "-l", str(whole)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for name in found:
        assert f"{name.removesuffix('.1')} - " in " ".join(done.stdout.replace("\n", " ").split()), name
