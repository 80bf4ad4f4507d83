"""What the service manager hears: ready when polling has begun, alive while polling and commits go on."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.bench.units import WELL
from agent.box.service_manager import STALLED_S, Notifier, Stall, feed, limit_s
from hil.run import configuration
from hil.run.processes import Children
from tests.agent.runtime.test_reload import PROFILE


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(60)
        yield receiver


def heard(manager: socket.socket, word: str) -> str:
    """Wait for a datagram with `word` in it."""
    while word not in (said := manager.recv(4096).decode()):
        pass
    return said


def test_a_started_agent_is_ready_then_fed_and_says_when_it_stops(
    tmp_path: Path, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    config = tmp_path / "agent.toml"
    unit = configuration.tcp_unit("rack-1", 1, "sunspec-lithium-ion", period_s=0.2)
    config.write_text(configuration.agent(tmp_path) + unit)
    with Children(tmp_path) as children:
        agent = children.start("agent", "agent.cli", "run", "--config", str(config))
        assert heard(manager, "=") == "READY=1"
        assert "STATUS=1 NEVER; collector NOT reached" in heard(manager, "WATCHDOG=1")
        heard(manager, "WATCHDOG=1")
        agent.stop()
    heard(manager, "STOPPING=1")


def test_the_status_line_has_the_word_of_the_page_for_a_unit_that_was_just_begun(
    tmp_path: Path, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    config = tmp_path / "agent.toml"
    with Children(tmp_path) as children:
        units = children.start("units", "agent.bench.units", f"0:{WELL}")
        port = int(units.first_line().strip("[]"))
        (tmp_path / "tiny.toml").write_text(PROFILE)
        unit = configuration.tcp_unit("rack-1", port, f"{tmp_path}/tiny.toml", period_s=0.2, chemistry="LFP")
        config.write_text(configuration.agent(tmp_path) + unit)
        children.start("agent", "agent.cli", "run", "--config", str(config))
        assert heard(manager, "STATUS=1 LEARNING; ")


def fed(manager: socket.socket) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "30000"})


async def next_ping(manager: socket.socket) -> str:
    manager.setblocking(False)
    async with asyncio.timeout(10):
        return (await asyncio.get_running_loop().sock_recv(manager, 4096)).decode()


async def test_a_commit_that_hangs_is_not_fed(manager: socket.socket) -> None:
    commits = [asyncio.Event(), asyncio.Event()]
    commits[0].set()
    asked = iter(commits)
    waiting = asyncio.Event()

    async def answer() -> None:
        commit = next(asked)
        if not commit.is_set():
            waiting.set()
        await commit.wait()

    feeding = asyncio.create_task(feed(fed(manager), Stall({}), dict, answer, lambda: "fine", lambda: 0.0))
    assert "WATCHDOG=1" in await next_ping(manager)
    await waiting.wait()
    with pytest.raises(BlockingIOError):
        manager.recv(4096)
    commits[1].set()
    assert "WATCHDOG=1" in await next_ping(manager)
    feeding.cancel()


def test_a_bus_that_begins_no_cycle_hangs_until_it_does() -> None:
    stall = Stall({"a": 60, "b": 60})
    # b begins no cycle between 10 s and 100 s
    history = [(t, {"a": t, "b": min(t, 10) if t < 100 else t}) for t in range(0, 200, 10)]
    hanging = {t: stall.stalled(cycles, t) for t, cycles in history}
    assert [t for t, names in hanging.items() if names] == [80, 90]
    assert hanging[80] == ["b"]


def test_slow_buses_get_more_time() -> None:
    assert limit_s([600.0, 900.0]) == STALLED_S + 600


async def test_a_bus_that_hangs_is_not_fed(manager: socket.socket) -> None:
    times = iter([0.0, 1.0, 100.0, 101.0])
    looked = asyncio.Event()

    def now_s() -> float:
        t_s = next(times)
        if t_s > 100:
            looked.set()
        return t_s

    async def answer() -> None:
        await asyncio.sleep(0)

    feeding = asyncio.create_task(
        feed(fed(manager), Stall({"lan": 60.0}), lambda: {"lan": 7}, answer, lambda: "fine", now_s)
    )
    for _ in range(2):
        assert "WATCHDOG=1" in await next_ping(manager)
    await looked.wait()
    feeding.cancel()
    with pytest.raises(BlockingIOError):
        manager.recv(4096)


def test_a_watchdog_of_another_process_is_not_ours() -> None:
    ours = {"WATCHDOG_USEC": "30000000"}
    assert Notifier(ours).watchdog_s == 30
    assert Notifier({**ours, "WATCHDOG_PID": str(os.getpid())}).watchdog_s == 30
    assert Notifier({**ours, "WATCHDOG_PID": "1"}).watchdog_s is None


def test_nobody_to_tell_harms_nobody(tmp_path: Path) -> None:
    Notifier({}).send("READY=1")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "absent")}).send("READY=1")
