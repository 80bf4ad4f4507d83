"""Units over a real TCP socket, sound and faulty."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest
from pymodbus.client import AsyncModbusTcpClient

from drivers.registers import Area
from hil.modbus.faults import Fault, FaultKind
from hil.modbus.table import RegisterTable
from hil.modbus.tcp import CannotListen, TcpEndpoint


def unit(first: int) -> RegisterTable:
    table = RegisterTable()
    table.define(Area.HOLDING, 0, range(first, first + 20))
    return table


@pytest.fixture
async def endpoint() -> AsyncIterator[TcpEndpoint]:
    endpoint = TcpEndpoint("127.0.0.1", 0, {1: unit(100), 2: unit(200)}, seed=4)
    await endpoint.start()
    yield endpoint
    await endpoint.stop()


class Wire:
    """A client that sees bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, endpoint: TcpEndpoint) -> "Wire":
        return cls(*await asyncio.open_connection(endpoint.host, endpoint.port))

    def ask(self, transaction: int, unit_id: int = 1, pdu: str = "03 0000 0001") -> None:
        body = bytes((unit_id,)) + bytes.fromhex(pdu)
        self.writer.write(transaction.to_bytes(2, "big") + b"\0\0" + len(body).to_bytes(2, "big") + body)

    async def hear(self, count: int = 11) -> bytes:
        return await asyncio.wait_for(self.reader.readexactly(count), 5)

    async def silent(self) -> bool:
        """Nothing comes, although a later request of another unit was answered in between."""
        self.ask(0xEEEE, 2)
        return await self.hear() == reply(0xEEEE, 2, 200)


def reply(transaction: int, unit_id: int, value: int) -> bytes:
    return transaction.to_bytes(2, "big") + bytes((0, 0, 0, 5, unit_id, 3, 2)) + value.to_bytes(2, "big")


async def test_a_client_that_is_not_ours_reads_each_unit_behind_the_endpoint(endpoint):
    async with AsyncModbusTcpClient(endpoint.host, port=endpoint.port) as client:
        one = await client.read_holding_registers(0, count=20, device_id=1)
        two = await client.read_holding_registers(19, count=1, device_id=2)
        assert list(one.registers) == list(range(100, 120))
        assert two.registers == [219]
        assert (await client.read_holding_registers(20, count=1, device_id=1)).exception_code == 2
        assert (await client.read_holding_registers(0, count=1, device_id=9)).exception_code == 11
        assert (await client.write_register(0, 5, device_id=1)).exception_code == 1


async def test_pipelined_requests_and_requests_in_pieces_are_answered_in_order(endpoint):
    wire = await Wire.to(endpoint)
    for transaction in range(5):
        wire.ask(transaction)
    assert await wire.hear(55) == b"".join(reply(t, 1, 100) for t in range(5))
    for byte in bytes.fromhex("0007 0000 0006 02 03 0001 0001"):
        wire.writer.write(bytes((byte,)))
        await wire.writer.drain()
    assert await wire.hear() == reply(7, 2, 201)


@pytest.mark.parametrize(
    "garbage", ["0001 0001 0006 01 03 0000 0001", "0001 0000 FFFF 01 03", "474554202f204854"]
)
async def test_who_does_not_speak_modbus_is_disconnected_and_others_are_not(endpoint, garbage):
    stranger, wire = await Wire.to(endpoint), await Wire.to(endpoint)
    stranger.writer.write(bytes.fromhex(garbage))
    assert await asyncio.wait_for(stranger.reader.read(), 5) == b""
    wire.ask(1)
    assert await wire.hear() == reply(1, 1, 100)


async def test_a_port_in_use_is_named(endpoint):
    with pytest.raises(CannotListen, match=rf"127\.0\.0\.1:{endpoint.port}: the port is in use"):
        await TcpEndpoint("127.0.0.1", endpoint.port, {}).start()


async def test_stopping_closes_connections_and_frees_the_port(endpoint):
    wire = await Wire.to(endpoint)
    wire.ask(1)
    await wire.hear()
    await endpoint.stop()
    assert await asyncio.wait_for(wire.reader.read(), 5) == b""
    with socket.socket() as probe:
        assert probe.connect_ex((endpoint.host, endpoint.port)) != 0


async def test_a_mute_unit_leaves_its_neighbour_alone_until_it_speaks_again(endpoint):
    wire = await Wire.to(endpoint)
    endpoint.faults.set(Fault(FaultKind.MUTE, unit_id=1))
    wire.ask(1)
    assert await wire.silent()
    endpoint.faults.clear(FaultKind.MUTE, 1)
    wire.ask(2)
    assert await wire.hear() == reply(2, 1, 100)


async def test_another_unit_stands_in_for_one_that_is_absent_under_its_unit_id(endpoint):
    wire = await Wire.to(endpoint)
    endpoint.faults.set(Fault(FaultKind.STAND_IN, unit_id=1))
    wire.ask(1, unit_id=1)
    wire.ask(2, unit_id=2)
    assert await wire.hear() + await wire.hear() == reply(1, 1, 200) + reply(2, 2, 200)
    endpoint.faults.clear()
    wire.ask(3, unit_id=1)
    assert await wire.hear() == reply(3, 1, 100)


async def test_half_open_answers_nobody_and_keeps_connections(endpoint):
    wire = await Wire.to(endpoint)
    endpoint.faults.set(Fault(FaultKind.HALF_OPEN))
    late = await Wire.to(endpoint)
    late.ask(1)
    wire.ask(2)
    late.writer.write_eof()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(late.reader.read(), 0.2)
    endpoint.faults.clear()
    wire.ask(3)
    assert await wire.hear() == reply(3, 1, 100)


@pytest.mark.parametrize(
    ("fault", "heard"),
    [
        (Fault(FaultKind.EXCEPTION, code=6), bytes.fromhex("0001 0000 0003 01 83 06")),
        (Fault(FaultKind.WRONG_UNIT), reply(1, 2, 100)),
        (Fault(FaultKind.DOUBLE), reply(1, 1, 100) * 2),
        (Fault(FaultKind.LENGTH), bytes.fromhex("0001 0000 0004 01 03 02 0064")),
    ],
)
async def test_a_fault_hits_as_often_as_it_was_told_to(endpoint, fault, heard):
    endpoint.faults.set(Fault(fault.kind, times=1, code=fault.code))
    wire = await Wire.to(endpoint)
    wire.ask(1)
    assert await wire.hear(len(heard)) == heard
    wire.ask(2)
    assert await wire.hear() == reply(2, 1, 100)


@pytest.mark.parametrize(
    ("kind", "heard"),
    [(FaultKind.CLOSE, reply(1, 1, 100)), (FaultKind.HANG_UP, b""), (FaultKind.RESET, None)],
)
async def test_a_connection_ends_with_the_reply_or_instead_of_it(endpoint, kind, heard):
    endpoint.faults.set(Fault(kind, times=1))
    wire = await Wire.to(endpoint)
    wire.ask(1)
    if heard is None:
        with pytest.raises(ConnectionResetError):
            await wire.hear()
    else:
        assert await asyncio.wait_for(wire.reader.read(), 5) == heard
    again = await Wire.to(endpoint)
    again.ask(2)
    assert await again.hear() == reply(2, 1, 100)


async def test_a_connection_on_which_nothing_is_asked_is_closed(endpoint):
    endpoint.faults.set(Fault(FaultKind.IDLE, delay_s=0.1))
    wire = await Wire.to(endpoint)
    wire.ask(1)
    assert await wire.hear() == reply(1, 1, 100)
    assert await asyncio.wait_for(wire.reader.read(), 5) == b""


async def test_what_is_asked_too_soon_after_connecting_is_not_answered(endpoint):
    endpoint.faults.set(Fault(FaultKind.SETTLE, unit_id=1, delay_s=0.2))
    wire = await Wire.to(endpoint)
    began_s = time.monotonic()
    asked = 0
    while asked == 0 or time.monotonic() < began_s + 0.3:
        asked += 1
        wire.ask(asked)
        await asyncio.sleep(0.02)
    first = int.from_bytes((await wire.hear())[:2], "big")
    assert first > 1
    assert time.monotonic() - began_s >= 0.2


async def test_a_unit_that_takes_one_connection_closes_further_ones(endpoint):
    endpoint.faults.set(Fault(FaultKind.ONE_CLIENT))
    wire = await Wire.to(endpoint)
    wire.ask(1)
    assert await wire.hear() == reply(1, 1, 100)
    other = await Wire.to(endpoint)
    assert await asyncio.wait_for(other.reader.read(), 5) == b""
    wire.ask(2)
    assert await wire.hear() == reply(2, 1, 100)


async def test_a_reply_pauses_after_its_first_bytes(endpoint):
    endpoint.faults.set(Fault(FaultKind.PAUSE, delay_s=0.2))
    wire = await Wire.to(endpoint)
    wire.ask(1)
    began_s = time.monotonic()
    first = await wire.hear(6)
    assert first + await wire.hear(5) == reply(1, 1, 100)
    assert time.monotonic() - began_s >= 0.19


async def test_a_glued_reply_comes_in_front_of_the_next(endpoint):
    endpoint.faults.set(Fault(FaultKind.GLUE, unit_id=1, times=1))
    wire = await Wire.to(endpoint)
    wire.ask(1)
    wire.ask(2, unit_id=2)
    assert await wire.hear(22) == reply(1, 1, 100) + reply(2, 2, 200)


@pytest.mark.parametrize(
    ("fault", "numbers"),
    [
        (Fault(FaultKind.OWN_NUMBER, code=2), [512, 513, 514]),
        (Fault(FaultKind.ONE_NUMBER, code=2), [2, 2, 2]),
        (Fault(FaultKind.LAST_NUMBER), [0, 7, 8]),
    ],
)
async def test_a_gateway_numbers_its_replies_itself(endpoint, fault, numbers):
    endpoint.faults.set(fault)
    wire = await Wire.to(endpoint)
    for asked, number in zip((7, 8, 9), numbers, strict=True):
        wire.ask(asked)
        assert await wire.hear() == reply(number, 1, 100)


@pytest.mark.parametrize(
    ("fault", "heard"),
    [
        (Fault(FaultKind.SHIFTED), [b"", reply(2, 1, 101), reply(3, 1, 102)]),
        (Fault(FaultKind.TWO_BEHIND), [b"", b"", reply(3, 1, 101)]),
        (
            Fault(FaultKind.EXCEPTION_FIRST, code=11),
            [bytes.fromhex("0001 0000 0003 01 83 0B"), reply(2, 1, 101), reply(3, 1, 102)],
        ),
    ],
)
async def test_who_is_behind_gives_an_answer_the_number_of_a_later_request(endpoint, fault, heard):
    endpoint.faults.set(fault)
    wire = await Wire.to(endpoint)
    for transaction, said in enumerate(heard, start=1):
        wire.ask(transaction, pdu=f"03 {transaction:04x} 0001")
        assert await wire.hear(len(said)) == said
    endpoint.faults.clear()
    wire.ask(9)
    assert await wire.hear() == reply(9, 1, 100)


async def test_a_late_reply_is_overtaken_and_a_slow_one_is_not(endpoint):
    wire = await Wire.to(endpoint)
    endpoint.faults.set(Fault(FaultKind.LATE, unit_id=1, times=1, delay_s=0.1))
    wire.ask(1)
    wire.ask(2)
    assert await wire.hear(22) == reply(2, 1, 100) + reply(1, 1, 100)
    endpoint.faults.set(Fault(FaultKind.SLOW, unit_id=1, times=1, delay_s=0.1))
    begin = time.monotonic()
    wire.ask(3)
    wire.ask(4)
    assert await wire.hear(22) == reply(3, 1, 100) + reply(4, 1, 100)
    assert time.monotonic() - begin >= 0.1


async def test_noise_surrounds_a_whole_reply_and_truncation_cuts_it(endpoint):
    wire = await Wire.to(endpoint)
    endpoint.faults.set(Fault(FaultKind.NOISE, times=1))
    endpoint.faults.set(Fault(FaultKind.DROP, unit_id=2))
    wire.ask(1)
    wire.ask(2, unit_id=2)
    heard = await asyncio.wait_for(wire.reader.read(), 5)  # to the end: a drop closes
    noise, rest = heard.split(reply(1, 1, 100))
    assert 1 <= len(noise) <= 8
    assert any(reply(2, 2, 200).startswith(rest[-n:]) for n in range(1, 11))


async def test_the_same_seed_gives_the_same_faults():
    heard = []
    for _ in range(2):
        endpoint = TcpEndpoint("127.0.0.1", 0, {1: unit(100), 2: unit(200)}, seed=11)
        await endpoint.start()
        endpoint.faults.set(Fault(FaultKind.EXCEPTION, probability=0.5))
        wire = await Wire.to(endpoint)
        for transaction in range(40):
            wire.ask(transaction)
        wire.writer.write_eof()
        heard.append(await asyncio.wait_for(wire.reader.read(), 5))
        await endpoint.stop()
    assert heard[0] == heard[1]
    assert 9 * 40 < len(heard[0]) < 11 * 40


async def test_a_fault_that_tcp_does_not_have_is_refused(endpoint):
    with pytest.raises(ValueError, match="crc: there is no such fault on tcp"):
        endpoint.faults.set(Fault(FaultKind.CRC))
