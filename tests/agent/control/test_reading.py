"""POST /v1/read as a tool uses it: a real socket, and a bus that is being polled behind it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.alarms.site import SiteAlarms
from agent.clock import Clock
from agent.control import client
from agent.control.reading import read_routes
from agent.control.server import ControlServer
from agent.modbus.bus import Bus
from agent.modbus.tcp import TcpPort
from agent.quality import Quality
from agent.store.ledger import Event
from drivers.registers import Area
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import TcpEndpoint
from tests.agent.modbus.test_bus import Recorder, unit


async def test_a_read_goes_through_the_polled_bus_and_who_asked_is_recorded(tmp_path: Path) -> None:
    registers = RegisterTable()
    registers.define(Area.HOLDING, 100, range(3200, 3260))
    endpoint = TcpEndpoint("127.0.0.1", 0, {1: registers})
    await endpoint.start()
    frames, recorded = Recorder(), list[Event]()
    site_alarms = SiteAlarms({"a": "a"}, {}, lambda _rack, events: recorded.extend(events), Clock())
    one = unit("a", 1, frames)
    one.period_s = 0.5
    bus = Bus("north", TcpPort(endpoint.host, endpoint.port), [one], Clock())
    server = ControlServer(tmp_path / "s", read_routes(site_alarms, lambda: [bus]))
    await server.start()
    polling = asyncio.create_task(bus.run())

    async def post(**body: Any) -> dict[str, Any]:
        return await asyncio.to_thread(client.post, tmp_path / "s", "/v1/read", body)

    try:
        await frames.first("a", Quality.GOOD)
        wanted = {"bus": "north", "unit_id": 1, "area": "holding", "address": 120, "count": 2}
        (exchange,) = (await post(**wanted, timeout_s=0.1))["exchanges"]
        assert (exchange["verdict"], exchange["words"]) == ("sound", [3220, 3221])
        assert exchange["sent"].endswith("01 03 00 78 00 02")
        assert exchange["got"].endswith("04 0c 94 0c 95")
        assert recorded[-1].record["about"] == "north id 1 holding 120, 2 long"
        for wrong in (
            {"bus": "south"},
            {"area": "coils"},
            {"count": 126},
            {"unit_id": True},
            {"timeout_s": 60},
        ):
            with pytest.raises(client.Refusal, match=next(iter(wrong))):
                await post(**{**wanted, **wrong})
    finally:
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
        await server.stop()
        await endpoint.stop()
