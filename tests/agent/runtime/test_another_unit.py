"""A unit that is exchanged for another of its kind, from the wire to the alarm and the detectors."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.clock import Clock
from agent.modbus import sameness
from agent.runtime.parts import Parts
from agent.runtime.report import Report
from drivers.profile.load import parse_profile
from drivers.registers import Area
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import TcpEndpoint
from hil.run import configuration
from tests.agent.loaded import loaded

PROFILE = parse_profile(
    """
    schema = 1
    model = "tiny"
    [[point]]
    name = "serial"
    address = 10
    type = "ascii"
    registers = 2
    expect_match = "^S"
    [[point]]
    name = "cell_voltage"
    address = 0
    count = 4
    [[point]]
    name = "cell_temperature"
    address = 20
    scale = 0.1
    """
)


def battery(serial: bytes) -> RegisterTable:
    table = RegisterTable()
    table.define(Area.HOLDING, 0, [0] * 24)  # nothing is refused
    table.define(Area.HOLDING, 0, [3300, 3301, 3302, 3303])
    table.define(Area.HOLDING, 10, [int.from_bytes(serial[:2], "big"), int.from_bytes(serial[2:], "big")])
    table.define(Area.HOLDING, 20, [250])
    return table


class Site:
    """An agent over one endpoint, in one life after another."""

    def __init__(self, folder: Path, endpoint: TcpEndpoint) -> None:
        self.endpoint = endpoint
        lan = configuration.tcp_bus("lan", endpoint.port, endpoint.host)
        self.config = loaded(folder, lan + configuration.unit("rack-1", "lan", "tiny", period_s=0.1))

    @contextlib.asynccontextmanager
    async def life(self) -> AsyncIterator["Site"]:
        self.parts = Parts(self.config, {"tiny": PROFILE}, Clock())
        self.report = Report(self.parts, lambda: None)
        polling = asyncio.create_task(self.parts.buses["lan"].run())
        try:
            yield self
            assert not polling.done()
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
            self.parts.watching.restart_state.keep_all()
            await self.parts.recorder.seal()
            await self.parts.background.done()
            await self.parts.writer(self.parts.store.close)
            self.parts.writer.close()

    async def until(
        self, wanted: Callable[[dict[str, Any]], object], within_s: float = 12.0
    ) -> dict[str, Any]:
        """Wait for a status of the unit."""
        async with asyncio.timeout(within_s):
            while True:
                status = await self.report.status()
                (unit,) = status["units"]
                if wanted(unit):
                    return status
                await asyncio.sleep(0.02)

    async def learned(self) -> str:
        return self.parts.watching.restart_state.origin("rack-1").said

    async def exchange(self, table: RegisterTable) -> None:
        """Take the unit off, for as long as it takes to be refused once, and put another there."""
        await self.endpoint.stop()
        await self.until(lambda _: "onnect" in self.parts.buses["lan"].trouble)
        self.endpoint.units = {1: table}
        await self.endpoint.start()


def good(unit: dict[str, Any]) -> bool:
    return unit.get("qualities") == {"good": 5}


def is_now(serial: str) -> Callable[[dict[str, Any]], bool]:
    return lambda unit: good(unit) and unit["identity"]["serial"] == serial


def exchanges(status: dict[str, Any]) -> list[tuple[str, str]]:
    return [(a["state"], a["text"]) for a in status["alarms"] if a["detector"] == "exchanged"]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    endpoint = TcpEndpoint("127.0.0.1", 0, {1: battery(b"S001")})
    await endpoint.start()
    yield Site(tmp_path, endpoint)
    await endpoint.stop()


async def test_another_battery_is_told_and_what_was_learned_of_the_old_one_is_dropped(site: Site) -> None:
    async with site.life():
        status = await site.until(is_now("S001"))
        assert status["units"][0]["marks"] == ["serial"]
        since = status["units"][0]["detectors"]["since_utc_ns"]
        frames: list[list[int]] = []
        taken = site.parts.watching.frame

        def frame(frame: Any, layout: Any) -> None:
            frames.append([layout.identity["serial"], *frame.quality.tolist()])
            taken(frame, layout)

        site.parts.units["rack-1"].emit = frame
        await site.exchange(battery(b"S002"))
        status = await site.until(is_now("S002"))
        gone = next(k for k, (_, *quality) in enumerate(frames) if quality != [0] * 5)
        assert not any(said == ["S001", 0, 0, 0, 0, 0] for said in frames[gone:]), "decoded as the old one"
        ((state, text),) = exchanges(status)
        assert state == "CLEARED-NEW", "for somebody to read; nothing waits for him"
        assert text.startswith("another unit: serial was S001, is S002; what was learned")
        assert status["units"][0]["detectors"]["since_utc_ns"] > since
        assert "learning anew" in await site.learned()
    async with site.life():  # what is kept is of the new one
        status = await site.until(is_now("S002"))
        assert len(exchanges(status)) == 1
        assert "goes on with the state" in await site.learned()


async def test_one_that_is_exchanged_while_it_is_polled_is_told_by_the_next_mark(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sameness, "MARK_EVERY_S", 1.0)
    async with site.life():
        before = (await site.until(is_now("S001")))["units"][0]
        site.endpoint.units[1] = battery(b"S002")  # between two answers: no connection is lost
        status = await site.until(is_now("S002"), within_s=3.0)
        ((_, text),) = exchanges(status)
        assert text.startswith("another unit: serial was S001, is S002; what was learned")
        assert status["units"][0]["read_errors"] == before["read_errors"], "and no read was lost"


async def test_the_same_battery_goes_on_as_it_was(site: Site) -> None:
    async with site.life():
        since = (await site.until(is_now("S001")))["units"][0]["detectors"]["since_utc_ns"]
        await site.exchange(battery(b"S001"))
        await site.until(lambda unit: not good(unit))
        status = await site.until(is_now("S001"))
        assert exchanges(status) == []
        assert status["units"][0]["detectors"]["since_utc_ns"] == since


async def test_a_battery_of_another_kind_is_not_decoded_and_the_next_one_of_ours_is_another(
    site: Site,
) -> None:
    async with site.life():
        await site.until(is_now("S001"))
        await site.exchange(battery(b"ACME"))
        status = await site.until(lambda unit: unit.get("qualities") == {"mismatch": 5})
        assert [a["detector"] for a in status["alarms"]] == ["identity"]
        await site.exchange(battery(b"S003"))
        status = await site.until(is_now("S003"), within_s=25)
        assert "serial was S001, is S003" in exchanges(status)[0][1]


async def test_one_that_was_exchanged_while_the_agent_was_off_is_told_at_its_start(site: Site) -> None:
    async with site.life():
        await site.until(is_now("S001"))
    site.endpoint.units = {1: battery(b"S004")}
    async with site.life():
        status = await site.until(is_now("S004"))
        assert "serial was S001, is S004" in exchanges(status)[0][1]
        assert "learning anew" in await site.learned()


async def test_a_connection_that_is_lost_once_and_opened_at_once_is_asked_who_it_is(site: Site) -> None:
    async with site.life():
        await site.until(is_now("S001"))
        site.endpoint.units = {1: battery(b"S005")}
        site.endpoint.faults.set(Fault(FaultKind.DROP, times=1))
        status = await site.until(is_now("S005"), within_s=3)
        assert len(exchanges(status)) == 1


async def test_a_device_that_closes_after_each_answer_is_asked_now_and_then(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sameness, "PROVED_FOR_S", 1.0)

    def answered(self: TcpEndpoint, *args: Any) -> Any:
        async def once() -> bool:
            await one(self, *args)
            return False

        return once()

    one = TcpEndpoint._answer
    monkeypatch.setattr(TcpEndpoint, "_answer", answered)
    async with site.life():
        await site.until(is_now("S001"))
        before = site.endpoint.requests
        await asyncio.sleep(1.5)
        cycles = site.parts.units["rack-1"].counters
        assert cycles.no_reply == cycles.damaged == 0
        assert site.endpoint.requests - before < 15 * 3 + 5
        site.endpoint.units = {1: battery(b"S006")}
        assert len(exchanges(await site.until(is_now("S006"), within_s=4))) == 1
