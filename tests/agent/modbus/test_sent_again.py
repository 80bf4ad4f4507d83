"""Who sends an answer again gives to the next question the values of the one before: not to us."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pymodbus.framer import FramerRTU

from agent.modbus.far_line import FarLine
from agent.modbus.rtu_port import RtuPort
from agent.modbus.sent_again import MOST_IN_VAIN, SentAgain
from drivers.registers import Area, Read

READS = [Read(Area.HOLDING, address, 2) for address in (100, 200, 300)]  # of one shape
TIMEOUT_S = 0.3


class Device:
    """RTU over TCP: register N says N, or 0; `again`: before its answers it says the one before once more."""

    def __init__(self) -> None:
        self.again = self.zeros = False
        self.asked = 0
        self._last = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(8):
            self.asked += 1
            address, count = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
            words = b"".join((0 if self.zeros else address + i).to_bytes(2, "big") for i in range(count))
            answer = bytes((request[0], request[1], len(words))) + words
            answer += FramerRTU.compute_CRC(answer).to_bytes(2, "big")
            if self.again:
                writer.write(self._last)
                await asyncio.sleep(0.05)  # much longer than the silence of the line
            self._last = answer
            writer.write(answer)
        writer.close()


@pytest.fixture
async def device() -> AsyncIterator[tuple[Device, RtuPort]]:
    device = Device()
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    port = RtuPort(FarLine("line", "127.0.0.1", server.sockets[0].getsockname()[1]), 115200)
    await port.open()
    yield device, port
    port.close()
    server.close()


async def values(port: RtuPort, reads: list[Read]) -> list[list[int] | None]:
    answers = [await port.ask(1, read, TIMEOUT_S) for read in reads]
    return [None if (words := answer.reply.words) is None else list(words) for answer in answers]


async def test_an_answer_that_comes_again_is_never_the_next_ones(device: tuple[Device, RtuPort]) -> None:
    unit, port = device
    assert await values(port, READS) == [[100, 101], [200, 201], [300, 301]]
    unit.again = True
    for _ in range(5):
        assert await values(port, READS) == [[100, 101], [200, 201], [300, 301]]
    assert unit.asked == 18  # none was asked twice


async def test_blocks_that_say_the_same_cost_a_time_out_three_times(device: tuple[Device, RtuPort]) -> None:
    unit, port = device
    unit.zeros = True
    loop, took_s = asyncio.get_running_loop(), []
    for _ in range(3):
        began_s = loop.time()
        assert await values(port, READS) == [[0, 0]] * 3
        took_s.append(loop.time() - began_s)
    assert took_s[0] + took_s[1] > MOST_IN_VAIN * TIMEOUT_S
    assert took_s[2] < TIMEOUT_S


async def test_the_same_question_again_costs_nothing(device: tuple[Device, RtuPort]) -> None:
    _, port = device
    began_s = asyncio.get_running_loop().time()
    assert await values(port, READS[:1] * 5) == [[100, 101]] * 5
    assert asyncio.get_running_loop().time() - began_s < TIMEOUT_S


def test_who_repeated_once_is_not_trusted_again() -> None:
    first, second, one, two = b"\1first", b"\1second", b"\1one", b"\1two"
    line = SentAgain()
    for request in (first, second) * MOST_IN_VAIN:
        line.doubted(request, b"")
        line.answered(request, one, came_again=request == second)
    assert line.doubted(first, b"") == b""  # trusted: it said the same three times, and nothing else came
    assert line.doubted(first, b"noise" + one) == one  # until it is heard to repeat
    line.answered(first, two, came_again=True)
    assert line.doubted(second, b"") == two
    assert line.doubted(b"\2other", b"") == two  # another unit has its own account
