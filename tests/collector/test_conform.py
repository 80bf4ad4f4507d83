"""The kit for collectors of others: ours is right, wrong ones are found, each by what asks for it."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.conform.certificate import common_name
from collector.conform.report import SECTIONS
from collector.conform.row import Run
from collector.conform.run import CHECKS, ROWS, NotReached, conform
from tests.agent.uplink.peer import box
from tests.collector.authority import Authority
from tests.collector.processes import COMMAND, Collector, free_port
from tests.collector.wrong_collectors import WRONG, AsIn010, Closes, Small, serving

PAGE = (Path(__file__).parents[2] / "docs" / "wire-format.md").read_text("utf-8")
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "collector.mjs"
needs_node = pytest.mark.skipif(
    not all(map(shutil.which, ("node", "zstd", "b2sum"))), reason="needs node, zstd and b2sum"
)
#: Asked of each wrong collector beside what must find it.
SAMPLE = {"empty-first", "holes", "conflict", "version-2"}
#: Kills a collector, if one runs, and starts it anew: FOLDER PORT COMMAND...
RESTART = """
import os, pathlib, signal, socket, subprocess, sys, time
folder, port, command = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]

def open_there():
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

pid = folder / "pid"
if pid.exists():
    os.kill(int(pid.read_text()), signal.SIGKILL)
    while open_there():
        time.sleep(0.02)
with open(folder / "log", "ab") as log:
    started = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
pid.write_text(str(started.pid))
while not open_there():
    assert started.poll() is None, (folder / "log").read_text()
    time.sleep(0.02)
"""


class Restarted:
    """A collector of any command, started and restarted by a command of the shell; killed at the end."""

    def __init__(self, folder: Path, port: int, command: list[str]) -> None:
        (folder / "restart.py").write_text(RESTART)
        words = [sys.executable, str(folder / "restart.py"), str(folder), str(port), *command]
        self.command = " ".join(f"'{word}'" for word in words)
        self._pid = folder / "pid"
        subprocess.run(words, check=True, timeout=60)

    def __enter__(self) -> str:
        return self.command

    def __exit__(self, *why: object) -> None:
        subprocess.run(["kill", "-KILL", self._pid.read_text()], check=True)


def restarting(url: str) -> str:
    """What tells a collector of this process to restart."""
    code = f"import urllib.request as u; u.urlopen(u.Request('{url}/restart', method='POST'))"
    return f'{sys.executable} -c "{code}"'


def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "conform", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_our_own_collector_is_right_and_holds_what_it_acknowledged_when_it_is_killed(tmp_path: Path) -> None:
    port = free_port()
    listen = ["serve", "--sink", f"sqlite:{tmp_path / 'c.db'}", "--listen", f"127.0.0.1:{port}"]
    with Restarted(tmp_path, port, [*COMMAND, *listen]) as restart:
        done = asked(f"http://127.0.0.1:{port}", "--restart", restart)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        "not asked, 1: needs --cert",
        f"{len(ROWS) - 1} asked, {len(ROWS) - 1} right, 0 wrong",
    ]
    assert "stays in the database of" in done.stderr


@needs_node
async def test_an_agent_delivers_to_a_collector_in_another_language_that_is_killed(tmp_path: Path) -> None:
    port = free_port()
    with Restarted(tmp_path, port, ["node", str(EXAMPLE), str(tmp_path / "data"), str(port)]) as restart:
        async with box(tmp_path, port, batches=3) as agent:
            for at_s in range(3, 9, 3):
                await (await asyncio.create_subprocess_shell(restart)).wait()
                await agent.seal(at_s, at_s + 1, at_s + 2)
                await agent.alarm()
            async with asyncio.timeout(30):
                while await agent.pending():  # noqa: ASYNC110 - told by another process
                    await asyncio.sleep(0.05)
    assert agent.alarms == {}
    journal = [json.loads(line) for line in (tmp_path / "data" / "journal").read_text().splitlines()]
    assert sorted(sequence for line in journal for sequence, _ in line["batches"]) == list(range(1, 12))
    assert sum(len(line["bodies"]) for line in journal) == 1


@needs_node
def test_a_collector_written_from_the_page_in_another_language_is_right(tmp_path: Path) -> None:
    port = free_port()
    with Restarted(tmp_path, port, ["node", str(EXAMPLE), str(tmp_path / "data"), str(port)]) as restart:
        done = asked(f"http://127.0.0.1:{port}", "--restart", restart)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(ROWS) - 1} asked, {len(ROWS) - 1} right, 0 wrong" in done.stdout


def test_over_tls_the_agent_is_the_one_of_its_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, key = authority.issue("collector")
    cert, cert_key = authority.issue("site-1")
    options = ("--tls-cert", str(server), "--tls-key", str(key), "--client-ca", str(authority.path))
    files = ("--ca", str(authority.path), "--cert", str(cert), "--key", str(cert_key))
    with Collector(tmp_path / "c.db", *options) as collector:
        url = collector.url.replace("127.0.0.1", "localhost")
        done = asked(url, *files, "--json")
        assert asked(url, "--ca", str(authority.path)).returncode == 2
        agents = {agent for (agent,) in collector.rows("SELECT agent FROM stream")}
    assert done.returncode == 0, done.stdout + done.stderr
    said = {row["id"]: row for row in json.loads(done.stdout)}
    assert said["name-other"]["state"] == "right"
    assert said["two-agents"]["state"] == "not asked"
    assert agents == {"site-1"}


def test_the_agent_of_a_certificate(tmp_path: Path) -> None:
    for name in ("site-1", "s", "x" * 60):
        assert common_name(Authority(tmp_path).issue(name)[0]) == name
    with pytest.raises(ValueError, match="no certificate"):
        common_name(tmp_path / f"{name}.key")


async def test_a_small_collector_that_is_right_is_found_right() -> None:
    checks = [check for check in CHECKS if check.row.id in SAMPLE.union(*WRONG.values())]
    async with serving(Small()) as url:
        outcomes = await conform(url, Run("conform-small"), restart=restarting(url), checks=checks)
    assert [(one.row.id, one.wrong) for one in outcomes if one.wrong] == []
    assert [one.row.id for one in outcomes if one.unasked] == []


async def test_a_collector_may_close_each_connection_after_its_answer() -> None:
    async with serving(Closes()) as url:
        outcomes = await conform(url, Run("conform-close"), checks=CHECKS[:20])
    assert [(one.row.id, one.wrong) for one in outcomes if one.wrong] == []


async def test_a_collector_that_takes_five_elements_as_in_0_1_0_is_not_asked_for_six() -> None:
    checks = [check for check in CHECKS if "more" in check.row.needs or check.row.id in SAMPLE]
    async with serving(AsIn010()) as url:
        outcomes = await conform(url, Run("conform-old"), checks=checks)
    assert [(one.row.id, one.wrong) for one in outcomes if one.wrong] == []
    asked_rows = {one.row.id for one in outcomes if not one.unasked}
    assert asked_rows & {check.row.id for check in checks} == SAMPLE


@pytest.mark.parametrize(("make", "right"), WRONG.items(), ids=lambda value: getattr(value, "__name__", ""))
async def test_a_collector_that_is_wrong_is_found(make: Callable[[], Small], right: set[str]) -> None:
    checks = [check for check in CHECKS if check.row.id in {*right, *SAMPLE}]
    async with serving(make()) as url:
        command = restarting(url) if any("restart" in check.row.needs for check in checks) else None
        outcomes = await conform(url, Run("conform-wrong"), restart=command, checks=checks)
    found = {one.row.id for one in outcomes if one.wrong}
    assert right <= found
    assert "empty-first" not in found


async def test_what_is_no_collector_is_not_reached(tmp_path: Path) -> None:
    nobody = asked(f"http://127.0.0.1:{free_port()}")
    assert nobody.returncode == 2
    assert "CW-502 http://127.0.0.1:" in nobody.stderr
    async with serving(Small()) as url:
        for path in ("/x", "/restart?"):
            with pytest.raises(NotReached, match="no collector there"):
                await conform(url + path, Run("conform-x"), checks=[])


def test_the_table_names_sections_of_the_page_and_says_why() -> None:
    found = {row.section for row in ROWS}
    assert [heading for heading in re.findall(r"^#+ (.+)$", PAGE, re.M) if heading in found] == list(SECTIONS)
    assert found == set(SECTIONS)
    assert len({row.id for row in ROWS}) == len(ROWS)
    assert all(row.why.endswith(".") and row.asked for row in ROWS)
    assert {row for rows in WRONG.values() for row in rows} <= {row.id for row in ROWS}
    done = asked("--list")
    assert done.returncode == 0
    assert all(f"  {row.id}: {row.asked}" in done.stdout for row in ROWS)
