"""A real agent that is killed, stopped and started again: what stood stands, what was learned is known."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.bench.wire_to_relay import ALARM_POINT, COIL, PROFILE, AlarmUnit, free_port
from agent.control import client
from hil.modbus.io_module import IoModule
from hil.modbus.tcp import TcpEndpoint
from hil.run import configuration
from hil.run.processes import Child, Children, Status, wait_for_status
from tests.until import STOPPED_S

NAMES = ("seen", "shelved", "new")


class Box:
    """An agent with a relay and three units, which dies and lives again."""

    def __init__(self, folder: Path, children: Children, module: IoModule, units: list[AlarmUnit]) -> None:
        self.folder, self.children, self.module, self.units = folder, children, module, units

    def start(self) -> Child:
        return self.children.start("agent", "agent.cli", "run", "--config", str(self.folder / "agent.toml"))

    async def status(self, wanted: Callable[[Status], object] = bool) -> Status:
        (agent,) = self.children.running("agent")
        return await asyncio.to_thread(wait_for_status, agent, wanted)

    async def post(self, path: str, **body: Any) -> None:
        await asyncio.to_thread(client.post, self.folder / "control.sock", path, body)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / "buffer.db")) as db, db:
            return db.execute(query).fetchall()


def states(status: Status) -> dict[str, str]:
    return {alarm["unit"]: alarm["state"] for alarm in status["alarms"] if alarm["detector"] == "reported"}


def live(status: Status) -> bool:
    return all(unit["knowledge"] in ("LIVE", "PARTIAL") for unit in status["units"])


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    units = [AlarmUnit() for _ in NAMES]
    port = free_port()
    endpoint, module = TcpEndpoint("127.0.0.1", 0, dict(enumerate(units, 1))), IoModule(port)
    await endpoint.start()
    await module.start()
    (tmp_path / "alarm.toml").write_text(PROFILE + ALARM_POINT.format(k=0, address=16))
    text = configuration.agent(tmp_path, relay=configuration.coil(port))
    text += configuration.tcp_bus("lan", endpoint.port)
    for i, name in enumerate(NAMES, 1):
        text += configuration.unit(name, "lan", "alarm.toml", unit_id=i, period_s=0.2)
    (tmp_path / "agent.toml").write_text(text)
    with Children(tmp_path) as children:
        yield Box(tmp_path, children, module, units)
    await endpoint.stop()
    await module.stop()


async def test_alarms_survive_a_kill_and_what_was_learned_a_stop(box: Box) -> None:
    agent = box.start()
    await box.module.wait(COIL, True)
    for unit in box.units:
        unit.raise_alarm(0)
    await box.module.wait(COIL, False)
    await box.status(lambda said: len(states(said)) == 3)
    await box.post("/v1/alarms/acknowledge", alarm="seen:alarms_0.bit0:")
    await box.post("/v1/alarms/shelve", alarm="shelved:alarms_0.bit0:", minutes=60, why="test")
    await box.status(lambda said: all(record["recorded"] for record in said["log"]))
    agent.process.kill()
    agent.process.wait()

    agent = box.start()
    wanted = {"seen": "ACK", "shelved": "SHELVED", "new": "NEW"}
    said = await box.status()
    assert states(said) == wanted, "at once, before any unit was heard"
    assert any(
        reason.startswith("new, NEW: ACT ON WHAT THE UNIT REPORTS") for reason in said["relay"]["reasons"]
    )
    said = await box.status(live)
    assert states(said) == wanted
    assert {unit["detectors"]["said"] for unit in said["units"]} == {"learning anew: no state was kept"}
    since = [unit["detectors"]["since_utc_ns"] for unit in said["units"]]
    assert box.rows("SELECT unit, count(*) FROM alarm WHERE state = 'NEW' GROUP BY 1") == [
        ("new", 1), ("seen", 1), ("shelved", 1),
    ]  # fmt: skip
    assert agent.stop() < STOPPED_S

    box.start()
    said = await box.status(live)
    assert states(said) == wanted
    assert [unit["detectors"]["since_utc_ns"] for unit in said["units"]] == since
    assert all("goes on with the state of" in unit["detectors"]["said"] for unit in said["units"])
    assert said["relay"]["energised"] is False
    (agent,) = box.children.running("agent")
    agent.stop()

    box.rows("UPDATE snapshot SET body = substr(body, 1, 60) || x'00' WHERE unit LIKE '%:state'")
    box.start()
    said = await box.status(live)
    assert states(said) == wanted
    assert all(
        "learning anew: the state that was kept is damaged" in u["detectors"]["said"] for u in said["units"]
    )
