"""Who sends an answer again gives to the next question the values of the one before: not to us."""

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest
from pymodbus.framer import FramerRTU

from agent.modbus.accepted import Accepted
from agent.modbus.came import Kind
from agent.modbus.far_line import FarLine
from agent.modbus.ports import Port
from agent.modbus.rtu_port import RtuPort
from agent.modbus.sent_again import MOST_IN_VAIN, SentAgain
from agent.modbus.tcp import TcpPort
from agent.modbus.unnumbered import UnnumberedPort
from drivers.registers import Area, Read

READS = [Read(Area.HOLDING, address, 2) for address in (100, 200, 300)]  # of one shape
OTHER = Read(Area.HOLDING, 400, 3)
TIMEOUT_S = 0.3
NUMBER = 2  # of all that the gateway says, as one that a user of sunsynk has (kellerza/sunsynk#680)


class Device:
    """Register N of unit U says 1000 * U + N, or 0.

    again: before its answers it says the one before once more, the `back`th; alone: and then nothing else.
    """

    def __init__(self, *, numbered: bool) -> None:
        self.again = self.alone = self.zeros = False
        self.back, self.asked, self.connections = 1, 0, 0
        self._numbered = numbered
        self._said: dict[int, list[bytes]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = 12 if self._numbered else 8
        self.connections += 1
        while len(request := await reader.read(size)) == size:
            self.asked += 1
            unit_id, code, address, count = struct.unpack_from(
                ">BBHH", request, size - 6 if size == 12 else 0
            )
            base = 0 if self.zeros else 1000 * unit_id + address
            words = [base + (0 if self.zeros else i) for i in range(count)]
            answer = bytes((unit_id, code, 2 * count)) + struct.pack(f">{count}H", *words)
            if self._numbered:
                answer = struct.pack(">HHH", NUMBER, 0, len(answer)) + answer
            else:
                answer += FramerRTU.compute_CRC(answer).to_bytes(2, "big")
            said = self._said.setdefault(unit_id, [])
            if self.again and len(said) >= self.back:
                writer.write(said[-self.back])
                await asyncio.sleep(0.05)  # much longer than the silence of a line
            said.append(answer)
            if not self.alone:
                writer.write(answer)
        writer.close()
        self.connections -= 1


@pytest.fixture(params=["rtu", "tcp"])
async def device(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Device, Port]]:
    device = Device(numbered=request.param == "tcp")
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    at: int = server.sockets[0].getsockname()[1]
    port: Port = (
        UnnumberedPort("127.0.0.1", at, accepted=Accepted(any_transaction=True))
        if request.param == "tcp"
        else RtuPort(FarLine("line", "127.0.0.1", at), 115200)
    )
    await port.open()
    yield device, port
    port.close()
    server.close()
    async with asyncio.timeout(10):
        while device.connections:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def values(port: Port, reads: list[Read], unit_id: int = 1) -> list[list[int]]:
    return [list((await port.ask(unit_id, read, TIMEOUT_S)).reply.words) for read in reads]


async def test_an_answer_that_comes_again_is_never_the_next_ones(device: tuple[Device, Port]) -> None:
    unit, port = device
    right = [[1100, 1101], [1200, 1201], [1300, 1301]]
    assert await values(port, READS) == right
    unit.again = True
    for unit.back in (1, 1, 1, 2, 3):
        assert await values(port, READS) == right
    assert unit.asked == 18  # none was asked twice


async def test_between_two_units_of_one_line_it_is_the_same(device: tuple[Device, Port]) -> None:
    unit, port = device
    for unit.again in (False, True, True):
        for read in READS:
            for unit_id in (1, 2):
                first = 1000 * unit_id + read.address
                assert await values(port, [read], unit_id) == [[first, first + 1]]


@pytest.mark.parametrize("read", [READS[0], OTHER], ids=["of its shape", "of another"])
async def test_one_that_comes_alone_is_said_and_counts_for_nothing(
    read: Read, device: tuple[Device, Port]
) -> None:
    unit, port = device
    await values(port, [*READS, OTHER])
    unit.again = True
    await values(port, READS)  # from here on it is known to repeat
    unit.alone = True
    answer = await port.ask(1, read, TIMEOUT_S)
    assert not len(answer.reply.words)
    assert answer.came.kind is Kind.AGAIN


async def test_blocks_that_say_the_same_cost_a_time_out_three_times(device: tuple[Device, Port]) -> None:
    unit, port = device
    unit.zeros = True
    loop, took_s = asyncio.get_running_loop(), []
    for _ in range(3):
        began_s = loop.time()
        assert await values(port, READS) == [[0, 0]] * 3
        took_s.append(loop.time() - began_s)
    assert took_s[0] + took_s[1] > MOST_IN_VAIN * TIMEOUT_S
    assert took_s[2] < TIMEOUT_S


async def test_blocks_of_one_that_repeats_may_say_the_same(device: tuple[Device, Port]) -> None:
    unit, port = device
    await values(port, READS)
    unit.again = True
    await values(port, READS)
    unit.zeros = True
    await values(port, READS)  # the first of them changes what is said
    assert await values(port, READS * 2) == [[0, 0]] * 6


async def test_the_same_question_again_costs_nothing(device: tuple[Device, Port]) -> None:
    _, port = device
    began_s = asyncio.get_running_loop().time()
    assert await values(port, READS[:1] * 5) == [[1100, 1101]] * 5
    assert asyncio.get_running_loop().time() - began_s < TIMEOUT_S


async def test_on_tcp_an_answer_of_long_before_is_passed_over_without_a_word() -> None:
    """Its number tells; no other is asked for, and the connection stays."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said: list[bytes] = []
        while len(request := await reader.read(12)) == 12:
            said.append(request[:4] + b"\0\7" + request[6:8] + b"\4" + request[8:12])
            writer.write(b"".join(said))  # all that it has ever said
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = TcpPort("127.0.0.1", server.sockets[0].getsockname()[1])
    await port.open()
    for read in READS * 3:
        assert await values(port, [read]) == [[read.address, 2]]
    assert port.is_open
    port.close()
    server.close()


def test_who_repeated_once_is_not_trusted_again() -> None:
    first, second, one, two = b"\1first", b"\1second", b"\1\3\4one", b"\1\3\4two"
    line = SentAgain()

    def doubted(request: bytes) -> set[bytes]:
        return set(line.doubted(request, [one[:3]]))

    assert line.answered(first, one, again=False, doubted=False)
    for _ in range(MOST_IN_VAIN):
        assert doubted(second) == {one}
        assert line.answered(second, one, again=True, doubted=True)
    assert doubted(second) == set()  # trusted: it said the same three times, and nothing else came
    assert line.overheard(b"noise" + one) == b"noise"
    assert doubted(second) == {one}  # until it is heard to repeat
    assert line.answered(second, two, again=True, doubted=False)
    assert not line.answered(first, two, again=True, doubted=True)
    assert line.answered(first, two, again=True, doubted=True)  # asked once more, it is the answer
    assert set(line.doubted(b"\2other", [b"\2\3\4"])) == set()  # another unit answers otherwise
