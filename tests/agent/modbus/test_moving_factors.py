"""Scale factors and counts that move while a unit is polled: no value is told by one that was another's."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from agent.clock import Clock
from agent.frame import Frame
from agent.modbus.bus import Bus
from agent.modbus.proof import load_of
from agent.modbus.tcp import TcpPort
from agent.modbus.unit import Unit
from agent.quality import Quality
from drivers.connect import assume
from drivers.layout import Layout
from drivers.line import Line
from drivers.profile.load import load_profile, parse_profile
from drivers.quantities import Poll
from drivers.sunspec.image import Sketch, compose

FAR = """
schema = 1
model = "far"
topology = { cells = 4 }
[[point]]
name = "v_sf"
address = 3000
type = "i16"
missing = 0x8000
poll = "identity"
[[point]]
name = "cell_voltage"
address = 100
count = 4
scale_factor = "v_sf"
unit = "V"
"""
NEAR = FAR.replace("3000", "150")
SLOW = FAR + 'poll = "state"\n'
COUNTED = """
schema = 1
model = "counted"
[[point]]
name = "cell_count"
address = 3000
[[point]]
name = "cell_voltage"
address = 100
count = "cell_count"
max_count = 8
unit = "mV"
"""
MILLIVOLTS = {100 + i: 3300 for i in range(8)}


@dataclass
class Device:
    """A unit whose registers change just before a request that `moves` picks out is answered."""

    registers: dict[int, int]
    later: dict[int, int]
    moves: Callable[[int, int], bool] = lambda _address, _count: False
    slow_s: float = 0.0
    asked: list[tuple[int, int]] = field(default_factory=list)
    unanswered: int = 0
    overtaken: bool = False  # a request came while another one of this connection waited

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers: set[asyncio.Task[None]] = set()
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(7)
                pdu = await reader.readexactly(struct.unpack(">H", head[4:6])[0] - 1)
                answers.add(asyncio.create_task(self._answer(head, *struct.unpack(">BHH", pdu), writer)))
        writer.close()

    async def _answer(
        self, head: bytes, code: int, address: int, count: int, writer: asyncio.StreamWriter
    ) -> None:
        self.asked.append((address, count))
        if self.moves(address, count):
            self.registers |= self.later
        self.overtaken |= self.unanswered > 0
        self.unanswered += 1
        await asyncio.sleep(self.slow_s)
        words = [self.registers.get(address + i, 0) & 0xFFFF for i in range(count)]
        self.unanswered -= 1
        reply = bytes([code, 2 * count]) + struct.pack(f">{count}H", *words)
        writer.write(head[:4] + struct.pack(">H", len(reply) + 1) + head[6:] + reply)


class Seen:
    """Frames in SI, and how often each schema came."""

    def __init__(self) -> None:
        self.values: list[tuple[np.ndarray, np.ndarray]] = []
        self.layouts: list[Layout] = []
        self._new = asyncio.Event()

    def frame(self, frame: Frame, layout: Layout) -> None:
        si = np.empty(layout.n)
        layout.to_si(frame.raw, frame.quality, si)
        self.values.append((si, frame.quality.copy()))
        self._new.set()

    def connected(self, _unit: Unit, layout: Layout) -> bytes:
        self.layouts.append(layout)
        self._new.set()
        return bytes(16)

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not wanted():
                self._new.clear()
                await self._new.wait()

    def good(self) -> set[float]:
        """Everything that was said to be good."""
        return {round(v, 6) for si, quality in self.values for v in si[quality == Quality.GOOD].tolist()}


@contextlib.asynccontextmanager
async def polled(device: Device, profile: str, in_flight: int = 1) -> AsyncIterator[Seen]:
    seen = Seen()
    async with device.served() as port:
        unit = Unit(
            name="u", rack="r", unit_id=1, profile=parse_profile(profile), line=Line.tcp(), period_s=0.05,
            timeout_s=1.0, has_transaction_ids=True, clock=Clock(), connected=seen.connected, emit=seen.frame,
        )  # fmt: skip
        bus = Bus("bus", TcpPort("127.0.0.1", port, in_flight=in_flight), [unit], Clock())
        task = asyncio.create_task(bus.run())
        try:
            yield seen
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def the(nth: int, address: int) -> Callable[[int, int], bool]:
    """The nth request for exactly this address, beginning with 1."""
    times = 0

    def moves(asked: int, _count: int) -> bool:
        nonlocal times
        times += asked == address
        return asked == address and times == nth

    return moves


# The first request for 3000 is the conversation's; then each cycle asks 3000, 100, 3000.
@pytest.mark.parametrize(
    ("profile", "moves"),
    [
        (FAR, the(6, 3000)),  # before the values of the third cycle
        (FAR, the(3, 100)),  # between the factor and the values
        (FAR, the(7, 3000)),  # between the values and the factor
        (FAR, the(1, 100)),  # between the conversation and the first values
        (NEAR, the(4, 100)),  # in one request
    ],
    ids=["before", "between", "after", "first", "near"],
)
async def test_a_factor_that_moves_never_makes_a_good_value_wrong(
    profile: str, moves: Callable[[int, int], bool]
) -> None:
    factor = 150 if profile is NEAR else 3000
    volts = {100 + i: 330 for i in range(4)}
    device = Device(MILLIVOLTS | {factor: -3}, volts | {factor: -2}, moves)
    async with polled(device, profile) as seen:
        await seen.until(lambda: len(seen.layouts) == 2)
        frames = len(seen.values)
        await seen.until(lambda: len(seen.values) > frames + 3)
    assert seen.good() == {3.3}
    assert seen.layouts[0].describe()["scale"][0] == 0.001  # a changed factor is a new schema
    assert seen.layouts[1].describe()["scale"][0] == 0.01
    assert (seen.values[frames][1] == Quality.GOOD).all()  # right at once


@pytest.mark.parametrize("word", [0x8000, 500], ids=["not available", "beyond all reason"])
@pytest.mark.parametrize("profile", [FAR, NEAR, FAR.replace("missing = 0x8000\n", "")])
async def test_while_a_factor_is_none_its_values_are_there_and_stale(profile: str, word: int) -> None:
    factor = 150 if profile is NEAR else 3000
    device = Device(MILLIVOLTS | {factor: -3}, {})
    async with polled(device, profile) as seen:
        await seen.until(lambda: len(seen.values) > 1)
        device.registers[factor] = word
        frames = len(seen.values) + 1  # the one that is on its way may be of before
        await seen.until(lambda: len(seen.values) > frames + 3)
        assert all((quality == Quality.STALE).all() for _, quality in seen.values[frames:])
        assert seen.values[-1][1].size == 4
        device.registers[factor] = -3
        frames = len(seen.values) + 1
        await seen.until(lambda: len(seen.values) > frames + 1)
        assert (seen.values[-1][1] == Quality.GOOD).all()
        assert len(seen.layouts) == 1, "nothing that was learned is lost"
        device.registers |= {factor: -2} | {100 + i: 330 for i in range(4)}
        await seen.until(lambda: len(seen.layouts) == 2)
        frames = len(seen.values)
        await seen.until(lambda: len(seen.values) > frames)
    assert seen.good() == {3.3}


async def test_a_factor_that_was_none_at_connect_is_taken_when_it_is_one() -> None:
    async with polled(device := Device(MILLIVOLTS | {3000: 0x8000}, {}), FAR) as seen:
        await seen.until(lambda: len(seen.values) > 1)
        assert seen.layouts[0].n == 0
        device.registers[3000] = -3
        await seen.until(lambda: len(seen.layouts) == 2 and seen.values[-1][0].size == 4)
    assert seen.good() == {3.3}


async def test_a_factor_that_never_stands_still_is_followed_twice_a_period_at_most() -> None:
    class Restless(Device):
        async def _answer(self, *asked: Any) -> None:
            self.registers[3000] = -3 if self.registers[3000] == -2 else -2
            await super()._answer(*asked)

    device = Restless(MILLIVOLTS | {3000: -3}, {})
    async with polled(device, FAR) as seen:
        clock = Clock()
        began_s = clock.boottime_s()
        await seen.until(lambda: len(seen.layouts) >= 8)
        periods = (clock.boottime_s() - began_s) / 0.05
    assert periods >= 3
    assert seen.good() == set()


async def test_a_factor_beyond_all_reason_is_none() -> None:
    async with polled(Device(MILLIVOLTS | {3000: 500}, {}), FAR) as seen:
        await seen.until(lambda: bool(seen.layouts))
    assert seen.layouts[0].n == 0
    assert seen.layouts[0].notes == ("cell_voltage: its scale factor v_sf is 500, which cannot be; not read",)


async def test_a_factor_of_slow_values_is_read_when_they_are() -> None:
    device = Device(MILLIVOLTS | {3000: -3}, {100 + i: 330 for i in range(4)} | {3000: -2}, the(1, 100))
    async with polled(device, SLOW) as seen:
        await seen.until(lambda: len(seen.layouts) == 2 and Quality.GOOD in seen.values[-1][1])
    assert seen.good() == {3.3}


@pytest.mark.parametrize(("was", "becomes"), [(8, 4), (4, 8)])
async def test_a_count_that_moves_under_the_values_takes_them_back(was: int, becomes: int) -> None:
    gone = {104 + i: 0 for i in range(4)} if becomes < was else {}
    device = Device(MILLIVOLTS | {3000: was}, gone | {3000: becomes}, the(3, 100))
    async with polled(device, COUNTED) as seen:
        await seen.until(lambda: len(seen.layouts) == 2)
        frames = len(seen.values)
        await seen.until(lambda: len(seen.values) > frames)
    assert [layout.n for layout in seen.layouts] == [was, becomes]
    assert seen.good() == {3.3}


async def test_requests_that_may_run_at_once_wait_for_the_factor() -> None:
    device = Device(MILLIVOLTS | {3000: -3}, {}, slow_s=0.01)
    async with polled(device, FAR, in_flight=4) as seen:
        await seen.until(lambda: len(seen.values) > 4)
    assert not device.overtaken
    assert device.asked[1:7] == [(3000, 1), (100, 4), (3000, 1)] * 2


async def test_a_sunspec_unit_whose_factor_moves_is_told_by_the_new_one() -> None:
    words = compose([Sketch(1), Sketch(802, points={"V": 5300, "V_SF": -2, "A": 10, "A_SF": -1})])
    later = compose([Sketch(1), Sketch(802, points={"V": 530, "V_SF": -1, "A": 10, "A_SF": -1})])
    device = Device(
        {40000 + i: w for i, w in enumerate(words)},
        {40000 + i: w for i, w in enumerate(later)},
    )
    async with polled(device, 'schema = 1\nmodel = "s"\nextends = "sunspec-lithium-ion"\n') as seen:
        await seen.until(lambda: len(seen.values) > 2)
        asked = len(device.asked)
        await seen.until(lambda: len(seen.values) > 4)
        assert len(device.asked) - asked <= 3  # all in one request
        device.registers |= device.later
        await seen.until(lambda: len(seen.layouts) == 2)
        frames = len(seen.values)
        await seen.until(lambda: len(seen.values) > frames)
    at = [layout.names.index("voltage") for layout in seen.layouts]
    assert seen.layouts[1].names[at[1]] == "voltage"
    volts = {si[at[0]] for si, quality in seen.values if quality[at[0]] == Quality.GOOD}
    assert volts == {53.0}


def test_the_proof_counts_the_reads_that_vouch_for_others() -> None:
    for text, further in ((FAR, 2), (COUNTED, 1), (NEAR, 0)):
        layout = assume(parse_profile(text), line=Line.rtu(9600))
        line = Line.rtu(9600)
        load = load_of("u", layout, line, 1.0, 0.5, has_transaction_ids=False)
        values = [i for i, again in enumerate(layout.plan.again) if not again]
        own_s = sum(layout.plan.read_s(i, line) for i in values)
        assert set(layout.plan.classes) == {Poll.SAFETY}
        assert load.safety_s == pytest.approx(own_s + further * line.read_s(layout.values[0].span.area, 1))


@pytest.mark.parametrize(
    ("name", "safety_reads"),
    [("eg4-ll", 1), ("jk-pb", 3), ("pylontech-powercube-m2", 33), ("soltaro-rack-b", 12)],
)
def test_what_vouching_costs_the_shipped_profiles(name: str, safety_reads: int) -> None:
    plan = assume(load_profile(name)).plan
    assert sum(poll is Poll.SAFETY for poll in plan.classes) == safety_reads
