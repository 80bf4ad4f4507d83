"""Announcements over real multicast on the loopback interface."""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from click.testing import CliRunner

from agent.box.discovery import AGENT, COLLECTOR, Announced, announce, find
from agent.cli import main
from agent.cli.common.announced import HINT

HOME = "127.0.0.1"

pytestmark = pytest.mark.usefixtures("multicast")


@contextlib.asynccontextmanager
async def announced(*arguments: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(announce(*arguments))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def found(kind: str, wanted: int) -> list[Announced]:
    """Look for up to 8 s, until so many answer."""
    listed: list[Announced] = []
    for seconds in (0.5, 1.0, 2.0, 4.0):
        try:
            listed = await find(kind, seconds, [HOME])
        except OSError as error:
            pytest.skip(f"no multicast on the loopback interface here: {error}")
        if len(listed) >= wanted:
            break
    return listed


async def test_an_agent_that_announces_itself_is_found_with_its_words_and_leaves_again() -> None:
    said = {"version": "1.2.3", "site": "Röom A", "path": "/"}
    async with announced(AGENT, "room-a", HOME, 8480, said):
        (one,) = await found(AGENT, 1)
        assert (one.name, one.host, one.port, one.said) == ("room-a", HOME, 8480, said)
        assert one.url == "https://127.0.0.1:8480/"
        assert await find(COLLECTOR, 0.3, [HOME]) == []
    assert await find(AGENT, 0.5, [HOME]) == []


async def test_two_of_one_name_are_both_found() -> None:
    async with announced(AGENT, "twin", HOME, 1, {}):
        assert [one.port for one in await found(AGENT, 1)] == [1]  # a second asks whether the name is taken
        async with announced(AGENT, "twin", HOME, 2, {}):
            assert {one.port for one in await found(AGENT, 2)} == {1, 2}


async def test_a_name_that_is_too_long_for_dns_is_cut() -> None:
    async with announced(COLLECTOR, "x" * 200, HOME, 1, {}):
        (one,) = await found(COLLECTOR, 1)
        assert one.name == "x" * 63


async def test_a_strangers_words_command_no_terminal_and_lead_to_no_other_kind_of_place() -> None:
    said = {"site": "\x1b[2Jall is well\u202e", "url": "https://a.example:1/$(reboot)", "path": "/;reboot"}
    async with announced(AGENT, "mallory", HOME, 8480, said):
        (one,) = [one for one in await found(AGENT, 1) if one.name == "mallory"]
    assert one.said["site"] == r"\x1b[2Jall is well\u202e"
    assert one.url == "https://127.0.0.1:8480/"


async def test_live_and_scan_name_agents_that_announce_themselves_and_what_that_is_worth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = f"room-{os.getpid()}"  # whoever else is testing on this machine is heard, too
    async with announced(AGENT, name, HOME, 8480, {"site": "Room A", "path": "/"}):
        await found(AGENT, 1)
        live = await asyncio.to_thread(CliRunner().invoke, main, ["live", "--socket", "/nonexistent"])
        monkeypatch.setattr("agent.cli.scan.serial_devices", list)
        scan = await asyncio.to_thread(CliRunner().invoke, main, ["scan"])
    for result in (live, scan):
        assert result.exit_code == 3
        assert HINT in result.output
        assert re.search(rf"^  {name} +https://127.0.0.1:8480/   Room A$", result.output, re.M), result.output


LATER = """
import asyncio, subprocess
from agent.box import discovery
discovery.AGAIN_S = 0.2

async def main():
    task = asyncio.create_task(discovery.announce(discovery.AGENT, "early", "127.0.0.1", 8480, {}))
    await asyncio.sleep(0.5)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for _ in range(5):
        if found := await discovery.find(discovery.AGENT, 2.0, ["127.0.0.1"]):
            break
    print([one.name for one in found])
    task.cancel()

asyncio.run(main())
"""


def test_what_begins_before_its_network_is_announced_once_that_is_there() -> None:
    alone = ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-c", LATER]
    done = subprocess.run(alone, capture_output=True, text=True, timeout=60)
    if done.stderr.startswith("unshare: ") or "'ip'" in done.stderr:
        pytest.skip(done.stderr)
    assert done.stdout == "['early']\n", done.stderr
    assert done.stderr.count("is not announced in the network") == 1, done.stderr


def test_without_a_network_nobody_is_found_and_nobody_waits() -> None:
    program = (
        "import time; from agent.cli.common.announced import Search; begin_s = time.monotonic();"
        "print(Search().found()); print(time.monotonic() - begin_s)"
    )
    alone = ["unshare", "--user", "--net", sys.executable, "-c", program]
    done = subprocess.run(alone, capture_output=True, text=True, timeout=60)
    if done.stderr.startswith("unshare: "):
        pytest.skip(done.stderr)
    assert done.stdout.startswith("[]"), done.stderr
    assert done.stderr == ""
