"""Devices that lose replies, and what they do when another read goes first: over real sockets."""

import asyncio
import contextlib
import struct
from collections import Counter
from collections.abc import Callable
from itertools import count

import pytest

from agent.modbus.tcp import BEHIND_S, TcpPort
from agent.modbus.unit import BACK_MOST
from agent.quality import Quality
from drivers.profile.load import parse_profile
from drivers.registers import Area
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.responder import exception
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import TcpEndpoint
from tests.agent.modbus.watched import Watched

ADDRESSES = (100, 101, 200, 201, 300, 301)  # three reads of one shape
PLANNED = 2  # registers
PROFILE = parse_profile(
    'schema = 1\nmodel = "m"\ngaps = "forbidden"\n'
    + "".join(f'[[point]]\nname = "cell_voltage_{n}"\naddress = {n}\n' for n in ADDRESSES)
)
SECONDS = 3.0
PERIOD_S = 0.1
PERIODS = 30  # of these seconds

CLOSE, LOST = b"close", b""
#: How many requests came before, and its own answer -> what goes out: that, LOST, CLOSE, that + CLOSE.
Habit = Callable[[int, bytes], bytes]


class Device:
    """Registers that hold their own addresses, and one habit. `connections`: since the beginning."""

    def __init__(self, habit: Habit) -> None:
        self.habit, self.connections, self.requests = habit, 0, 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                number, _, _, unit_id, function, first, count = struct.unpack(
                    ">HHHBBHH", await reader.readexactly(12)
                )
                words = struct.pack(f">{count}H", *range(first, first + count))
                said = self.habit(self.requests, bytes((function, 2 * count)) + words)
                self.requests += 1
                if pdu := said.removesuffix(CLOSE):
                    writer.write(struct.pack(">HHHB", number, 0, len(pdu) + 1, unit_id) + pdu)
                    await writer.drain()
                if said.endswith(CLOSE):
                    break
        writer.close()


async def whole_frames(host: str, port: int, seconds: float = SECONDS) -> int:
    """Poll a device for a while; return how many frames were whole. No value may be another's."""
    watched = Watched(TcpPort(host, port), PROFILE)
    task = asyncio.create_task(watched.bus.run())
    await asyncio.wait({task}, timeout=seconds)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    said = [
        (address, raw)
        for frame in watched.frames
        for address, raw, quality in zip(ADDRESSES, frame.raw, frame.quality, strict=True)
        if quality == Quality.GOOD
    ]
    assert [(address, raw) for address, raw in said if address != raw] == []
    assert len(watched.frames) <= (BACK_MOST + 2) * seconds / PERIOD_S
    return sum(bool((frame.quality == Quality.GOOD).all()) for frame in watched.frames)


async def polled(habit: Habit, seconds: float = SECONDS) -> tuple[Device, int]:
    """Poll a device of this habit; return it, and how many frames were whole."""
    device = Device(habit)
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    whole = await whole_frames(*server.sockets[0].getsockname(), seconds)
    server.close()
    return device, whole


async def polled_under(fault: Fault, strikes: Callable[[int], bool]) -> int:
    """Poll a unit of the bench that a fault strikes by the number of its request; return as above."""
    registers, requests = RegisterTable(), count()
    for address in ADDRESSES:
        registers.define(Area.HOLDING, address, [address])
    endpoint = TcpEndpoint("127.0.0.1", 0, {1: registers})
    endpoint.faults.habits[1] = lambda _request: [fault] if strikes(next(requests)) else []
    await endpoint.start()
    whole = await whole_frames(endpoint.host, endpoint.port)
    await endpoint.stop()
    assert next(requests) > 40
    return whole


def unlike_its_plan(pdu: bytes) -> bool:
    return pdu[1] != 2 * PLANNED


async def test_who_closes_after_each_answer_and_loses_every_fifth_is_read() -> None:
    _, whole = await polled(lambda n, pdu: LOST if n % 5 == 4 else pdu + CLOSE)
    assert whole >= PERIODS // 4


@pytest.mark.parametrize("instead", [LOST, CLOSE])
async def test_who_answers_no_other_read_is_read_all_the_same(instead: bytes) -> None:
    """Where it closes, that costs two connections, once; it is never taken for a refusal of its plan."""
    device, whole = await polled(
        lambda n, pdu: instead if unlike_its_plan(pdu) else LOST if n % 11 == 5 else pdu, 2 * SECONDS
    )
    assert whole >= PERIODS // 2
    assert device.connections <= 4


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 10, 11])
async def test_a_gateway_that_says_an_exception_and_is_behind_then_gives_no_value_of_another(
    code: int,
) -> None:
    """An exception comes in time, the gateway's or the unit's, and the answer under the next number."""
    fault = Fault(FaultKind.EXCEPTION_FIRST, code=code)
    whole = await polled_under(fault, lambda n: n >= 39 and (n + 1) % 40 <= 20)
    assert whole >= PERIODS // 4


@pytest.mark.parametrize("code", [0, 4], ids=["unknown", "a failure of its own"])
async def test_an_exception_that_says_nothing_of_the_block_is_asked_away(code: int) -> None:
    """The block is asked again in the same cycle."""
    whole = await polled_under(Fault(FaultKind.EXCEPTION, code=code), lambda n: n % 6 == 5)
    assert whole >= PERIODS * 3 // 4


async def test_who_refuses_a_block_and_each_other_length_gives_all_others() -> None:
    """What must be answered first is refused, too; that leaves no block unread."""
    refused, *blocks = (struct.pack(">HH", first, first + 1) for first in (200, 100, 300))
    given = Counter[bytes]()

    def habit(_n: int, pdu: bytes) -> bytes:
        if pdu[2:] not in blocks:
            return exception(pdu[0], 2 if pdu[2:] == refused else 3)
        given[pdu[2:]] += 1
        return pdu

    await polled(habit)
    assert min(given[block] for block in blocks) >= PERIODS // 2


async def test_who_stays_behind_is_connected_to_anew_no_more_than_once_a_second() -> None:
    held = [b"\x03\x04\x00\x64\x00\x65"]

    def habit(_n: int, pdu: bytes) -> bytes:
        held.append(pdu)
        return held.pop(0)

    device, whole = await polled(lambda n, pdu: LOST if n == 9 else pdu if n < 9 else habit(n, pdu))
    assert whole
    assert device.requests > 20
    assert device.connections <= 2 + SECONDS / BEHIND_S


async def test_who_is_two_answers_behind_makes_no_frame_of_each_answer() -> None:
    """It answers each read that is repeated, and no other."""
    assert await polled_under(Fault(FaultKind.TWO_BEHIND), lambda n: n >= 9)
