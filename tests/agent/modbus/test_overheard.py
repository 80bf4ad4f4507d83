"""A second master on a serial line: what answers it is never taken for the answer to us."""

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from simulated_line import sealed

from agent.clock import Clock
from agent.control.status import bus_report
from agent.frame import Frame
from agent.modbus.adu import RtuExchange
from agent.modbus.bus import Bus
from agent.modbus.came import Kind
from agent.modbus.overheard import (
    ANOTHER_MASTER,
    REMEDY,
    STRANGER_FOR_S,
    Strangers,
    answers_to,
    request_at,
)
from agent.modbus.ports import clock_s
from agent.modbus.serial_line import SerialPort
from agent.modbus.unit import Unit
from agent.quality import Quality
from drivers.line import Line
from drivers.profile.load import parse_profile
from drivers.registers import Area, Read

PROFILE = parse_profile('schema = 1\nmodel = "one"\n[[point]]\nname = "cell_voltage"\naddress = 0')
READ = Read(Area.HOLDING, 100, 4)
OURS = sealed(bytes.fromhex("01 03 08 0C 84 0C 86 0C 70 0C 81"))
THEIRS = sealed(bytes.fromhex("01 03 08 10 68 10 69 10 6A 10 6B"))  # of as many bytes, to the other master
REQUEST = sealed(bytes.fromhex("01 03 00 64 00 04"))
WORDS = [0x0C84, 0x0C86, 0x0C70, 0x0C81]

FOREIGN = {
    "another address": "01 03 00 C8 00 04",
    "another count": "01 03 00 64 00 08",
    "one that begins as our answer does": "01 03 08 0C 00 04",
    "another table": "01 04 00 64 00 04",
    "coils": "01 01 00 00 00 20",
    "another unit id": "02 03 00 64 00 04",
    "broadcast": "00 06 00 01 00 03",
    "write one coil": "01 05 00 AC FF 00",
    "write one register": "01 06 00 01 00 03",
    "diagnostics": "01 08 00 00 A5 37",
    "write coils": "01 0F 00 13 00 0A 02 CD 01",
    "write registers": "01 10 00 01 00 02 04 00 0A 01 02",
    "report its id": "01 11",
    "read a file record": "01 14 07 06 00 04 00 01 00 02",
    "mask a register": "01 16 00 04 00 F2 00 25",
    "read and write": "01 17 00 03 00 06 00 0E 00 03 06 00 FF 00 FF 00 FF",
    "read a queue": "01 18 04 DE",
    "read its identification": "01 2B 0E 01 00",
}


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_each_request_is_known_by_its_own_length_and_checksum(text: str) -> None:
    request = sealed(bytes.fromhex(text))
    assert request_at(b"\x55" + request + THEIRS, 1) == request
    assert request_at(request[:-1], 0) == b""
    assert request_at(request[:-1] + bytes((request[-1] ^ 1,)), 0) == b""


def test_an_answer_is_no_request() -> None:
    assert [request_at(OURS, at) for at in range(len(OURS))] == [b""] * len(OURS)
    assert request_at(sealed(b"\x02\x01\x03\xff\xff\xff"), 0) == b"", "three bytes of coils"
    assert answers_to(sealed(bytes.fromhex("00 06 00 01 00 03"))) == {}


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize("echo", [b"", REQUEST])
def test_nothing_behind_a_request_of_another_is_our_answer(text: str, size: int, echo: bytes) -> None:
    stream = echo + sealed(bytes.fromhex(text)) + THEIRS
    exchange = RtuExchange(1, READ)
    for at in range(0, len(stream), size):
        exchange.feed(stream[at : at + size])
        assert not exchange.found
    exchange.end()
    assert exchange.reply is None
    assert exchange.answered
    assert exchange.stranger == sealed(bytes.fromhex(text))


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_what_came_before_a_request_of_another_is_our_answer(text: str) -> None:
    exchange = RtuExchange(1, READ)
    exchange.feed(REQUEST + OURS + sealed(bytes.fromhex(text)) + THEIRS)
    exchange.end()
    assert exchange.reply is not None
    assert exchange.reply.words.tolist() == WORDS  # type: ignore[union-attr]


@pytest.mark.parametrize("part", range(9))
def test_a_request_that_was_heard_before_ours_or_half_before_is_owed_its_answer(part: int) -> None:
    foreign = sealed(bytes.fromhex("01 03 00 C8 00 04"))
    exchange = RtuExchange(1, READ, foreign[:part])
    exchange.feed(foreign[part:] + THEIRS)
    exchange.end()
    assert exchange.reply is None


@pytest.mark.parametrize(
    "before",
    [
        sealed(bytes.fromhex("01 03 00 C8 00 04")) + THEIRS,  # answered
        sealed(bytes.fromhex("01 03 00 C8 00 04")) + sealed(b"\x01\x83\x02"),  # refused
        sealed(bytes.fromhex("01 03 00 C8 00 09")),  # whose answer is longer than ours
        sealed(bytes.fromhex("02 03 00 C8 00 04")),  # another unit's to answer
        sealed(bytes.fromhex("00 06 00 01 00 03")),  # nobody's
    ],
)
def test_an_exchange_of_others_that_is_over_or_looks_otherwise_costs_nothing(before: bytes) -> None:
    exchange = RtuExchange(1, READ, before)
    exchange.feed(OURS)
    exchange.end()
    assert exchange.reply is not None
    assert exchange.stranger, "and is noticed all the same"


def test_a_refusal_that_may_be_the_others_is_not_ours() -> None:
    exchange = RtuExchange(1, READ, sealed(bytes.fromhex("01 03 27 10 00 20")))
    exchange.feed(sealed(b"\x01\x83\x02"))
    exchange.end()
    assert exchange.reply is None


def test_our_own_request_that_an_adapter_echoes_behind_noise_is_ours() -> None:
    exchange = RtuExchange(1, READ)
    exchange.feed(b"\xff" + REQUEST + OURS)
    exchange.end()
    assert exchange.reply is not None
    assert exchange.stranger == b""


def test_a_question_that_stayed_open_is_handed_on_to_the_next_exchange() -> None:
    foreign = sealed(bytes.fromhex("01 03 00 C8 00 04"))
    first = RtuExchange(1, READ)
    first.feed(OURS + foreign)
    second = RtuExchange(1, READ, first.end())
    second.feed(THEIRS)
    third = RtuExchange(1, READ, second.end())
    assert second.reply is None
    third.feed(OURS)
    third.end()
    assert third.reply is not None


#: Bytes and pauses (s) that follow the n-th request.
Script = Callable[[int], list[bytes | float]]


@contextlib.asynccontextmanager
async def line(tmp_path: Path, script: Script) -> AsyncIterator[SerialPort]:
    """A unit on a pty that answers as the script says, whoever asked."""
    master, slave = os.openpty()
    tty.setraw(slave)
    loop = asyncio.get_running_loop()
    requests = 0

    def hear() -> None:
        nonlocal requests
        os.read(master, 4096)
        requests += 1
        at_s = 0.0
        for item in script(requests):
            if isinstance(item, float):
                at_s += item
            else:
                loop.call_later(at_s, os.write, master, item)

    loop.add_reader(master, hear)
    port = SerialPort(os.ttyname(slave), 115200)
    await port.open()
    yield port
    port.close()
    loop.remove_reader(master)
    os.close(master)
    os.close(slave)


async def test_the_answer_to_another_master_is_damage_and_the_next_value_is_right(tmp_path: Path) -> None:
    foreign = sealed(bytes.fromhex("01 03 00 C8 00 04"))
    async with line(tmp_path, lambda n: [0.02, foreign, 0.03, THEIRS] if n == 1 else [0.01, OURS]) as port:
        answer = await port.ask(1, READ, 0.2)
        assert (answer.reply.quality, answer.damaged, answer.stranger) == (Quality.NO_REPLY, True, foreign)
        answer = await port.ask(1, READ, 0.2)
        assert list(answer.reply.words) == WORDS
        assert answer.stranger == b""


async def test_an_answer_that_overtakes_the_others_leaves_that_for_nobody(tmp_path: Path) -> None:
    foreign = sealed(bytes.fromhex("01 03 00 C8 00 04"))
    script: Script = lambda n: [0.01, foreign, OURS, 0.15, THEIRS] if n == 1 else [0.2, OURS]  # noqa: E731
    async with line(tmp_path, script) as port:
        assert (await port.ask(1, READ, 0.3)).damaged
        assert list((await port.ask(1, READ, 0.5)).reply.words) == WORDS


async def test_a_question_heard_while_nobody_here_asks_is_remembered(tmp_path: Path) -> None:
    foreign = sealed(bytes.fromhex("01 03 00 C8 00 04"))
    script: Script = lambda n: [0.01, OURS, 0.05, foreign] if n == 1 else [THEIRS if n == 2 else OURS]  # noqa: E731
    async with line(tmp_path, script) as port:
        assert list((await port.ask(1, READ, 0.3)).reply.words) == WORDS
        await asyncio.sleep(0.1)
        assert (await port.ask(1, READ, 0.3)).damaged
        assert list((await port.ask(1, READ, 0.3)).reply.words) == WORDS


async def test_each_request_of_another_is_counted_once_however_it_is_heard(tmp_path: Path) -> None:
    """In an exchange, while nobody asks (more than is remembered), and before silence: 1 + 100 + 1."""
    foreign = sealed(bytes.fromhex("01 03 00 C8 00 04"))
    script: Script = lambda n: [  # noqa: E731
        [0.01, foreign, 0.02, OURS, THEIRS],
        [0.01, OURS, *(item for _ in range(100) for item in (0.002, foreign, 0.002, THEIRS))],
        [0.01, foreign],
        [0.01, OURS],
        [0.01, OURS],
    ][n - 1]
    async with line(tmp_path, script) as port:
        counts = [(await port.ask(1, READ, 0.2)).strangers, (await port.ask(1, READ, 0.2)).strangers]
        while clock_s() - port._heard_s < 1.5:  # noqa: ASYNC110 (however busy the machine is)
            await asyncio.sleep(0.05)
        counts += [(await port.ask(1, READ, 0.2)).strangers for _ in range(3)]
    assert (counts[0], sum(counts), counts[3:]) == (1, 102, [0, 0])


def test_the_rate_is_that_of_the_last_minute_and_the_state_that_of_ten() -> None:
    request, strangers = sealed(bytes.fromhex("02 03 00 C8 00 04")), Strangers()
    assert strangers.said(0.0) == ""
    for second in range(0, 90, 5):
        strangers.heard(request, 2, float(second))
    assert strangers.per_minute(85.0) == 26
    assert "(unit id 2, function 3, address 200; 26 requests in the last minute)" in strangers.said(85.0)
    assert strangers.per_minute(400.0) == 0
    assert "last 315 s ago" in strangers.said(400.0)
    assert strangers.said(85.0 + STRANGER_FOR_S) == ""


def test_one_request_in_ten_minutes_may_be_noise() -> None:
    request, strangers = sealed(bytes.fromhex("02 03 00 C8 00 04")), Strangers()
    for second in (0.0, 700.0):
        strangers.heard(request, 1, second)
        assert strangers.said(second) == ""
        assert strangers.per_minute(second) == 1
    strangers.heard(request, 1, 1200.0)
    assert strangers.present(1200.0)
    assert strangers.present(1799.0)
    assert not strangers.present(1800.0)


async def test_a_reader_without_a_bus_says_the_same_from_the_second_on(tmp_path: Path) -> None:
    foreign = sealed(bytes.fromhex("01 03 00 C8 00 04"))
    async with line(tmp_path, lambda _: [0.01, foreign, THEIRS]) as port:
        kinds = [(await port.ask(1, READ, 0.1)).came.kind for _ in range(3)]
    assert kinds == [Kind.OTHER_REQUEST, Kind.OTHER_MASTER, Kind.OTHER_MASTER]


async def test_another_master_is_named_once_and_the_unit_says_why_it_is_not_understood(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    foreign = sealed(bytes.fromhex("01 03 00 C8 00 01"))
    answer = sealed(b"\x01\x03\x02\x10\x68")
    frames: list[Frame] = []
    async with line(
        tmp_path, lambda n: [0.01, sealed(b"\x01\x03\x02\x0c\xe4")] if n < 5 else [foreign, answer]
    ) as port:
        port.close()
        unit = Unit(
            name="unit",
            rack="rack",
            unit_id=1,
            profile=PROFILE,
            line=Line.rtu(115200),
            period_s=0.1,
            timeout_s=0.1,
            has_transaction_ids=port.has_transaction_ids,
            clock=Clock(),
            connected=lambda _unit, _layout: bytes(16),
            emit=lambda frame, _layout: frames.append(frame),
        )
        bus = Bus("bus", port, [unit], Clock())
        polling = asyncio.create_task(bus.run())
        async with asyncio.timeout(10):
            while ANOTHER_MASTER not in unit.trouble:
                await asyncio.wait({polling}, timeout=0.02)
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
    assert bus.trouble.startswith(f"{ANOTHER_MASTER} (unit id 1, function 3, address 200; ")
    assert 0 < bus.strangers_per_minute <= unit.counters.reads
    assert f" {bus.strangers_per_minute} requests in the last minute)" in bus.trouble
    assert bus_report(bus)["strangers_per_minute"] == bus.strangers_per_minute
    assert {int(frame.raw[0]) for frame in frames if frame.quality[0] == Quality.GOOD} <= {0x0CE4}
    told = [r.getMessage() for r in caplog.records if r.name == "agent.modbus.bus"]
    assert told == [f"bus bus: {ANOTHER_MASTER} (unit id 1, function 3, address 200); {REMEDY}"]
