"""A part that serves may die; the watching may not."""

import asyncio
import json
import socket
import sqlite3
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pymodbus.exceptions import ModbusIOException

from agent.alarms.site import PART_FAILED
from agent.bench.wire_to_relay import ALARM_POINT, PROFILE, AlarmUnit, free_port
from agent.box import kernel_cache
from agent.cli.common.load import load
from agent.control.metrics import MetricsError
from agent.control.server import ControlError
from agent.outputs.journal import Journal
from agent.runtime import Agent, supervisor
from agent.store.errors import StoreError
from agent.tls.contexts import TlsError
from agent.wire.errors import Malformed
from hil.modbus.io_module import IoModule
from hil.modbus.tcp import TcpEndpoint
from hil.run import configuration
from hil.run.processes import Children, Status, wait_for_status
from hil.run.tables import Table

PERIOD_S = 0.1
#: One of each layer that a part stands on: sockets, TLS, HTTP, Modbus, disk, formats, texts, Python itself.
RAISED: list[BaseException] = [
    ConnectionResetError("reset"),
    ssl.SSLError("a bad record"),
    aiohttp.ClientPayloadError("half a body"),
    ModbusIOException("nobody"),
    StoreError("the disk"),
    sqlite3.DatabaseError("malformed"),
    Malformed("sequence 2**63"),
    TlsError("no file"),
    ControlError("no path"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "\x1b[31mred"),
    RecursionError("deep"),
    MemoryError(),
    OverflowError("int64"),
    KeyError("key"),
    AssertionError(),
    asyncio.CancelledError(),
]


@pytest.fixture
async def unit() -> AsyncIterator[tuple[AlarmUnit, int]]:
    """A unit, and the port where it answers."""
    table = AlarmUnit()
    endpoint = TcpEndpoint("127.0.0.1", 0, {1: table})
    await endpoint.start()
    yield table, endpoint.port
    await endpoint.stop()


def agent_toml(folder: Path, port: int, **more: Table) -> Path:
    (folder / "alarm.toml").write_text(PROFILE + ALARM_POINT.format(k=0, address=16))
    rack = configuration.tcp_unit("rack", port, "alarm.toml", period_s=PERIOD_S)
    (folder / "agent.toml").write_text(configuration.agent(folder, **more) + rack)
    return folder / "agent.toml"


async def test_whatever_a_part_raises_polling_goes_on_in_time(
    tmp_path: Path, unit: tuple[AlarmUnit, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, port = unit
    module = IoModule(coil := free_port())
    await module.start()
    web, metrics = ({"listen": f"127.0.0.1:{free_port()}"} for _ in range(2))
    config = agent_toml(tmp_path, port, web=web, metrics=metrics, relay=configuration.coil(coil))
    kernel_cache.prepare()
    monkeypatch.setattr(supervisor, "SOON_S", 0.02)
    monkeypatch.setattr(supervisor, "SELDOM_S", 0.02)
    monkeypatch.setattr(Journal, "find", lambda _: Journal(tmp_path / "nowhere", native=True))
    agent = Agent(*load(config))
    raised: dict[str, set[type[BaseException]]] = {}

    def broken(part: str, raised_there: Sequence[BaseException]) -> Callable[..., Any]:
        errors = cycle(raised_there)

        def raises(*_: object) -> None:
            error = next(errors)
            raised.setdefault(part, set()).add(type(error))
            raise error

        return raises

    def dies(part: str) -> Callable[[], Any]:
        raises = broken(part, RAISED)

        async def run() -> None:
            await asyncio.sleep(0)
            raises()

        return run

    site_alarms = agent.parts.site_alarms
    assert agent._page
    assert agent._metrics
    relay, journal = site_alarms.outputs["relay"], site_alarms.outputs["journal"]
    parts = {
        "uplink": (agent.parts.uplinks["main"], "run"),
        "page": (agent._page, "run"),
        "announcement": (agent._page, "announce"),
        "metrics": (agent._metrics, "run"),
        "certificate": (agent, "_watch_certificates"),
        "intervals": (agent, "_record_intervals"),
        "trends": (agent._report, "remember"),
        "relay's driver": (relay, "run"),
    }
    for part, (owner, name) in parts.items():
        monkeypatch.setattr(owner, name, dies(part))
    monkeypatch.setattr(relay, "lasting_trouble", broken("relay's trouble", RAISED))
    for call, (owner, name) in {
        "sights": (relay, "sights"),
        "stands": (relay, "stands"),
        "journal": (journal, "changed"),
        "summary": (agent._report, "summary"),
    }.items():
        monkeypatch.setattr(owner, name, broken(call, [e for e in RAISED if isinstance(e, Exception)]))
    running = asyncio.create_task(agent.run())
    (polled,) = agent.parts.units.values()
    while polled.counters.frames < 3 or any(
        len(raised.get(p, ())) < len(RAISED) for p in (*parts, "relay's trouble")
    ):
        await asyncio.sleep(0.01)
        assert not running.done()
    table.raise_alarm(0)
    while not any(e.detector == "reported" for _, e in site_alarms.all_active()):
        await asyncio.sleep(0.01)
        assert not running.done()
    frames, since_s = polled.counters.frames, time.monotonic()
    await asyncio.sleep(1)
    assert polled.counters.frames - frames >= 0.7 * (time.monotonic() - since_s) / PERIOD_S
    told = {event.location for _, event in site_alarms.all_active() if event.detector == PART_FAILED}
    assert told == {*parts, "relay's trouble", "relay", "journal"}
    assert {"sights", "stands", "journal", "summary"} <= raised.keys()
    agent._stopping.set()
    await running
    await module.stop()


async def test_a_part_that_runs_again_ends_its_alarm(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "SOON_S", 0.0)
    monkeypatch.setattr(supervisor, "STEADY_S", 0.05)
    told: list[str] = []
    well, begun = asyncio.Event(), 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise OSError("\x1b[31mforged\n2026 CRITICAL fire")
        await asyncio.Future()

    def tell(trouble: str) -> None:
        told.append(trouble)
        if not trouble:
            well.set()

    task = asyncio.create_task(supervisor.serve("page", work, tell))
    await well.wait()
    assert told == [r"OSError: \x1b[31mforged\x0a2026 CRITICAL fire"] * 2 + [""]
    assert len(caplog.records) == 1, "the log says each trouble once"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_port_for_metrics_that_is_taken_keeps_nothing_from_starting(
    tmp_path: Path, unit: tuple[AlarmUnit, int]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        config = agent_toml(tmp_path, unit[1], metrics={"listen": listen})
        with Children(tmp_path) as children:
            agent = children.start("agent", "agent.cli", "run", "--config", str(config))
            status = await asyncio.to_thread(wait_for_status, agent, live_with(f":{PART_FAILED}:metrics"))
            assert "in use by process " in json.dumps(status["alarms"])
            agent.stop()
        assert agent.process.returncode == 0


def live_with(alarm: str) -> Callable[[Status], bool]:
    """A status with an alarm and a unit that is seen."""
    return lambda status: (
        any(unit["knowledge"] in ("LIVE", "PARTIAL") for unit in status["units"])
        and alarm in {a["id"] for a in status["alarms"]}
    )


async def test_an_error_of_ours_says_its_sentence_and_no_name_of_a_class(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "SOON_S", 0.0)
    told: asyncio.Queue[str] = asyncio.Queue()
    raised = iter(
        [
            MetricsError("[metrics] listen 127.0.0.1:9464: in use by process 812 (nginx)"),
            TlsError(),
            KeyError("a"),
        ]
    )

    async def work() -> None:
        raise next(raised)

    task = asyncio.create_task(supervisor.serve("metrics", work, told.put_nowait))
    said = [await told.get() for _ in range(3)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert said == [
        "[metrics] listen 127.0.0.1:9464: in use by process 812 (nginx)",
        "TlsError: ",
        "KeyError: 'a'",
    ]
