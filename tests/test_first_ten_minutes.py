"""The first ten minutes of a technician: four unlike units on one RTU bus, two TCP endpoints, an empty
directory, a real terminal. CELLWARDEN_TRANSCRIPT=1 writes what it showed into docs/field-guide.md.
"""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.cli.test_scan import BAUD

BIN = Path(sys.executable).parent
GUIDE = Path(__file__).parents[1] / "docs/field-guide.md"
LINE = f"{BAUD}-8N1"
RTU = {
    1: ("pace-rtu", "cells = 16, sensors = 4"),
    2: ("eg4-ll", "cells = 16, sensors = 4"),
    5: ("pylontech-powercube-m2", "modules = 4, cells = 15, sensors = 4"),
    9: ("huawei-ups2000", "cells = 16, sensors = 4"),
}
TCP = {"sunspec-lithium-ion": "modules = 4, cells = 14", "apc-smart-ups": "modules = 4, cells = 14"}


def room() -> str:
    text = f'[[bus]]\nname = "rs485"\nlink = "ttyUSB0"\nbaud = {BAUD}\n'
    for unit_id, (profile, rack) in RTU.items():
        text += (
            f'[[unit]]\nname = "u{unit_id}"\ntransport = "rtu"\nbus = "rs485"\nunit_id = {unit_id}\n'
            f'profile = "{profile}"\nsource = {{ rack = {{ {rack}, seed = {unit_id} }} }}\n'
        )
    for profile, rack in TCP.items():
        text += (
            f'[[unit]]\nname = "{profile}"\ntransport = "tcp"\nlisten = "127.0.0.1:0"\n'
            f'profile = "{profile}"\nsource = {{ rack = {{ {rack}, seed = 1 }} }}\n'
        )
    return text


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[list[str]]:
    """Serve the room; where its TCP units are."""
    (tmp_path / "room.toml").write_text(room())
    command = [str(BIN / "cellwarden-hil"), "serve", "room.toml"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as served:
        assert served.stdout is not None
        ready = json.loads(served.stdout.readline())
        (tmp_path / "room.toml").unlink()
        yield [f"{unit['host']}:{unit['port']}" for unit in ready["units"] if unit["transport"] == "tcp"]
        served.terminate()


class Terminal:
    """Types commands at a pty of 100 columns and keeps what it shows."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.shown = folder, ""

    def run(self, arguments: str, answers: dict[str, str] | None = None, status: int = 0) -> str:
        """Run one command; answer each question (a piece of what is shown) as it comes."""
        waiting, seen = list((answers or {}).items()), ""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.environ.update(COLUMNS="100", TERM="dumb", NO_COLOR="1")
            os.execv(BIN / "cellwarden", ["cellwarden", *arguments.split()])
        deadline_s, asked = time.monotonic() + 90, 0
        while time.monotonic() < deadline_s:
            if not select.select([terminal], [], [], 5)[0]:
                continue
            try:
                data = os.read(terminal, 4096)
            except OSError:  # hung up: the command is over
                break
            seen += data.decode(errors="replace")
            if waiting and waiting[0][0] in seen[asked:] and seen.rstrip().endswith(">"):
                asked = len(seen)
                os.write(terminal, waiting.pop(0)[1].encode() + b"\n")
        _, ended = os.waitpid(pid, 0)
        os.close(terminal)
        text = re.sub(r"[^\n]*\r(?!\n)", "", seen.replace("\r\n", "\n"))
        self.shown += f"$ cellwarden {arguments}\n{text}\n"
        assert os.waitstatus_to_exitcode(ended) == status, text
        assert not waiting, (waiting, text)
        return text


@pytest.mark.timeout(240)
def test_from_unboxing_to_signed_off_without_reading_source(hosts: list[str], tmp_path: Path) -> None:
    at = Terminal(tmp_path)
    found = at.run(f"scan ./ttyUSB0 --line {LINE}")
    for unit_id, (profile, _) in RTU.items():
        assert re.search(rf"^{unit_id} +{BAUD} 8N1 .* {profile} ", found, re.M), found
    found = at.run(f"scan {' '.join(hosts)}")
    assert all(profile in found for profile in TCP)

    shown = at.run(f"probe ./ttyUSB0 --id 1 --line {LINE} 40016 --count 2")
    assert "plausible cell" in shown

    endpoints = " ".join(f"--endpoint {where}" for where in ("./ttyUSB0", *hosts))
    at.run(f"setup --config agent.toml {endpoints} --line {LINE} --yes --by A.Technician")
    report = (tmp_path / "commissioning.html").read_text()
    assert "A.Technician" in report
    assert "http" not in re.sub(r"http://127\.0\.0\.1:8000", "", report)  # self-contained
    assert not (tmp_path / "agent.toml.setup").exists()

    assert "6 units on 3 buses" in at.run("check --config agent.toml")
    doctor = at.run("doctor --config agent.toml", status=1)
    assert "CW-502" in doctor  # there is no collector
    assert re.search(r"^good .*\bbus\b.*profile match", doctor, re.M), doctor
    if "CELLWARDEN_TRANSCRIPT" in os.environ:
        _publish(at.shown, tmp_path)


def _publish(shown: str, folder: Path) -> None:
    begin, end = "<!-- transcript -->\n", "<!-- end -->"
    text = GUIDE.read_text()
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    shown = "\n".join(line.rstrip() for line in shown.replace(f"{folder}/", "").splitlines())
    GUIDE.write_text(f"{before}{begin}```\n{shown}\n```\n{end}{after}")
