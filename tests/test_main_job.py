"""The chain as real processes: bench, agent and collector, with the power cut and the cable pulled."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hil.run import configuration, rooms
from hil.run.processes import Child, Children, wait_for_status
from tests.until import STOPPED_S


def room_toml(folder: Path) -> str:
    return (
        rooms.bus("rs485", baud=115200, link=folder / "rs485")
        + rooms.tcp_unit("rack-1", "sunspec-lithium-ion", {"rack": {"cells": 14, "seed": 1}})
        + rooms.rtu_unit("rack-2", "rs485", "pace-rtu", {"rack": {"cells": 16, "seed": 2}})
    )


def agent_toml(folder: Path, batch_s: float, url: str, port: int) -> str:
    return (
        configuration.agent(folder, url, agent={"id": "agent-1"}, store={"batch_s": batch_s})
        + configuration.tcp_bus("lan", port)
        + configuration.rtu_bus("rs485", folder / "rs485", baud=115200)
        + configuration.unit("rack-1", "lan", "sunspec-lithium-ion", period_s=0.2, chemistry="LFP")
        + configuration.unit("rack-2", "rs485", "pace-rtu", period_s=0.2)
    )


class Chain:
    """A bench, a collector and an agent in a folder of their own."""

    def __init__(self, folder: Path, children: Children) -> None:
        self.folder, self.children = folder, children
        room = folder / "room.toml"
        room.write_text(room_toml(folder))
        ready = json.loads(children.start("bench", "hil.cli", "serve", str(room)).first_line())
        self.modbus_port = next(u["port"] for u in ready["units"] if u["transport"] == "tcp")
        self.collector, self.url = self.start_collector("127.0.0.1:0")

    def start_collector(self, listen: str) -> tuple[Child, str]:
        sink = f"sqlite:{self.folder / 'collector.db'}"
        child = self.children.start("collector", "collector.cli", "serve", "--sink", sink, "--listen", listen)
        return child, child.first_line().rpartition(" ")[2]

    def start_agent(self, batch_s: float = 0.3, url: str = "") -> Child:
        config = self.folder / "agent.toml"
        text = agent_toml(self.folder, batch_s, url or self.url, self.modbus_port)
        config.write_text(text)
        return self.children.start("agent", "agent.cli", "run", "--config", str(config))

    def buffer(self, query: str) -> list[tuple[Any, ...]]:
        return rows(self.folder / "buffer.db", query)

    def collected(self, query: str) -> list[tuple[Any, ...]]:
        return rows(self.folder / "collector.db", query)


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    with Children(tmp_path) as children:
        yield Chain(tmp_path, children)


def delivered(batches: int) -> Callable[[dict[str, Any]], bool]:
    return lambda status: status["account"]["acknowledged"] >= batches


def test_every_frame_is_at_the_collector_after_a_clean_stop_within_two_seconds(chain: Chain) -> None:
    agent = chain.start_agent(batch_s=60)  # nothing is sealed before the stop
    wait_for_status(agent, lambda s: all(unit["frames"] > 10 for unit in s["units"]))
    start_s = time.monotonic()
    assert agent.stop() < STOPPED_S, time.monotonic() - start_s
    assert agent.process.returncode == 0
    ((sealed, frames),) = chain.buffer("SELECT last_sequence, frames FROM account")
    assert frames > 20
    assert chain.collected("SELECT count(*), sum(frames) FROM batch") == [(sealed, frames)]
    assert chain.buffer("SELECT first, last FROM settled") == [(1, sealed)]


def test_kill_9_and_restart_bring_every_sealed_batch_to_the_collector_exactly_once(chain: Chain) -> None:
    epochs, sealed = set(), 0
    for _ in range(3):
        agent = chain.start_agent()
        status = wait_for_status(agent, lambda s: s["account"]["sealed"] > sealed + 3)  # noqa: B023
        os.kill(agent.process.pid, signal.SIGKILL)
        agent.process.wait()
        epochs.add(status["epoch"])
        ((sealed,),) = chain.buffer("SELECT last_sequence FROM account")
    agent = chain.start_agent()
    wait_for_status(agent, delivered(sealed))
    agent.stop()
    assert len(epochs) == 1
    ((sealed, frames),) = chain.buffer("SELECT last_sequence, frames FROM account")
    stored = chain.collected("SELECT sequence, frames FROM batch ORDER BY sequence")
    assert [sequence for sequence, _ in stored] == list(range(1, sealed + 1))
    assert sum(count for _, count in stored) == frames


def test_a_buffer_exchanged_under_the_agent_is_told_in_ten_seconds_and_loses_nothing(
    chain: Chain,
) -> None:
    agent = chain.start_agent()
    wait_for_status(agent, delivered(5))
    copy = chain.folder / "older.db"
    copy.write_bytes((chain.folder / "buffer.db").read_bytes())
    chain.collector.stop()
    epoch = wait_for_status(agent, lambda status: status["account"]["pending"] > 5)["epoch"]
    os.replace(copy, chain.folder / "buffer.db")
    wait_for_status(agent, lambda status: "buffer_exchanged" in json.dumps(status["alarms"]), within_s=10)
    status = wait_for_status(agent, lambda status: status["epoch"] != epoch)
    assert status["account"]["pending"] > 5
    chain.collector, _ = chain.start_collector(chain.url.removeprefix("http://"))
    wait_for_status(agent, lambda status: status["account"]["pending"] == 0)
    agent.stop()
    chain.collector.stop()
    audit = [sys.executable, "-m", "collector.cli", "audit", "--sink", f"sqlite:{chain.folder}/collector.db"]
    said = subprocess.run(audit, capture_output=True, text=True, check=True).stdout
    assert [line.rpartition(" ")[2] for line in said.splitlines()] == ["balanced", "balanced"]


def test_a_second_agent_on_the_same_buffer_is_refused_and_the_first_goes_on_undisturbed(chain: Chain) -> None:
    first = chain.start_agent()
    before = wait_for_status(first, delivered(2))
    config = str(chain.folder / "agent.toml")
    second = chain.children.start("second", "agent.cli", "run", "--config", config)
    assert second.process.wait(30) == 2
    (line,) = second.log.read_text().splitlines()
    assert line == (
        f"CW-406 {chain.folder}/buffer.db: process {first.process.pid} uses this buffer; stop that agent,"
        " or give this one another [store] path"
    )
    sealed = before["account"]["sealed"]
    after = wait_for_status(
        first, lambda s: s["account"]["sealed"] > sealed + 3 and s["account"]["pending"] == 0
    )
    assert (after["epoch"], after["store"]["trouble"]) == (before["epoch"], "")
    assert [unit["knowledge"] for unit in after["units"]] == ["LIVE", "LIVE"]
    assert first.stop() < STOPPED_S
    assert chain.collected("SELECT count(*) FROM batch") == chain.buffer("SELECT last_sequence FROM account")


def test_a_collector_that_dies_unheard_gets_everything_again_and_stores_it_once(chain: Chain) -> None:
    agent = chain.start_agent()
    wait_for_status(agent, delivered(2))
    os.kill(chain.collector.process.pid, signal.SIGKILL)
    chain.collector.process.wait()
    wait_for_status(agent, lambda s: s["account"]["pending"] >= 4 and not s["upstreams"][0]["reached"])
    chain.start_collector(chain.url.rpartition("/")[2])
    wait_for_status(agent, lambda s: s["account"]["pending"] == 0)
    agent.stop()
    ((sealed, frames),) = chain.buffer("SELECT last_sequence, frames FROM account")
    assert chain.collected("SELECT count(*), sum(frames) FROM batch") == [(sealed, frames)]


def test_a_unit_that_never_answers_is_never_called_live_and_harms_nobody(chain: Chain) -> None:
    config = chain.folder / "agent.toml"
    chain.start_agent().stop()
    ghost = configuration.unit("ghost", "rs485", "pace-rtu", unit_id=9)
    config.write_text(config.read_text() + ghost)
    agent = chain.children.start("agent", "agent.cli", "run", "--config", str(config))
    status = wait_for_status(
        agent, lambda s: all(u["frames"] > 20 for u in s["units"] if u["name"] != "ghost")
    )
    knowledge = {unit["name"]: unit["knowledge"] for unit in status["units"]}
    assert knowledge == {"rack-1": "LIVE", "ghost": "NEVER", "rack-2": "LIVE"}
    ghost = next(unit for unit in status["units"] if unit["name"] == "ghost")
    assert "no sound answer" in ghost["trouble"]
    assert agent.stop() < STOPPED_S


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('profile = "pace-rtu"', 'profile = "pace-rtuu"', "there is no profile of this name"),
        ("batch_s", "bach_s", "unknown key; did you mean 'batch_s'?"),
        ('path = "{folder}/buffer.db"', 'path = "/proc/no/buffer.db"', "/proc/no/buffer.db: "),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_in_clear_words(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    config = tmp_path / "agent.toml"
    text = agent_toml(tmp_path, 10, configuration.NOWHERE, 502)
    config.write_text(text.replace(old.format(folder=tmp_path), new))
    with Children(tmp_path) as children:
        agent = children.start("agent", "agent.cli", "run", "--config", str(config))
        assert agent.process.wait(30) == 2
        lines = agent.log.read_text().splitlines()
    assert message in lines[0]
    assert len(lines) == 1


def test_a_missing_serial_device_and_a_closed_tcp_port_leave_the_agent_running(chain: Chain) -> None:
    chain.start_agent().stop()
    config = chain.folder / "agent.toml"
    config.write_text(config.read_text().replace("/rs485", "/absent").replace(str(chain.modbus_port), "1"))
    agent = chain.children.start("agent", "agent.cli", "run", "--config", str(config))
    status = wait_for_status(agent, lambda s: all(bus["trouble"] for bus in s["buses"]))
    troubles = {bus["name"]: bus["trouble"] for bus in status["buses"]}
    assert "no such device" in troubles["rs485"]
    assert "127.0.0.1:1" in troubles["lan"]
    assert [unit["knowledge"] for unit in status["units"]] == ["NEVER", "NEVER"]
    assert agent.stop() < STOPPED_S
