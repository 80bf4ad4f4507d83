"""The README: at most 120 lines, its devices are those that are shipped, and every command in it is run."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.bench.figures import TARGETS
from agent.cli import main
from agent.cli.profile.catalogue import devices, shipped
from hil.run import rooms
from hil.run.processes import Child, wait_for_status
from tests.graph import ROOT
from tests.terminal import BIN, Command
from tests.test_first_ten_minutes import ready

TEXT = (ROOT / "README.md").read_text("utf-8")
ROOM = rooms.bus("rs485-1", link="ttyUSB0", baud=9600)
ROOM += rooms.rtu_unit("rack-1", "rs485-1", "pace-rtu", {"rack": {"cells": 16, "sensors": 4, "seed": 1}})
#: Added to the README's agent.toml: everything in this folder, no port that another agent may have.
HERE = '[store]\npath = "buffer.db"\n[control]\nsocket = "control.sock"\n[web]\nlisten = "127.0.0.1:0"\n'
SOCKET = " --socket control.sock"
#: Added to commands: where the agent is, and of 32 unit ids the one that is there, since each takes a second.
ADDED = {"scan": " --id 1", "status": SOCKET, "live": SOCKET, "alarm": SOCKET}
#: Run below, in this order: a command that ends, and what it says.
ENDS = {
    "cellwarden scan /dev/ttyUSB0": "pace-rtu",
    "cellwarden probe /dev/ttyUSB0 --id 1": "cell16",
    "cellwarden check --config agent.toml": "1 units on 1 buses",
    "cellwarden status": "rack-1",
    "cellwarden live": "cellwarden live",
    "cellwarden alarm list": "No alarms",
    "cellwarden doctor --config agent.toml": "the agent answers",
}
#: Run below as what the others talk to.
LASTS = (
    "cellwarden-hil serve room.toml",
    "cellwarden-collector serve --sink sqlite:collector.db",
    "cellwarden run --config agent.toml",
)
#: Run by others, and where.
ELSEWHERE = {
    "sudo apt install ./cellwarden_VERSION~deb12_arm64.deb": "scripts/test-package",
    "pip install 'cellwarden[agent]'": "scripts/test-wheel",
    "cellwarden capture": "tests/agent/cli/test_capture.py",
    "cellwarden demo": "tests/test_first_ten_minutes.py",
    "cellwarden setup": "tests/test_first_ten_minutes.py",
    "cellwarden enroll": "tests/agent/cli/test_enroll.py",
    "scripts/torture --seed 2": "tests/torture/test_torture.py",
    "scripts/demo": "scripts/demo",
    "scripts/test": "scripts/test",
}


def commands() -> list[str]:
    """Every command of the README: lines of its shell blocks, and code in its text that begins like one."""
    blocks = re.findall(r"^```sh\n(.*?)^```", TEXT, re.M | re.S)
    lines = [line.partition(" # ")[0].strip() for block in blocks for line in block.splitlines()]
    prose = re.sub(r"^```.*?^```", "", TEXT, flags=re.M | re.S)
    spans = re.findall(r"`((?:cellwarden|scripts/|pip |sudo )[^`]*)`", prose)
    noted = re.findall(r"# .*: (cellwarden \w+)$", TEXT, re.M)
    return [*lines, *spans, *noted]


def test_it_fits_on_a_few_screens() -> None:
    assert len(TEXT.splitlines()) <= 120


def test_the_devices_are_those_that_are_shipped() -> None:
    found = re.search(r"<!-- devices -->\n(.*?)<!-- end -->", TEXT, re.S)
    assert found
    assert found[1] == devices(shipped())


def test_each_command_is_run_somewhere() -> None:
    known = {*ENDS, *LASTS, *ELSEWHERE, *(f"cellwarden bench {name}" for name in TARGETS)}
    assert set(commands()) - known == set()
    assert {*ENDS, *LASTS, *ELSEWHERE} - set(commands()) == set()
    assert all((ROOT / where).is_file() for where in ELSEWHERE.values())


@pytest.mark.parametrize("command", [c for c in commands() if c.startswith("cellwarden bench")])
def test_a_figure_is_printed_by_a_benchmark(command: str) -> None:
    assert CliRunner().invoke(main, [*command.split()[1:], "--help"]).exit_code == 0


@contextmanager
def lasting(command: str, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A command that goes on until it is told to stop; it must take that well."""
    name, *arguments = command.split()
    with (folder / f"{name}.err").open("a") as err:
        process = subprocess.Popen(
            [str(BIN / name), *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=err
        )
        try:
            yield process
        finally:
            process.terminate()
            assert process.wait(20) == 0


def said_by(command: str, folder: Path) -> str:
    """What a command that ends says, on a terminal; the live view is left with q."""
    shown = Command(
        folder, command.removeprefix("cellwarden "), term="xterm" if "live" in command else "dumb"
    )
    if "live" in command:
        shown.wait_for("links 1 of 1 answering", 10.0)
        shown.type("q")
    problems = "doctor" in command  # of this machine's own clock, for example
    assert shown.end() in ((0, 1) if problems else (0,)), shown.text()
    return shown.text()


@pytest.mark.long(45)
def test_the_commands_do_what_they_say_in_a_simulated_room(tmp_path: Path, unused_tcp_port: int) -> None:
    (config,) = re.findall(r"^```toml\n(.*?)^```", TEXT, re.M | re.S)
    device = re.search(r'device = "(.+?)"', config)
    assert device
    config = config.replace(device[1], str(tmp_path / "ttyUSB0")).replace(":8440", f":{unused_tcp_port}")
    (tmp_path / "agent.toml").write_text(config + HERE)
    (tmp_path / "room.toml").write_text(ROOM)
    hil, collector, agent = LASTS
    with ExitStack() as running:
        room = running.enter_context(lasting(hil, tmp_path))
        assert room.stdout
        assert room.stdout.readline(), (tmp_path / "cellwarden-hil.err").read_text()
        running.enter_context(lasting(f"{collector} --listen 127.0.0.1:{unused_tcp_port}", tmp_path))
        for command, says in ENDS.items():
            if command == "cellwarden status":
                process = running.enter_context(lasting(agent, tmp_path))
                wait_for_status(Child("agent", process, tmp_path / "cellwarden.err"), ready)
            asked = command.replace("/dev/", "./") + ADDED.get(command.split()[1], "")
            assert says in said_by(asked, tmp_path), command
