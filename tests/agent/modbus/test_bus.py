"""The bus engine against real units: what a frame says when a unit is well, dead, back, or refuses."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from agent.clock import Clock
from agent.frame import Frame
from agent.modbus.bus import Bus
from agent.modbus.ports import Port
from agent.modbus.serial_line import SerialPort
from agent.modbus.tcp import TcpPort
from agent.modbus.unit import Unit
from agent.quality import Quality
from drivers.layout import Layout
from drivers.profile.load import Profile, parse_profile
from drivers.registers import Area
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.rtu import RtuBus
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import TcpEndpoint
from tests.agent.modbus.watched import polled_unit

PROFILE = """
schema = 1
model = "tiny"
per_instance = 1000
[[point]]
name = "cell_voltage"
address = {address}
count = {count}
scale = 0.001
unit = "V"
valid = [1.5, 4.5]
[[point]]
name = "string_current"
address = 140
type = "i16"
unit = "A"
"""


class Recorder:
    """Collects frames, and wakes whoever waits for one that fits."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self._new = asyncio.Event()

    def __call__(self, frame: Frame, _layout: Layout) -> None:
        self.frames.append(frame)
        self._new.set()

    async def first(self, unit: str, quality: Quality, after: int = 0) -> Frame:
        """Wait for a frame of `unit` whose first value has this quality."""
        async with asyncio.timeout(30):
            while True:
                for frame in self.frames[after:]:
                    if frame.unit == unit and frame.quality[0] == quality:
                        return frame
                self._new.clear()
                await self._new.wait()


def unit(
    name: str,
    unit_id: int,
    frames: Recorder,
    address: int = 100,
    count: int = 4,
    profile: Profile | None = None,
    port: type[Port] | Port = TcpPort,
    **rest: Any,
) -> Unit:
    profile = profile or parse_profile(PROFILE.format(address=address, count=count))
    return polled_unit(name, profile, port, frames, unit_id=unit_id, **rest)


@contextlib.asynccontextmanager
async def polling(port: Port, *units: Unit) -> AsyncIterator[None]:
    task = asyncio.create_task(Bus("bus", port, list(units), Clock()).run())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def frames() -> Recorder:
    return Recorder()


async def test_a_frame_holds_the_registers_and_the_time_before_they_were_asked_for(
    endpoint: TcpEndpoint, frames: Recorder
) -> None:
    before = Clock().stamp()
    async with polling(TcpPort(endpoint.host, endpoint.port), unit("a", 1, frames)):
        frame = await frames.first("a", Quality.GOOD)
    np.testing.assert_array_equal(frame.raw, [3200, 3201, 3202, 3203, 3240])
    assert before.boottime_ns < frame.stamp.boottime_ns < Clock().stamp().boottime_ns


async def test_a_unit_learns_from_its_late_replies(endpoint: TcpEndpoint, frames: Recorder) -> None:
    slow = unit("a", 1, frames)
    async with polling(TcpPort(endpoint.host, endpoint.port), slow):
        await frames.first("a", Quality.GOOD)
        endpoint.faults.set(Fault(FaultKind.LATE, times=1, delay_s=0.2))
        async with asyncio.timeout(5):
            while not slow.counters.late_replies:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert slow.patience.times.quantile(1.0) > 0.1


async def test_a_dead_unit_delays_no_live_one_and_is_back_when_it_answers(
    rtu_bus: RtuBus, table: RegisterTable, frames: Recorder
) -> None:
    rtu_bus.units = {1: table, 2: table}
    rtu_bus.faults.set(Fault(FaultKind.MUTE, unit_id=2))
    # long beside what a busy machine takes away, and each time-out as long as a period
    pace = {"port": SerialPort, "period_s": 0.3, "timeout_s": 0.3}
    live, dead = unit("live", 1, frames, **pace), unit("dead", 2, frames, **pace)
    async with polling(SerialPort(str(rtu_bus.link), rtu_bus.baud), live, dead):
        silent = await frames.first("dead", Quality.NO_REPLY)
        assert not silent.raw.any()
        await frames.first("dead", Quality.STALE)  # backing off: not asked is not the same as no answer
        assert live.counters.late_cycles <= 3  # the dead one's first two time-outs
        before = live.counters.late_cycles
        seen = len(frames.frames)
        rtu_bus.faults.clear(FaultKind.MUTE, 2)
        await frames.first("dead", Quality.GOOD, after=seen)
        assert live.counters.late_cycles == before
        assert all(f.quality[0] == Quality.GOOD for f in frames.frames if f.unit == "live")


async def test_a_cut_connection_shows_as_not_asked_and_heals(endpoint: TcpEndpoint, frames: Recorder) -> None:
    async with polling(TcpPort(endpoint.host, endpoint.port), unit("a", 1, frames)):
        await frames.first("a", Quality.GOOD)
        seen = len(frames.frames)
        await endpoint.stop()
        lost = await frames.first("a", Quality.STALE, after=seen)
        assert not lost.raw.any()
        await endpoint.start()
        await frames.first("a", Quality.GOOD, after=len(frames.frames))


async def test_a_refused_merged_read_is_taken_apart_and_remembered(
    endpoint: TcpEndpoint, frames: Recorder, table: RegisterTable
) -> None:
    gappy = RegisterTable()
    gappy.define(Area.HOLDING, 100, [3300] * 4)
    gappy.define(Area.HOLDING, 140, [7])  # between them nothing exists
    endpoint.units = {1: gappy}
    watched = unit("a", 1, frames)
    async with polling(TcpPort(endpoint.host, endpoint.port), watched):
        await frames.first("a", Quality.GOOD, after=4)
    for frame in frames.frames:  # the first one too
        np.testing.assert_array_equal(frame.raw, [3300, 3300, 3300, 3300, 7])
    assert watched.counters.illegal <= 2  # and once more, to be sure
    assert watched.connection is not None
    assert [(read.address, read.count) for read in watched.connection.reads] == [(100, 4), (140, 1)]


async def test_an_impossible_value_is_a_sensor_fault_with_its_raw_value_kept(
    endpoint: TcpEndpoint, frames: Recorder
) -> None:
    wild = RegisterTable()
    wild.define(Area.HOLDING, 100, [65535, 3200, 3200, 3200, *[0] * 36, 0])
    endpoint.units = {1: wild}
    async with polling(TcpPort(endpoint.host, endpoint.port), unit("a", 1, frames)):
        frame = await frames.first("a", Quality.OUT_OF_RANGE)
    assert frame.raw[0] == 65535
    assert frame.quality[1] == Quality.GOOD


NAMED = """

[[point]]
name = "firmware"
address = 150
expect_range = [100, 199]
"""


async def test_a_unit_of_another_kind_is_never_decoded_until_the_right_one_answers(
    endpoint: TcpEndpoint, frames: Recorder, table: RegisterTable
) -> None:
    table.define(Area.HOLDING, 150, [212])
    told: list[str] = []
    named = parse_profile(PROFILE.format(address=100, count=4) + NAMED)
    watched = unit("a", 1, frames, profile=named, mismatch=lambda _unit, said: told.append(said))
    async with polling(TcpPort(endpoint.host, endpoint.port), watched):
        foreign = await frames.first("a", Quality.MISMATCH)
        assert not foreign.raw.any()
        assert set(foreign.quality) == {Quality.MISMATCH}
        assert told[0] == "this is not a tiny: firmware is 212, expected 100 to 199; choose the right profile"
        assert watched.trouble == told[0]
        table.define(Area.HOLDING, 150, [112])
        await frames.first("a", Quality.GOOD)
    assert told[-1] == ""
    assert not any(f.quality[0] == Quality.GOOD for f in frames.frames[: frames.frames.index(foreign)])


async def test_a_further_unit_of_a_gateway_is_asked_at_its_own_addresses(
    endpoint: TcpEndpoint, frames: Recorder, table: RegisterTable
) -> None:
    table.define(Area.HOLDING, 2100, [3311, 3312, 3313, 3314])
    table.define(Area.HOLDING, 2140, [5])
    table.define(Area.HOLDING, 2150, [150])
    named = parse_profile(PROFILE.format(address=100, count=4) + NAMED)
    async with polling(
        TcpPort(endpoint.host, endpoint.port), unit("a", 1, frames, profile=named, instance=3)
    ):
        frame = await frames.first("a", Quality.GOOD)
    np.testing.assert_array_equal(frame.raw, [3311, 3312, 3313, 3314, 5])


COUNTED = """
schema = 1
model = "counted"
topology = { cells = 4 }
[[point]]
name = "cell_count"
address = 102
[[point]]
name = "cell_voltage"
address = 110
count = "cell_count"
[[point]]
name = "string_current"
address = 130
"""


async def test_what_a_refusal_taught_is_known_to_the_next_connection(
    endpoint: TcpEndpoint, frames: Recorder
) -> None:
    gappy = RegisterTable()
    gappy.define(Area.HOLDING, 102, [3])
    gappy.define(Area.HOLDING, 110, [3300] * 4)
    gappy.define(Area.HOLDING, 130, [7])
    endpoint.units = {1: gappy}
    watched = unit("a", 1, frames, profile=parse_profile(COUNTED))
    async with polling(TcpPort(endpoint.host, endpoint.port), watched):
        assert (await frames.first("a", Quality.GOOD)).raw.size == 4
        gappy.define(Area.HOLDING, 102, [4])  # a cell more: connected anew
        async with asyncio.timeout(10):
            while frames.frames[-1].raw.size == 4 or frames.frames[-1].quality[0] != Quality.GOOD:
                await frames.first("a", Quality.GOOD, after=len(frames.frames))
    assert watched.connection is not None
    assert {(r.address, r.count) for r in watched.connection.reads} == {(102, 1), (110, 4), (130, 1)}
    assert all(frame.quality[0] != Quality.REFUSED for frame in frames.frames if frame.raw.size == 5)


SPREAD = """
schema = 1
model = "spread"
topology = { modules = 3 }
[[point]]
name = "module_voltage"
address = 100
count = 3
unit_stride = 1
[[point]]
name = "module_temperature"
address = 140
count = 3
unit_stride = 1
poll = "state"
"""


async def test_a_silent_module_does_not_blind_the_others_of_its_battery(
    rtu_bus: RtuBus, table: RegisterTable, frames: Recorder
) -> None:
    table.define(Area.HOLDING, 140, [25])
    rtu_bus.units = {1: table, 2: table, 3: table}
    watched = unit("a", 1, frames, profile=parse_profile(SPREAD), port=SerialPort)
    async with polling(SerialPort(str(rtu_bus.link), rtu_bus.baud), watched):
        whole = await frames.first("a", Quality.GOOD)
        assert set(whole.quality) == {Quality.GOOD}
        rtu_bus.faults.set(Fault(FaultKind.MUTE, unit_id=2))
        async with asyncio.timeout(10):
            while frames.frames[-1].quality[1] != Quality.NO_REPLY:
                await frames.first("a", Quality.GOOD, after=len(frames.frames))
            silent_from = len(frames.frames)
            while len(frames.frames) < silent_from + 20:
                await frames.first("a", Quality.GOOD, after=len(frames.frames))
        told = [frame.quality[:3].tolist() for frame in frames.frames[silent_from:]]
        assert {quality[1] for quality in told} == {Quality.NO_REPLY}
        blind = sum(quality != [Quality.GOOD, Quality.NO_REPLY, Quality.GOOD] for quality in told)
        assert blind <= watched.counters.late_replies  # a slow machine may answer late, and that is counted
        assert watched.trouble == "no reply from unit id 2"
        rtu_bus.faults.clear(FaultKind.MUTE, 2)
        async with asyncio.timeout(20):
            while frames.frames[-1].quality[1] != Quality.GOOD:
                await frames.first("a", Quality.GOOD, after=len(frames.frames))
    assert watched.trouble == ""
